//! Links of all kinds, and gateways that are late, bar the way or misbehave.

use std::net::TcpListener;
use std::time::Duration;

use anyssh_server::{Act, BridgeConfig, Script, WebSocketBridge};
use anyssh_testkit::emulator::{Attempt, Boot, Fault, FlyteEmulator, Link, Phase, Run, Snapshot, TokenForm};

use super::super::support::Ran;
use super::{ROUTE, RUN, anyssh, asked, builder, home};

fn with_link(link: Link) -> Snapshot {
    Snapshot::in_phase(Phase::Running).attempt(Attempt::in_phase(Phase::Running).link(link))
}

fn run(emulator: &FlyteEmulator, timeout: &str) -> Ran {
    let words = ["--timeout", timeout, "--error-format", "json", "flyte", RUN, "--", "echo in; exit 7"];
    anyssh(&home(), emulator, &words).run()
}

#[track_caller]
fn logs_in(emulator: &FlyteEmulator) {
    assert_eq!(run(emulator, "60s").exits(7).text(), "in\n");
}

/// The message of a failure that came long before the deadline.
#[track_caller]
fn fails(emulator: &FlyteEmulator, code: u64) -> String {
    let ran = run(emulator, "50s");
    let error = ran.exits(255).error();
    assert!(error["code"] == code && !ran.stderr.contains(['\u{1b}', '\u{7}']), "{error}");
    assert!(ran.took < Duration::from_secs(20), "{:?}: {error}", ran.took);
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_late_route_is_waited_for_whatever_it_answers_until_then() {
    let late = |fault: Fault| fault.times(2);
    for fault in [
        late(Fault::on("GET", ROUTE).status(404)),
        late(Fault::on("GET", ROUTE).status(502)),
        late(Fault::on("GET", ROUTE).status(503)),
        late(Fault::on("GET", ROUTE).close()),
        // It hangs, and later it does not.
        Fault::on("GET", ROUTE).delay(Duration::MAX),
    ] {
        let emulator = builder().start_blocking().unwrap();
        emulator.add_fault(fault);
        logs_in(&emulator);
    }
}

/// The pod answers for the gateway before it has reached its SSH server.
#[test]
fn a_pod_that_opens_its_tunnel_too_early_is_waited_for() {
    let emulator = builder().start_blocking().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    let never = BridgeConfig::new(([127, 0, 0, 1], 9).into()).with_script(Script::new().always(Act::NoUpstream));
    let early = WebSocketBridge::start(never).unwrap();
    emulator.lead_to(RUN, early.port());
    let ran = run(&emulator, "2s");
    let error = ran.exits(255).error();
    let message = error["message"].as_str().unwrap();
    assert!(error["code"] == 8 && message.contains("ended before the SSH server said anything"), "{error}");
}

/// N5: bytes that are no WebSocket, or no SSH in it, are named, and nothing more is sent there.
#[test]
fn hostile_frames_of_a_pod_end_the_wait_and_are_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    for (bytes, name) in [
        ([&[0x82, 0x7f, 0, 0, 0, 0, 0, 0x20, 0, 0][..], &[0; 64]].concat(), "the limit is 1048576"),
        (b"\xc2\x01x".to_vec(), "reserved bits"),
        (b"\x82\x81\0\0\0\0x".to_vec(), "masked"),
        (b"\x80\x01x".to_vec(), "not begun"),
        (b"\x83\x01x".to_vec(), "unknown type 0x3"),
        (b"\x81\x05n\x1b[2J".to_vec(), r"text message in place of SSH's bytes: n\x1b[2J"),
        ([&[0x82, 0x7e, 0x24, 0x00][..], &[b'x'; 0x2400]].concat(), "what answers is no SSH server"),
    ] {
        let emulator = builder().start_blocking().unwrap();
        let script = Script::new().always(Act::Bytes(bytes));
        let bridge = WebSocketBridge::start(BridgeConfig::new(([127, 0, 0, 1], 9).into()).with_script(script)).unwrap();
        emulator.lead_to(RUN, bridge.port());
        let message = fails(&emulator, 10);
        assert!(message.contains(name), "{name}: {message}");
        assert_eq!(bridge.requests().len(), 1, "{name}");
    }
}

#[test]
fn a_way_that_stays_barred_is_named_at_once() {
    for (fault, code, name) in [
        (Fault::on("GET", ROUTE).status(401), 4, "HTTP 401"),
        (Fault::on("GET", ROUTE).status(403), 4, "HTTP 403"),
        (Fault::on("GET", ROUTE).status(302).header("location", "https://login.example/?next=x"), 10, "a redirect"),
        (Fault::on("GET", ROUTE).redirect("/login"), 10, "a redirect"),
        (Fault::on("GET", ROUTE).html(), 10, "HTTP 200"),
    ] {
        let emulator = builder().start_blocking().unwrap();
        emulator.add_fault(fault.always());
        let message = fails(&emulator, code);
        assert!(message.contains(name), "{name}: {message}");
        // N7: a refused token is replaced once, whatever else is not asked again.
        let dials = asked(&emulator).iter().filter(|line| line.starts_with(ROUTE)).count();
        assert_eq!(dials, if name == "HTTP 401" { 2 } else { 1 }, "{name}");
    }
}

/// A relative link is below the control plane; a query and percent signs are kept; an empty one is none.
#[test]
fn links_are_followed_in_every_form_they_have() {
    for link in [Link::ide().relative(), Link::ide().relative().followed_by("?a=%20&b=1"), Link::ide().ready()] {
        let run = Run::new(RUN).with_boot(Boot::with(with_link(link)));
        logs_in(&builder().with_run(run).start_blocking().unwrap());
    }
    let boot = Boot::with(with_link(Link::ide().to(""))).lasting(Duration::from_millis(100)).then(Snapshot::serving());
    logs_in(&builder().with_run(Run::new(RUN).with_boot(boot)).start_blocking().unwrap());
    let never = Run::new(RUN).with_boot(Boot::with(with_link(Link::ide().to(""))));
    let ran = run(&builder().with_run(never).start_blocking().unwrap(), "1s");
    let error = ran.exits(255).error();
    assert!(error["code"] == 8 && error["message"].as_str().unwrap().contains("link"), "{error}");
}

/// K5, S1: a link that is none, or leads elsewhere, is refused by its field, and nobody is dialled.
#[test]
fn hostile_links_are_refused_and_nobody_is_dialled() {
    let evil = TcpListener::bind("127.0.0.2:0").unwrap();
    evil.set_nonblocking(true).unwrap();
    let place = evil.local_addr().unwrap();
    let secure = builder().with_tls().start_blocking().unwrap();
    let plain = builder().start_blocking().unwrap();
    let own = secure.gateway_url().replace("https://", "");
    for (emulator, link) in [
        (&plain, format!("http://{place}/")),
        (&secure, format!("https://{place}/")),
        (&secure, format!("//{place}/")),
        (&secure, format!("https://{own}@{place}/")),
        (&secure, format!("https://user:word@{own}/")),
        // Plain, where everything else is not.
        (&secure, format!("http://{own}/")),
        (&secure, format!("ws://{own}/")),
        (&secure, format!("ssh://{own}/")),
        (&secure, "-oProxyCommand=touch${IFS}x".to_owned()),
        (&secure, format!("https://{own}/a b")),
        (&secure, format!("https://{own}/\n")),
        (&secure, format!("https://{own}/\u{1b}]0;x\u{7}")),
        (&secure, format!("https://{own}\\@{place}/")),
        (&secure, "/\\127.0.0.2/".to_owned()),
    ] {
        emulator.show(RUN, "a0", with_link(Link::ide().to(&link))).unwrap();
        let message = fails(emulator, 10);
        assert!(message.contains("log_info.uri"), "{link:?}: {message}");
        assert_eq!(evil.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "{link:?}: somebody dialled");
        assert!(!emulator.requests().iter().any(|request| request.status == Some(101)), "{link:?}");
    }
}

/// K8: tokens that live for less than a session takes, and those that the clock or the server ended.
#[test]
fn short_lived_and_stale_tokens_are_asked_for_anew() {
    for (form, lifetime) in [(TokenForm::Jwt, 30), (TokenForm::Opaque, 30), (TokenForm::Jwt, 600)] {
        let tokens = builder().with_tokens(form, Duration::from_secs(lifetime));
        let (home, emulator) = (home(), tokens.start_blocking().unwrap());
        let logins = || asked(&emulator).iter().filter(|line| line.starts_with("/oauth2/token")).count();
        for round in 1..=3 {
            let ran = anyssh(&home, &emulator, &["flyte", RUN, "--", "echo in"]).run();
            assert_eq!(ran.exits(0).text(), "in\n", "{form:?}, {lifetime} s, round {round}");
            emulator.advance_clock(Duration::from_secs(lifetime + 1));
        }
        assert!((3..=6).contains(&logins()), "{form:?}, {lifetime} s: {} logins", logins());
        // One that lives for less than two minutes is not kept for the next command, so it is never stale there.
        let refused = asked(&emulator).iter().filter(|line| line.ends_with(" 401")).count();
        assert!(lifetime > 120 || refused == 0, "{form:?}, {lifetime} s: {:?}", asked(&emulator));
    }
}
