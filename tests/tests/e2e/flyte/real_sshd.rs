//! A pod whose SSH server is OpenSSH's own, behind a bridge that does as the test says.

use std::process::Command;

use anyssh_server::{Act, BridgeConfig, Cut, Script, WebSocketBridge};
use anyssh_testkit::emulator::FlyteEmulator;
use anyssh_testkit::{Sshd, SshdConfig, key};
use tokio::runtime::Runtime;

use super::super::support::{Anyssh, Home};
use super::{RUN, anyssh, asked, builder, home};

struct Pod {
    emulator: FlyteEmulator,
    bridge: WebSocketBridge,
    _sshd: Sshd,
    _runtime: Runtime,
}

impl Pod {
    fn start(script: Script) -> Self {
        let emulator = builder().start_blocking().unwrap();
        let sshd = Sshd::start(SshdConfig::new(key(3)).with_authorized_key(key(1).public_key())).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let config = BridgeConfig::new(([127, 0, 0, 1], sshd.port()).into()).with_script(script);
        let bridge = WebSocketBridge::start(config).unwrap();
        emulator.lead_to(RUN, bridge.port());
        drop(entered);
        Self { emulator, bridge, _sshd: sshd, _runtime: runtime }
    }

    /// As whoever runs the tests: an unprivileged sshd lets in nobody else.
    fn anyssh(&self, home: &Home, words: &[&str]) -> Anyssh {
        let me = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        anyssh(home, &self.emulator, &[&["flyte", RUN, "--user", me.trim()], words].concat())
    }

    fn logins(&self) -> usize {
        asked(&self.emulator).iter().filter(|line| line.starts_with("/oauth2/token")).count()
    }
}

/// N6: its streams, its status and every byte.
#[test]
fn openssh_in_a_pod_is_logged_in_to() {
    let (home, pod) = (home(), Pod::start(Script::new()));
    let ran = pod.anyssh(&home, &["--", "echo out; echo err >&2; exit 7"]).run();
    assert_eq!(ran.exits(7).text(), "out\n");
    assert!(ran.stderr.contains("err\n"), "{}", ran.stderr);
    let bytes: Vec<u8> = (0..8 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let ran = pod.anyssh(&home, &["--", "cat"]).stdin(bytes.clone()).run();
    assert!(ran.exits(0).stdout == bytes, "{} bytes came back", ran.stdout.len());
}

/// N7: a token that was good for the look and is not for the tunnel is replaced once, and the user never
/// hears of it; one that is refused for good is an error.
#[test]
fn a_token_that_ends_between_the_look_and_the_tunnel_is_replaced_once() {
    let home = home();
    let pod = Pod::start(Script::new().once(Act::Work).once(Act::Status(401)));
    let ran = pod.anyssh(&home, &["--", "echo in; exit 7"]).run();
    assert_eq!(ran.exits(7).text(), "in\n");
    assert_eq!(pod.logins(), 2, "{:?}", asked(&pod.emulator));

    let script = Script::new().once(Act::Work).always(Act::Status(401));
    let pod = Pod::start(script);
    let ran = pod.anyssh(&home, &["--", "echo in"]).run();
    assert!(ran.exits(255).stderr.contains("HTTP 401"), "{}", ran.stderr);
    assert!((2..=4).contains(&pod.logins()) && pod.bridge.requests().len() < 8, "{:?}", asked(&pod.emulator));
}

/// N6: a close frame in the middle of a transfer, whatever its code says: what came before it is there.
#[test]
fn a_close_frame_in_the_middle_of_a_transfer_ends_it_and_is_named() {
    for code in [1000, 1001, 1011] {
        let (home, pod) = (home(), Pod::start(Script::new().cut_after(4_000_000, Cut::CloseFrame(code))));
        let ran = pod.anyssh(&home, &["--", "yes"]).run();
        let name = format!("tunnel: the tunnel was ended by its server (close code {code})");
        assert!(ran.exits(255).stderr.contains(&name), "{}", ran.stderr);
        assert!(ran.stdout.len() > 1_000_000 && ran.stdout.chunks(2).all(|two| b"y\n".starts_with(two)), "{code}");
        assert!(home.launches().is_empty(), "{code}: {:?}", home.launches());
    }
}
