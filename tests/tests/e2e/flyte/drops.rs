//! Tunnels that are cut.

use std::time::{Duration, Instant};

use anyssh_testkit::emulator::Cut;

use super::super::support::until;
use super::{RUN, anyssh, builder, home};

/// How long an idle session may outlive its tunnel. The aim is a second; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// N6: an idle session ends when its tunnel does, however that ends.
#[test]
fn an_idle_session_ends_when_its_tunnel_is_cut() {
    for cut in [Cut::Fin, Cut::Rst, Cut::CloseFrame(1001)] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        let running = anyssh(&home, &emulator, &["flyte", RUN, "--", "echo up; sleep 60"]).start();
        running.says("up");
        let since = Instant::now();
        emulator.cut_tunnels(cut);
        let ran = running.finish();
        ran.exits(255);
        assert!(since.elapsed() < SOON, "{cut:?}: {:?}", since.elapsed());
        assert!(home.launches().is_empty(), "{cut:?}: {:?}", home.launches());
        until("the end of all tunnels", || emulator.tunnels() == 0);
    }
}

/// N6: so does one in the middle of a transfer, and what did arrive is what was sent.
#[test]
fn a_transfer_that_is_cut_ends_and_loses_nothing_before_that() {
    for cut in [Cut::Fin, Cut::Rst] {
        let (home, emulator) = (home(), builder().start_blocking().unwrap());
        // The first tunnel asks whether the server speaks, others may read its key: none sends as much.
        emulator.cut_after(Some((4 << 20, cut)));
        let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "yes"]).run();
        ran.exits(255);
        assert!(ran.stdout.len() > 1 << 20, "{cut:?}: {} bytes", ran.stdout.len());
        assert!(ran.stdout.chunks(2).all(|two| b"y\n".starts_with(two)), "{cut:?}");
    }
}
