//! A run that was started with somebody else's key.

use anyssh_testkit::emulator::Emulator;
use anyssh_testkit::key;

use super::{RUN, anyssh, home};

#[test]
fn a_pod_that_does_not_know_the_key_says_how_to_get_one_that_does() {
    let emulator = Emulator::flyte().with_authorized_key(key(2).public_key()).start_blocking().unwrap();
    let ran = anyssh(&home(), &emulator, &["flyte", RUN, "--", "true"]).run();
    let stderr = ran.exits(255).stderr.clone();
    assert!(stderr.contains("flyte: run pond-dbg: the server refused the credential"), "{stderr}");
    assert!(stderr.contains("hint: a pod takes only the key that its run was started with: --relaunch"), "{stderr}");
}
