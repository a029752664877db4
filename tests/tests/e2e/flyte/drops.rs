//! Tunnels that are cut.

use std::time::{Duration, Instant};

use anyssh_testkit::emulator::{Cut, FlyteEmulator};

use super::super::support::{Anyssh, Home, Ran, until};
use super::ssh_config::User;
use super::{RUN, anyssh, builder, home};

/// How long an idle session may outlive its tunnel. The aim is a second; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// N6, N7: an idle session ends when its tunnel does, however that ends, and the user reads how.
#[test]
fn an_idle_session_ends_when_its_tunnel_is_cut() {
    for (cut, name) in [
        (Cut::Fin, "tunnel: the tunnel was ended by its server"),
        (Cut::Rst, "tunnel: the tunnel broke: "),
        (Cut::CloseFrame(1001), "tunnel: the tunnel was ended by its server (close code 1001)"),
        (Cut::CloseFrame(1011), "tunnel: the tunnel was ended by its server (close code 1011)"),
    ] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        let running = anyssh(&home, &emulator, &["flyte", RUN, "--", "echo up; sleep 60"]).start();
        running.says("up");
        let since = Instant::now();
        emulator.cut_tunnels(cut);
        let ran = running.finish();
        assert!(since.elapsed() < SOON, "{cut:?}: {:?}", since.elapsed());
        assert!(ran.exits(255).stderr.contains(name), "{cut:?}: {}", ran.stderr);
        assert!(home.launches().is_empty(), "{cut:?}: {:?}", home.launches());
        until("the end of all tunnels", || emulator.tunnels() == 0);
    }
}

/// N6: so does one in the middle of a transfer, and what did arrive is what was sent.
#[test]
fn a_transfer_that_is_cut_ends_and_loses_nothing_before_that() {
    for (cut, name) in [(Cut::Fin, "ended by its server"), (Cut::Rst, "tunnel: the tunnel ")] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        // The first tunnel asks whether the server speaks, others may read its key: none sends as much.
        emulator.cut_after(Some((4 << 20, cut)));
        let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "yes"]).run();
        assert!(ran.exits(255).stderr.contains(name), "{cut:?}: {}", ran.stderr);
        assert!(ran.stdout.len() > 1 << 20, "{cut:?}: {} bytes", ran.stdout.len());
        assert!(ran.stdout.chunks(2).all(|two| b"y\n".starts_with(two)), "{cut:?}");
    }
}

/// N6: and one that sends.
#[test]
fn an_upload_that_is_cut_ends_and_is_named() {
    for (cut, name) in [(Cut::Fin, "ended by its server"), (Cut::Rst, "tunnel: the tunnel ")] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        emulator.cut_after(Some((4 << 20, cut)));
        let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "cat >/dev/null"]).stdin(vec![7; 64 << 20]).run();
        assert!(ran.exits(255).stderr.contains(name), "{cut:?}: {}", ran.stderr);
        assert!(ran.took < Duration::from_secs(20), "{cut:?}: {:?}", ran.took);
    }
}

/// N6: bytes that stop without a word are found by ssh's own keep-alives, as fast as the user wants.
#[test]
fn a_black_hole_ends_by_the_keep_alives_that_the_user_asked_for() {
    let words = ["flyte", RUN, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "--"];
    for (command, cut_after) in [("echo up; sleep 60", None), ("yes", Some(4 << 20)), ("cat >/dev/null", Some(4 << 20))]
    {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        emulator.cut_after(cut_after.map(|bytes| (bytes, Cut::BlackHole)));
        let run = fed(anyssh(&home, &emulator, &[&words[..], &[command]].concat()), command);
        let ran = black_holed(run, &emulator, cut_after.is_none());
        let name = "Timeout, server 127.0.0.1 not responding";
        assert!(ran.exits(255).stderr.contains(name), "{command}: {}", ran.stderr);
        assert!(ran.took < Duration::from_secs(20), "{command}: {:?}", ran.took);
        assert!(home.launches().is_empty(), "{command}: {:?}", home.launches());
    }
}

/// N6: whoever asked for nothing is told after two of the tunnel's pings, 20 seconds apart, whether it was
/// idle, read or wrote, and so is a plain ssh with the block. All at once, for it takes its time.
#[test]
fn a_black_hole_is_found_by_the_tunnels_own_pings() {
    let idle = "echo up; sleep 100";
    std::thread::scope(|scope| {
        for (command, cut_after) in [(idle, None), ("yes", Some(4 << 20)), ("cat >/dev/null", Some(4 << 20))] {
            scope.spawn(move || {
                let (home, emulator) = (home(), builder().start_blocking().unwrap());
                emulator.cut_after(cut_after.map(|bytes| (bytes, Cut::BlackHole)));
                let run = fed(anyssh(&home, &emulator, &["flyte", RUN, "--", command]), command);
                found_by_pings(command, &black_holed(run, &emulator, cut_after.is_none()), &home);
            });
        }
        scope.spawn(move || {
            let user = User::usual();
            let run = user.tool("ssh", &["flyte-debug", idle]);
            found_by_pings("the block", &black_holed(run, &user.emulator, true), &user.home);
        });
    });
}

/// N6, N8: a tunnel that breaks before anybody is logged in, while the host key is read for the first time.
#[test]
fn a_cut_before_the_host_key_is_known_ends_by_the_deadline_and_is_named() {
    for (cut, name) in [CUTS[0], CUTS[1], (Cut::BlackHole, "the deadline passed before the host key")] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        // More than the banners, and less than a key exchange.
        emulator.cut_after(Some((1000, cut)));
        let ran = anyssh(&home, &emulator, &["--timeout", "6s", "flyte", RUN, "--", "echo in"]).run();
        assert_eq!(ran.exits(255).text(), "", "{cut:?}");
        assert!(ran.took < Duration::from_secs(15), "{cut:?}: {:?}", ran.took);
        let named = |line: &&str| line.starts_with("error: flyte: ") && line.contains(name);
        assert!(ran.lines().iter().any(named), "{cut:?}: {}", ran.stderr);
        assert!(home.launches().is_empty(), "{cut:?}: {:?}", home.launches());
    }
}

/// N6, N8: and one that breaks while ssh exchanges keys or logs in.
#[test]
fn a_cut_before_the_login_ends_soon_and_is_named() {
    let (home, emulator) = (home(), builder().start_blocking().unwrap());
    let words = ["flyte", RUN, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "--", "echo in"];
    anyssh(&home, &emulator, &words).run().exits(0);
    for (cut, name) in [CUTS[0], CUTS[1], (Cut::BlackHole, "timed out")] {
        for after in [1000, 2500] {
            emulator.cut_after(Some((after, cut)));
            let ran = anyssh(&home, &emulator, &words).run();
            assert_eq!(ran.exits(255).text(), "", "{cut:?}, {after}");
            assert!(ran.took < Duration::from_secs(20), "{cut:?}, {after}: {:?}", ran.took);
            let named = |line: &&str| line.starts_with("error: flyte: ") && line.contains(name);
            assert!(ran.lines().iter().any(named), "{cut:?}, {after}: {}", ran.stderr);
        }
    }
}

/// Ends that are seen at once, and how they are told.
const CUTS: [(Cut, &str); 2] = [(Cut::Fin, "the tunnel was ended by its server"), (Cut::Rst, "the tunnel ")];

/// With more input than any buffer on the way holds, for a command that reads.
fn fed(run: Anyssh, command: &str) -> Anyssh {
    if command.starts_with("cat") { run.stdin(vec![7; 64 << 20]) } else { run }
}

/// Runs it until it ends, with all bytes stopped once it is up if nothing else stops them.
#[track_caller]
fn black_holed(run: Anyssh, emulator: &FlyteEmulator, now: bool) -> Ran {
    let running = run.start();
    if now {
        running.says("up");
        emulator.cut_tunnels(Cut::BlackHole);
    }
    running.finish()
}

#[track_caller]
fn found_by_pings(what: &str, ran: &Ran, home: &Home) {
    // Where bytes wait to be taken, the system itself may give up a little earlier (TCP_USER_TIMEOUT, 30 s).
    let names = ["tunnel's server did not answer a ping within 20 s", "the tunnel broke: Connection timed out"];
    ran.exits(255);
    assert!(names.iter().any(|name| ran.stderr.contains(name)), "{what}: {}", ran.stderr);
    assert!((15..50).contains(&ran.took.as_secs()), "{what}: {:?}", ran.took);
    assert!(home.launches().is_empty(), "{what}: {:?}", home.launches());
}
