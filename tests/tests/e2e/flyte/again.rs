//! Runs that are started again, and sessions that are made anew.

use anyssh_testkit::emulator::{Emulator, Run};

use super::{anyssh, home};

/// The name is the same each time, so the run of the first command is that of the second, until it is over.
#[test]
fn a_run_is_started_again_once_and_when_that_is_over_another_name_is_asked_for() {
    let (home, emulator) = (home(), Emulator::flyte().with_run(Run::plain("newt")).start_blocking().unwrap());
    let relaunch = ["flyte", "newt", "--relaunch", "--", "echo in"];
    for _ in 0..2 {
        assert_eq!(anyssh(&home, &emulator, &relaunch).run().exits(0).text(), "in\n");
    }
    assert_eq!(emulator.runs(), ["newt", "newt-dbg"]);

    let revoke = ["revoke", "flyte", "newt-dbg", "--session-id", "newt-dbg.a0.1", "--abort-run"];
    anyssh(&home, &emulator, &revoke).run().exits(0);
    let ran = anyssh(&home, &emulator, &relaunch).run();
    let over = "newt-dbg, action a0: it is over: aborted: revoked with anyssh; --name NAME starts another one";
    assert!(ran.exits(255).stderr.contains(over), "{}", ran.stderr);
    let named = ["flyte", "newt", "--relaunch", "--name", "newt-2", "--", "echo in"];
    assert_eq!(anyssh(&home, &emulator, &named).run().exits(0).text(), "in\n");
}

#[test]
fn a_new_token_is_told_apart_from_one_that_replaces_the_old() {
    let (home, emulator) = (home(), super::builder().start_blocking().unwrap());
    let words = ["regenerate", "flyte", super::RUN, "--session-id", "pond-dbg.a0.1"];
    let ran = anyssh(&home, &emulator, &words).run();
    let note = "note: the old credential is good until it ends by itself: this provider cannot end it\n";
    assert!(ran.exits(0).stderr.contains(note), "{}", ran.stderr);
}
