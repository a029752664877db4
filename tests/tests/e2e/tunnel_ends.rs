//! How a session over a WebSocket ends when something breaks under it.

use std::time::Duration;

use anyssh_server::{Cut, Script};
use rustix::process::{Pid, Signal, kill_process};

use super::support::{Gateway, Home, processes, until};

const TOKEN: &str = "bearer-of-the-guest";

/// Far less than ssh's own keep-alive takes.
const SOON: Duration = Duration::from_secs(3);

/// N6, N7: the server goes away under an idle session: ssh ends at once, and the reason is shown.
#[test]
fn an_idle_session_ends_at_once_when_its_tunnel_is_cut() {
    let gateway = Gateway::start(50, "pass word");
    for (how, words) in [
        (Cut::CloseFrame(1001), "close code 1001"),
        (Cut::CloseFrame(1011), "close code 1011"),
        (Cut::Fin, "ended by its server"),
        (Cut::Rst, "tunnel: "),
    ] {
        let bridge = gateway.bridge(TOKEN, Script::new());
        let home = Home::new();
        let running = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "echo up; sleep 60"]).start();
        running.says("up");
        bridge.cut_tunnels(how);
        let since = std::time::Instant::now();
        let ran = running.finish();
        assert!(since.elapsed() < SOON, "{how:?}: {:?}", since.elapsed());
        assert!(ran.exits(255).stderr.contains(words), "{how:?}: {}", ran.stderr);
        assert_eq!(home.launches(), Vec::<std::path::PathBuf>::new());
    }
}

/// N6, N7: so does a transfer, and the reason is shown.
#[test]
fn a_transfer_that_is_cut_ends_at_once() {
    let gateway = Gateway::start(51, "pass word");
    for (how, name) in [
        (Cut::CloseFrame(1000), "ended by its server (close code 1000)"),
        (Cut::CloseFrame(1011), "ended by its server (close code 1011)"),
        (Cut::Fin, "ended by its server"),
        (Cut::Rst, "tunnel: the tunnel "),
    ] {
        let bridge = gateway.bridge(TOKEN, Script::new().cut_after(1_000_000, how));
        let words = ["guest", "room", "--", "head -c 50000000 /dev/zero"];
        let ran = Home::new().guest(&gateway.through(&bridge), &words).run();
        assert!(ran.exits(255).took < Duration::from_secs(20), "{how:?}: {:?}", ran.took);
        assert!(ran.stderr.contains(name), "{how:?}: {}", ran.stderr);
        // How much of it ssh itself still hands on is ssh's to say.
        assert!(ran.stdout.len() < 1_000_000, "{how:?}: {}", ran.stdout.len());
    }
}

#[test]
fn a_helper_that_is_killed_ends_ssh_and_leaves_nothing() {
    let gateway = Gateway::start(52, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new());
    let home = Home::new();
    let running = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "echo up; sleep 60"]).start();
    running.says("up");
    let session = running.pid().as_raw_nonzero().get();
    let is_helper = |words: &[u8]| words.ends_with(b"\0tunnel-helper\0v1\0");
    let helper = processes().into_iter().find(|process| process.session == session && is_helper(&process.words));
    kill_process(Pid::from_raw(helper.expect("a helper").pid).unwrap(), Signal::KILL).unwrap();
    let ran = running.finish();
    ran.exits(255);
    assert_eq!(home.launches(), Vec::<std::path::PathBuf>::new());
    until("the end of the tunnel", || bridge.open_tunnels() == 0);
}

/// N6: ssh's end is the helper's end, and the gateway hears of it.
#[test]
fn nothing_is_left_when_ssh_is_interrupted() {
    let gateway = Gateway::start(53, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new());
    let home = Home::new();
    let running = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "echo up; sleep 60"]).start();
    running.says("up");
    running.signal(Signal::TERM);
    running.finish().exits(143);
    assert_eq!(home.launches(), Vec::<std::path::PathBuf>::new());
    until("the end of the tunnel", || bridge.open_tunnels() == 0);
}
