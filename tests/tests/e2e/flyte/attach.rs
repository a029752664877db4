//! Waiting for a pod, and logging in to it.

use std::time::Duration;

use anyssh_testkit::emulator::{
    Attempt, Boot, Fault, FlyteEmulator, Link, Phase, RpcCode, RpcLogin, Run, Snapshot, TokenForm, Watching,
};

use super::super::support::file;
use crate::sdk::program;

use super::{ROUTE, RUN, anyssh, asked, builder, home};

/// The remote status comes back, and the session leaves no file of a launch.
#[track_caller]
fn logs_in(emulator: &FlyteEmulator) {
    let home = home();
    let ran = anyssh(&home, emulator, &["flyte", RUN, "--", "echo in; exit 7"]).run();
    assert_eq!(ran.exits(7).text(), "in\n");
    assert!(home.launches().is_empty(), "{:?}", home.launches());
}

#[test]
fn a_pod_is_waited_for_and_its_status_comes_back() {
    let boot = Boot::with(Snapshot::in_phase(Phase::Queued))
        .then(Snapshot::in_phase(Phase::Initializing))
        .lasting(Duration::from_millis(50))
        .then(Snapshot::serving());
    let emulator = builder().with_run(Run::new(RUN).with_boot(boot)).start_blocking().unwrap();
    emulator.add_fault(Fault::on("GET", ROUTE).status(404).times(2));
    logs_in(&emulator);
    let asked = asked(&emulator);
    assert!(asked.contains(&"WatchActionDetails 200".into()), "{asked:?}");
    let dials: Vec<&String> = asked.iter().filter(|line| line.starts_with(ROUTE)).collect();
    assert_eq!(dials[..2], [&format!("{ROUTE} 404"), &format!("{ROUTE} 404")], "{asked:?}");
    assert!(dials[2..].iter().all(|line| line.ends_with(" 101")), "{asked:?}");
}

/// The lines that `anyssh-emulator flyte` prints are all that a client needs.
#[test]
fn the_emulator_as_a_program_is_logged_in_to_with_the_variables_it_prints() {
    let key = anyssh_testkit::key(1).public_key().to_openssh().unwrap();
    let script = serde_json::json!({ "authorized_keys": [key], "debug_runs": ["pond-dbg", "other-dbg"] });
    let emulator = program::Emulator::start(&["flyte"], &script.to_string());
    let home = home();
    let mut run = home.anyssh(&["flyte", RUN, "--", "echo in; exit 7"]);
    for (name, value) in emulator.variables() {
        run = run.env(name, value);
    }
    assert_eq!(run.run().exits(7).text(), "in\n");
    emulator.end();
}

#[test]
fn streams_that_fail_or_say_nothing_are_made_up_for() {
    for watching in [
        Watching::FailsAfter(0, RpcCode::Unimplemented),
        Watching::CutAfter(1),
        Watching::EndsAfter(1),
        Watching::FailsAfter(1, RpcCode::Unavailable),
        Watching::Silent,
    ] {
        let boot = Boot::with(Snapshot::in_phase(Phase::Queued)).shown(2).then(Snapshot::serving());
        let emulator = builder().with_run(Run::new(RUN).with_boot(boot)).start_blocking().unwrap();
        emulator.set_watching(watching);
        logs_in(&emulator);
    }
}

#[test]
fn the_newest_attempt_is_the_one_that_is_entered() {
    let again = Snapshot::in_phase(Phase::Running)
        .attempt(Attempt::in_phase(Phase::Failed).link(Link::ide()))
        .attempt(Attempt::in_phase(Phase::Running).link(Link::ide().followed_by("/x%2Fy?a=b%20c&d=$HOME")));
    let emulator = builder().with_run(Run::new(RUN).with_boot(Boot::with(again))).start_blocking().unwrap();
    logs_in(&emulator);
    let requests = emulator.requests();
    let dial = requests.iter().find(|request| request.status == Some(101)).unwrap();
    assert_eq!(dial.path, "/pods/pond-dbg/a0/2/x%2Fy");
}

#[test]
fn tokens_of_all_forms_open_the_way_and_calls_that_need_one_have_it() {
    for form in [TokenForm::Jwt, TokenForm::Opaque, TokenForm::OpaqueForever] {
        let builder = builder().with_tokens(form, Duration::from_secs(600)).with_rpc_login(RpcLogin::Required);
        logs_in(&builder.start_blocking().unwrap());
    }
}

/// The authority of `caCertFilePath` counts for calls, for the login, for the probe and for the tunnel.
#[test]
fn with_tls_an_own_authority_is_trusted_everywhere_or_nowhere() {
    let emulator = builder().with_tls().start_blocking().unwrap();
    logs_in(&emulator);
    let home = home();
    let unknown = anyssh(&home, &emulator, &["flyte", RUN, "--", "true"]);
    let config = emulator.config("POND_SECRET").replace("caCertFilePath", "# caCertFilePath");
    file(&home.beside("flyte.yaml"), &config, 0o600);
    let before = emulator.requests().len();
    assert!(unknown.run().exits(255).stderr.contains("ertificate"));
    assert_eq!(emulator.requests().len(), before);
}

/// K8: a token that was revoked is asked for anew, once.
#[test]
fn a_token_that_is_not_good_any_more_is_replaced_once() {
    let (home, emulator) = (home(), builder().start_blocking().unwrap());
    let run = || anyssh(&home, &emulator, &["flyte", RUN, "--", "echo in"]).run();
    assert_eq!(run().exits(0).text(), "in\n");
    let logins = || asked(&emulator).iter().filter(|line| line.starts_with("/oauth2/token")).count();
    let before = logins();
    emulator.revoke_tokens();
    assert_eq!(run().exits(0).text(), "in\n");
    assert_eq!(logins(), before + 1);
}

#[test]
fn a_run_that_is_over_and_a_way_that_is_barred_are_told_at_once() {
    let cases: [(Option<Snapshot>, Option<Fault>, &str); 4] = [
        (Some(Snapshot::in_phase(Phase::Failed).error("OOMKilled", "too big")), None, "failed"),
        (Some(Snapshot::in_phase(Phase::Running).aborted("enough")), None, "aborted"),
        (None, Some(Fault::on("GET", ROUTE).status(403).always()), "403"),
        (
            None,
            Some(Fault::on("GET", ROUTE).status(302).header("location", "https://login.example/").always()),
            "redirect",
        ),
    ];
    for (snapshot, fault, word) in cases {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        if let Some(snapshot) = snapshot {
            emulator.show(RUN, "a0", snapshot).unwrap();
        }
        if let Some(fault) = fault {
            emulator.add_fault(fault);
        }
        let ran = anyssh(&home, &emulator, &["--timeout", "20s", "flyte", RUN, "--", "true"]).run();
        let said = ran.exits(255).stderr.to_lowercase();
        assert!(said.contains(word), "{word}: {said}");
        assert!(ran.took < Duration::from_secs(10), "{word}: {:?}", ran.took);
    }
    let (home, emulator) = (home(), builder().start_blocking().unwrap());
    let missing = anyssh(&home, &emulator, &["flyte", "nobody", "--", "true"]).run();
    assert!(missing.exits(255).stderr.contains("nobody"), "{}", missing.stderr);
}

/// A pod with another key under the same name is not talked to.
#[test]
fn a_changed_host_key_of_the_same_pod_is_a_hard_stop() {
    let (home, emulator) = (home(), builder().start_blocking().unwrap());
    let run = || anyssh(&home, &emulator, &["flyte", RUN, "--", "echo in"]).run();
    run().exits(0);
    emulator.change_host_keys();
    let stopped = run();
    assert_eq!(stopped.exits(255).text(), "");
    assert!(stopped.stderr.contains("host key"), "{}", stopped.stderr);
}

#[test]
fn the_deadline_ends_what_never_comes() {
    let never = Boot::with(Snapshot::in_phase(Phase::Queued));
    let hang = || Fault::on("GET", ROUTE).delay(Duration::MAX).always();
    for (boot, fault) in [
        (never, None),
        (Boot::default(), Some(hang())),
        (Boot::default(), Some(Fault::on("GET", ROUTE).status(502).always())),
    ] {
        let emulator = builder().with_run(Run::new(RUN).with_boot(boot)).start_blocking().unwrap();
        if let Some(fault) = fault {
            emulator.add_fault(fault);
        }
        let home = home();
        let ran = anyssh(&home, &emulator, &["--timeout", "2s", "flyte", RUN, "--", "true"]).run();
        ran.exits(255);
        assert!(ran.took < Duration::from_secs(8), "{:?}", ran.took);
        assert!(ran.stderr.contains("error: "), "{}", ran.stderr);
    }
}
