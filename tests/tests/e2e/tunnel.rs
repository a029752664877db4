//! Sessions over a WebSocket, with the real `ssh` and our helper as its ProxyCommand.

use anyssh_server::{Act, Frames, Script};
use anyssh_tests::guest::{Scenario, Trust};
use serde_json::json;

use super::support::{Gateway, Home, processes};

/// What the guest's session has at first, and what `regenerate` gives it.
const TOKEN: &str = "bearer-of-the-guest";
const FRESH: &str = "fresh-bearer-of-the-guest";

/// N6: both directions, and the status.
#[test]
fn a_command_runs_over_a_web_socket_with_its_status_and_every_byte() {
    let bytes: Vec<u8> = (0..2 * 1024 * 1024u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let home = Home::new();
    let ran = home.anyssh(&["-q", "mock", "tunnel", "--", "cat; exit 7"]).stdin(bytes.clone()).run();
    assert!(ran.exits(7).stdout == bytes, "{} bytes came back", ran.stdout.len());
    assert_eq!(ran.stderr, "");
    assert_eq!(home.launches(), Vec::<std::path::PathBuf>::new());
}

/// Ports are in `tunnel_volume.rs`.
#[test]
fn a_terminal_is_given_over_a_web_socket() {
    let home = Home::new();
    let ran = home.anyssh(&["-q", "mock", "tunnel", "-tt", "--", "test -t 0 && echo terminal"]).run();
    assert_eq!(ran.exits(0).text(), "terminal\r\n");
}

/// N5: however a gateway cuts the stream into frames, the same bytes come out.
#[test]
fn fragments_and_large_frames_carry_the_same_bytes() {
    let gateway = Gateway::start(30, "pass word");
    for frames in [Frames::Messages, Frames::Fragments(1000), Frames::Large] {
        let bridge = gateway.bridge(TOKEN, Script::new().with_frames(frames));
        let words = ["guest", "room", "--", "head -c 3000000 /dev/zero | tr '\\0' 'x'"];
        let ran = Home::new().guest(&gateway.through(&bridge), &words).run();
        assert_eq!(ran.exits(0).stdout.len(), 3_000_000, "{frames:?}");
        assert!(ran.stdout.iter().all(|byte| *byte == b'x'));
    }
}

/// K1, P4: the token goes to the helper over the private socket alone.
#[test]
fn a_token_is_in_no_command_line_and_no_environment() {
    let gateway = Gateway::start(31, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new());
    let home = Home::new();
    let running = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "echo up; sleep 60"]).start();
    running.says("up");
    let seen = processes();
    let helpers = seen.iter().filter(|process| contains(&process.words, "tunnel-helper\0v1")).count();
    assert!(helpers >= 1, "no helper is running");
    // The scenario's file is named in the guest's environment; the token itself is nowhere.
    let leaks = seen.iter().filter(|process| contains(&process.words, TOKEN) || contains(&process.environment, TOKEN));
    assert_eq!(leaks.map(|process| String::from_utf8_lossy(&process.words).into_owned()).collect::<Vec<_>>(), [""; 0]);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// N7: a stale token is replaced once, and the user never hears of it.
#[test]
fn a_refused_token_is_refreshed_once_and_the_command_runs() {
    let gateway = Gateway::start(32, "pass word");
    let bridge = gateway.bridge(FRESH, Script::new());
    let home = Home::new();
    let ran = home.guest(&gateway.through(&bridge), &["guest", "room", "--", "echo in"]).run();
    assert_eq!((ran.exits(0).text(), ran.stderr.as_str()), ("in\n".into(), ""));
    assert_eq!((home.begun("regenerate").len(), bridge.requests().len()), (1, 2));
}

/// N7: no second refresh, and the reason reaches the user.
#[test]
fn a_token_that_stays_refused_is_one_refresh_and_a_clear_error() {
    let gateway = Gateway::start(33, "pass word");
    let bridge = gateway.bridge("another token", Script::new());
    let home = Home::new();
    let words = ["--error-format", "json", "guest", "room", "--", "echo in"];
    let ran = home.guest(&gateway.through(&bridge), &words).run();
    let error = ran.exits(255).error();
    assert_eq!((&error["code"], &error["kind"], &error["retryable"]), (&json!(4), &json!("auth"), &json!(false)));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("HTTP 401") && !message.contains("target_port"), "{message}");
    assert_eq!((home.begun("regenerate").len(), bridge.requests().len()), (1, 2));
    assert_eq!(ran.lines().len(), 1, "{}", ran.stderr);
}

/// N5, N7: what a gateway answers in place of a tunnel, each named in the one error line.
#[test]
fn a_gateway_that_gives_no_tunnel_is_named_by_what_it_did() {
    let gateway = Gateway::start(34, "pass word");
    for (act, code, name) in [
        (Act::Status(403), 4, "HTTP 403"),
        (Act::Redirect("https://login.example.org/?next=x".into()), 10, "a redirect to https://login.example.org"),
        (Act::Page, 10, "HTTP 200"),
        (Act::WithHeader("Sec-WebSocket-Extensions: permessage-deflate".into()), 10, "sec-websocket-extensions"),
        (Act::WithHeader("Sec-WebSocket-Protocol: ssh".into()), 10, "sec-websocket-protocol"),
        (Act::WrongAccept, 10, "sec-websocket-accept"),
        (Act::Bytes([&[0x82, 0x7f, 0, 0, 0, 0, 0, 0x20, 0, 0][..], &[0; 64]].concat()), 10, "the limit is 1048576"),
        (Act::Bytes(b"\x81\x05n\x1b[2J".to_vec()), 10, r"text message in place of SSH's bytes: n\x1b[2J"),
        (Act::Bytes(b"\x88\x06\x03\xf1over".to_vec()), 7, "close code 1009: over"),
    ] {
        let bridge = gateway.bridge(TOKEN, Script::new().always(act.clone()));
        let words = ["--error-format", "json", "guest", "room", "--", "echo in"];
        let ran = Home::new().guest(&gateway.through(&bridge), &words).run();
        let error = ran.exits(255).error();
        let message = error["message"].as_str().unwrap();
        assert!(error["code"] == json!(code) && message.contains(name), "{act:?}: {error}");
        assert!(!ran.stderr.contains('\u{1b}'));
    }
}

#[test]
fn a_route_that_is_late_is_waited_for() {
    let gateway = Gateway::start(35, "pass word");
    for act in [Act::Status(404), Act::Status(502), Act::Reset, Act::Close, Act::NoUpstream] {
        let bridge = gateway.bridge(TOKEN, Script::new().once(act.clone()).once(act.clone()));
        let ran = Home::new().guest(&gateway.through(&bridge), &["guest", "room", "--", "echo in"]).run();
        assert_eq!((ran.exits(0).text(), bridge.requests().len()), ("in\n".into(), 3), "{act:?}: {}", ran.stderr);
    }
}

/// N8: a gateway that never answers is bounded by the time to connect.
#[test]
fn a_gateway_that_hangs_ends_by_the_time_to_connect() {
    let gateway = Gateway::start(36, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new().always(Act::Hang));
    let words = ["--error-format", "json", "guest", "room", "-o", "ConnectTimeout=2", "--", "echo in"];
    let ran = Home::new().guest(&gateway.through(&bridge), &words).run();
    assert!(ran.exits(255).took.as_secs() < 15, "{:?}", ran.took);
    assert_ne!(ran.error()["message"], json!(""));
}

/// K4: the key of a server behind a tunnel is read through the tunnel, and pinned before anything is sent.
#[test]
fn first_use_through_a_tunnel_pins_the_key_and_a_changed_one_stops() {
    let gateway = Gateway::start(37, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new());
    let home = Home::new();
    let first_use = |gateway: &Gateway, url: String, accepted| {
        let mut scenario: Scenario = gateway.first_use();
        scenario.session.web_socket = Some(url);
        scenario.session.trust = Trust::FirstUse { alias: "guest.room".into(), group: None, accepted };
        scenario
    };
    let words = ["--error-format", "json", "guest", "room", "--", "echo in"];
    let ran = home.guest(&first_use(&gateway, bridge.url("/"), false), &words).run();
    assert_eq!((ran.exits(255).error()["code"].clone(), gateway.attempts()), (json!(3), 0));
    let ran = home.guest(&first_use(&gateway, bridge.url("/"), true), &words).run();
    assert_eq!(ran.exits(0).text(), "in\n");
    let other = Gateway::start(38, "pass word");
    let other_bridge = other.bridge(TOKEN, Script::new());
    let ran = home.guest(&first_use(&other, other_bridge.url("/"), true), &words).run();
    assert_eq!((ran.exits(255).error()["code"].clone(), other.attempts()), (json!(10), 0));
}

/// The verb, as anybody's own `ssh` uses it.
#[test]
fn the_verb_is_a_proxy_command_for_any_ssh() {
    let gateway = Gateway::start(39, "pass word");
    let bridge = gateway.bridge(TOKEN, Script::new());
    for scenario in [gateway.pinned(), gateway.through(&bridge)] {
        let home = Home::new();
        let askpass = home.script("askpass", "echo 'pass word'");
        let known_hosts = home.beside("known_hosts");
        super::support::write(&known_hosts, &format!("box {}\n", gateway.key_line()));
        let script = format!(
            r#"exec ssh -F none -o UserKnownHostsFile={} -o StrictHostKeyChecking=yes -o NumberOfPasswordPrompts=1 -o "ProxyCommand=$0 tunnel guest room" -l guest -- box 'cat; exit 9'"#,
            known_hosts.display()
        );
        let run = home.guest(&scenario, &[]).shell(&script).stdin("some input");
        let ran = run.env("SSH_ASKPASS", &askpass).env("SSH_ASKPASS_REQUIRE", "force").run();
        assert_eq!((ran.exits(9).text(), ran.stderr.as_str()), ("some input".into(), ""));
        assert_eq!(home.begun("revoke").len(), 1);
    }
}

/// P10: a reader that goes away ends the verb quietly, and its session is revoked.
#[test]
fn the_verb_ends_quietly_when_nobody_reads() {
    for target in ["certificate", "tunnel"] {
        let shell = r#"sleep 4 2>/dev/null | { "$0" "$@"; echo "status $?" >&2; } | head -c 4"#;
        let ran = Home::new().anyssh(&["-q", "tunnel", "mock", target]).shell(shell).run();
        assert_eq!((ran.text(), ran.stderr.as_str()), ("SSH-".into(), "status 0\n"), "{target}");
    }
}

#[test]
fn the_verb_fails_with_the_status_of_the_table() {
    let gateway = Gateway::start(40, "pass word");
    for (act, status) in
        [(Act::Status(401), 4), (Act::Status(404), 5), (Act::Redirect("/".into()), 10), (Act::Status(503), 7)]
    {
        let bridge = gateway.bridge(TOKEN, Script::new().always(act));
        let home = Home::new();
        let ran = home.guest(&gateway.through(&bridge), &["tunnel", "guest", "room"]).run();
        assert_eq!((ran.exits(status).text(), home.begun("revoke").len()), (String::new(), 1));
    }
    Home::new().guest(&gateway.pinned(), &["tunnel", "guest", "room", "--", "true"]).run().exits(2);
    // A ProxyCommand that was written for a program with more providers.
    let ran = Home::new().anyssh(&["tunnel", "another", "room"]).run();
    assert!(ran.exits(2).text().is_empty() && ran.stderr.contains("\"another\""), "{}", ran.stderr);
}
