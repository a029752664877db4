//! What becomes of our side when the others end badly: whoever it works for is killed, or the gateway gives up.

use std::time::{Duration, Instant};

use anyssh_server::{Act, Script};
use anyssh_tests::guest;
use rustix::process::{Pid, Signal, kill_process};

use super::support::{Gateway, Home, processes, until};

/// N6, P10: a helper whose ssh was killed ends although its gateway hangs.
#[test]
fn a_helper_whose_ssh_was_killed_does_not_wait_for_its_gateway() {
    let gateway = Gateway::start(60, "pass word");
    let bridge = gateway.bridge("bearer-of-the-guest", Script::new().always(Act::Hang));
    let home = Home::new();
    let running = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "true"]).start();
    until("a dial", || bridge.requests().len() == 1);
    let session = running.pid().as_raw_nonzero().get();
    let ours = || processes().into_iter().filter(|process| process.session == session).collect::<Vec<_>>();
    let is_helper = |words: &[u8]| words.ends_with(b"\0tunnel-helper\0v1\0");
    assert!(ours().iter().any(|process| is_helper(&process.words)));
    // First the launcher, which would start another ssh.
    kill_process(running.pid(), Signal::KILL).unwrap();
    for process in ours().iter().filter(|process| !is_helper(&process.words)) {
        let _gone_already = kill_process(Pid::from_raw(process.pid).unwrap(), Signal::KILL);
    }
    let since = Instant::now();
    until("the end of the helper", || !ours().iter().any(|process| is_helper(&process.words)));
    // Far less than the dial may take.
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

/// P10, C6: nobody reads what the verb will say, so it does not wait for the session; what it made is revoked.
#[test]
fn the_verb_ends_when_its_reader_does_although_there_is_no_session_yet() {
    let home = Home::new();
    let scenario = guest::Scenario { create: guest::Act::Hang, ..guest::Scenario::default() };
    let shell = r#"{ "$0" "$@" </dev/null; echo "status $?" >&2; } | true"#;
    let ran = home.guest(&scenario, &["-q", "tunnel", "guest", "room"]).shell(shell).run();
    assert!(ran.stderr.ends_with("status 129\n") && ran.took < Duration::from_secs(15), "{ran:?}");
    assert_eq!(home.begun("revoke").len(), home.begun("create").len());
}

/// N7: a gateway that gives up in the middle says why, and whoever runs the verb hears it; a normal end is quiet.
#[test]
fn the_verb_tells_why_a_gateway_gave_up_after_it_had_begun() {
    let gateway = Gateway::start(61, "pass word");
    for (close, status, words) in [(&b"\x88\x06\x03\xf3over"[..], 7, "close code 1011: over"), (b"\x88\0", 0, "")] {
        let bytes = [&b"\x82\x0bSSH-2.0-x\r\n"[..], close].concat();
        let bridge = gateway.bridge("bearer-of-the-guest", Script::new().always(Act::Bytes(bytes)));
        let shell = r#"sleep 4 2>/dev/null | "$0" "$@""#;
        let ran = Home::new().guest(&gateway.through(&bridge), &["-q", "tunnel", "guest", "room"]).shell(shell).run();
        assert_eq!(ran.exits(status).text(), "SSH-2.0-x\r\n");
        assert!(ran.stderr.contains(words) && ran.stderr.is_empty() == words.is_empty(), "{}", ran.stderr);
    }
}
