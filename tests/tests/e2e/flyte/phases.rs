//! Each phase of a run: waited for by its name, or the end by its name.

use std::time::Duration;

use anyssh_testkit::emulator::{Boot, Phase, Run, Snapshot};

use super::{RUN, anyssh, builder, home};

/// S8: phases that are not the end are waited for and told, known or not, and so is a pod without a link.
#[test]
fn every_phase_before_the_end_is_waited_for_and_told() {
    let phases = [
        (Phase::Unspecified, "the run is unspecified"),
        (Phase::Queued, "the run is queued"),
        (Phase::WaitingForResources, "the run is waiting for resources"),
        (Phase::Initializing, "the run is initializing"),
        (Phase::Paused, "the run is paused"),
        (Phase::Unknown(42), "the run is 42"),
        // Its pod runs, and its link is late.
        (Phase::Running, "the run is running"),
    ];
    let mut boot = Boot::with(Snapshot::in_phase(phases[0].0)).lasting(Duration::from_millis(50));
    for (phase, _) in &phases[1..] {
        boot = boot.then(Snapshot::in_phase(*phase)).lasting(Duration::from_millis(50));
    }
    let run = Run::new(RUN).with_boot(boot.then(Snapshot::serving()));
    let (home, emulator) = (home(), builder().with_run(run).start_blocking().unwrap());
    let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "echo in; exit 7"]).run();
    assert_eq!(ran.exits(7).text(), "in\n");
    for (phase, told) in phases {
        assert!(ran.stderr.contains(told), "{phase:?}: {}", ran.stderr);
    }
}

/// Each phase that is the end ends the wait at once, whether it was so from the start or comes meanwhile.
#[test]
fn every_phase_that_is_the_end_is_told_at_once() {
    let phases = [
        (Phase::Succeeded, "succeeded"),
        (Phase::Failed, "failed"),
        (Phase::Aborted, "aborted"),
        (Phase::TimedOut, "timed out"),
        (Phase::Recovered, "recovered"),
    ];
    for (phase, name) in phases {
        let over = Snapshot::in_phase(phase);
        let late = Boot::with(Snapshot::in_phase(Phase::Queued)).lasting(Duration::from_millis(100)).then(over.clone());
        for boot in [Boot::with(over), late] {
            let run = Run::new(RUN).with_boot(boot);
            let (home, emulator) = (home(), builder().with_run(run).start_blocking().unwrap());
            let words = ["--error-format", "json", "flyte", RUN, "--", "true"];
            let ran = anyssh(&home, &emulator, &words).run();
            let error = ran.exits(255).error();
            assert_eq!((error["code"].as_u64(), error["kind"].as_str()), (Some(9), Some("failed")), "{error}");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(&format!("it is over: {name}")), "{message}");
            assert!(message.ends_with("; --relaunch starts it again in debug mode"), "{message}");
            assert!(ran.took < Duration::from_secs(10), "{phase:?}: {:?}", ran.took);
        }
    }
}

/// S8: the deadline ends what never comes, and the phase that was seen last is named.
#[test]
fn a_run_that_never_comes_up_is_a_timeout_that_names_its_phase() {
    for (phase, name) in [(Phase::WaitingForResources, "waiting for resources"), (Phase::Unknown(42), "42")] {
        let run = Run::new(RUN).with_boot(Boot::with(Snapshot::in_phase(phase)));
        let (home, emulator) = (home(), builder().with_run(run).start_blocking().unwrap());
        let words = ["--timeout", "2s", "--error-format", "json", "flyte", RUN, "--", "true"];
        let ran = anyssh(&home, &emulator, &words).run();
        let error = ran.exits(255).error();
        let message = error["message"].as_str().unwrap();
        assert!(error["code"] == 8 && message.contains(&format!("the run is {name}")), "{error}");
        assert!(ran.took < Duration::from_secs(8), "{:?}", ran.took);
    }
}
