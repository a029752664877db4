//! The ways into pods. That `ssh` logs in through them is tested with the vendor's client and with ours.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyssh_testkit::emulator::{Attempt, Boot, Cut, Emulator, Fault, FlyteEmulator, Link, Phase, Run, Snapshot};

use super::client::{Ask, Reply};

const ROUTE: &str = "/pods/pond-dbg/a0/1";

fn start() -> FlyteEmulator {
    Emulator::flyte().start_blocking().unwrap()
}

/// A request for a WebSocket with a good token.
fn upgrade(emulator: &FlyteEmulator, path: &str) -> Ask {
    Ask::new(&format!("GET {path}"))
        .bearer(&emulator.issue_token(Duration::from_secs(60)))
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn status(emulator: &FlyteEmulator, path: &str) -> u16 {
    let ask = upgrade(emulator, path).without("connection").without("upgrade");
    ask.try_send(&emulator.gateway_url()).unwrap().status
}

/// A tunnel whose SSH server has spoken.
fn tunnel(emulator: &FlyteEmulator, path: &str) -> TcpStream {
    let mut stream = upgrade(emulator, path).start(&emulator.gateway_url());
    let (mut said, mut chunk) = (Vec::new(), [0; 1024]);
    while !said.windows(8).any(|eight| eight == b"SSH-2.0-") {
        let count = stream.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&chunk[..count]);
    }
    let text = String::from_utf8_lossy(&said).to_lowercase();
    // RFC 6455 §1.3 has this pair of key and answer.
    assert!(text.starts_with("http/1.1 101 ") && text.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{text}");
    stream
}

/// What still comes until the end, and how it ends.
fn rest(mut stream: TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    let mut said = Vec::new();
    let kind = stream.read_to_end(&mut said).err().map(|error| error.kind());
    (said, kind)
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_good_token_leads_to_the_ssh_server_and_stays_at_the_gateway() {
    let emulator = start();
    let through_gateway = tunnel(&emulator, &format!("{ROUTE}/x%2Fy?a=b"));
    wait_for("one tunnel", || emulator.tunnels() == 1);
    let request = emulator.requests().pop().unwrap();
    assert_eq!(
        (request.path.as_str(), request.query.as_deref(), request.status),
        ("/pods/pond-dbg/a0/1/x%2Fy", Some("a=b"), Some(101))
    );
    drop(through_gateway);
    wait_for("no tunnel", || emulator.tunnels() == 0);
    // A bridge of the test's own sees what a pod sees.
    let pod = TcpListener::bind("127.0.0.1:0").unwrap();
    emulator.lead_to("pond-dbg", pod.local_addr().unwrap().port());
    let _client = upgrade(&emulator, ROUTE).start(&emulator.gateway_url());
    let (mut asked, mut head) = (pod.accept().unwrap().0, Vec::new());
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        asked.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("GET /?target_port=6060 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n") && !head.contains("authorization"), "{head}");
    asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok").unwrap();
}

#[test]
fn no_token_a_wrong_one_and_one_that_is_over_are_refused() {
    let emulator = start();
    let ask = |change: &dyn Fn(Ask) -> Ask| -> Reply {
        change(upgrade(&emulator, ROUTE).without("connection")).try_send(&emulator.gateway_url()).unwrap()
    };
    let none = ask(&|ask| ask.without("authorization"));
    assert!(none.status == 401 && none.head.contains("www-authenticate: bearer"), "{none:?}");
    assert_eq!(ask(&|ask| ask.without("authorization").bearer("guess")).status, 401);
    assert_eq!(ask(&|ask| ask.without("authorization").header("authorization", "passthrough")).status, 401);
    assert_eq!(ask(&|ask| ask.header("authorization", "Bearer x")).status, 400);
    let token = emulator.issue_token(Duration::from_secs(60));
    let kept = |ask: Ask| ask.without("authorization").bearer(&token).without("upgrade");
    // Without an upgrade a pod says that it is well.
    let well = ask(&kept);
    assert_eq!((well.status, well.body), (200, b"ok".to_vec()));
    emulator.advance_clock(Duration::from_secs(61));
    assert_eq!(ask(&kept).status, 401);
    assert_eq!(status(&emulator, ROUTE), 200);
    let fresh = emulator.issue_token(Duration::from_secs(60));
    emulator.revoke_tokens();
    assert_eq!(ask(&|ask| ask.without("authorization").bearer(&fresh)).status, 401);
}

#[test]
fn a_route_is_there_while_its_attempt_lives_on_both_ports() {
    let boot = Boot::with(Snapshot::in_phase(Phase::Queued));
    let emulator = Emulator::flyte().with_run(Run::new("pond-dbg").with_boot(boot)).start_blocking().unwrap();
    assert_eq!(status(&emulator, ROUTE), 404);
    let again = Snapshot::in_phase(Phase::Running)
        .attempt(Attempt::in_phase(Phase::Failed).link(Link::ide()))
        .attempt(Attempt::in_phase(Phase::Running).link(Link::ide()));
    emulator.show("pond-dbg", "a0", again).unwrap();
    assert_eq!((status(&emulator, ROUTE), status(&emulator, "/pods/pond-dbg/a0/2")), (404, 200));
    for path in ["/pods/pond-dbg/a0/3", "/pods/pond-dbg/a0/0", "/pods/pond-dbg/a1/1", "/pods/x/a0/1", "/pods/pond-dbg"]
    {
        assert_eq!(status(&emulator, path), 404, "{path}");
    }
    let relative = upgrade(&emulator, "/pods/pond-dbg/a0/2").without("connection").without("upgrade");
    assert_eq!(relative.send(&emulator).status, 200);
    let open = tunnel(&emulator, "/pods/pond-dbg/a0/2");
    emulator.show("pond-dbg", "a0", Snapshot::in_phase(Phase::Failed)).unwrap();
    assert_eq!(rest(open).1, None);
    assert_eq!(status(&emulator, "/pods/pond-dbg/a0/2"), 404);
}

#[test]
fn tunnels_are_cut_as_they_are_told_while_idle() {
    let emulator = start();
    let cut = |how: Cut| {
        let open = tunnel(&emulator, ROUTE);
        wait_for("one tunnel", || emulator.tunnels() == 1);
        emulator.cut_tunnels(how);
        open
    };
    assert_eq!(rest(cut(Cut::Fin)), (Vec::new(), None));
    wait_for("no tunnel", || emulator.tunnels() == 0);
    assert_eq!(rest(cut(Cut::CloseFrame(1001))), (vec![0x88, 2, 3, 0xe9], None));
    wait_for("no tunnel", || emulator.tunnels() == 0);
    assert_eq!(rest(cut(Cut::Rst)).1, Some(ErrorKind::ConnectionReset));
    wait_for("no tunnel", || emulator.tunnels() == 0);
    let black_hole = cut(Cut::BlackHole);
    black_hole.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(rest(black_hole), (Vec::new(), Some(ErrorKind::WouldBlock)));
}

#[test]
fn tunnels_are_cut_in_the_middle_of_a_transfer() {
    let emulator = start();
    // The server's first line comes in one frame, and this is in the middle of it.
    emulator.cut_after(Some((6, Cut::Fin)));
    let mut stream = upgrade(&emulator, ROUTE).start(&emulator.gateway_url());
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    let head = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert_eq!(&said[head + 6..], b"SSH-");
    emulator.cut_after(None);
    drop(tunnel(&emulator, ROUTE));
}

#[test]
fn a_route_goes_wrong_as_it_was_scripted() {
    let emulator = start();
    let on_route = || Fault::on("GET", ROUTE);
    emulator.add_fault(on_route().status(404).times(2));
    emulator.add_fault(on_route().status(302).header("location", "https://login.example/"));
    emulator.add_fault(on_route().status(403));
    emulator.add_fault(on_route().close());
    let statuses: Vec<u16> = (0..4).map(|_| status(&emulator, ROUTE)).collect();
    assert_eq!(statuses, [404, 404, 302, 403]);
    let closed = upgrade(&emulator, ROUTE).start(&emulator.gateway_url());
    assert_eq!(rest(closed).0, b"");
    drop(tunnel(&emulator, ROUTE));
    // A hang is a delay without end.
    emulator.add_fault(on_route().delay(Duration::MAX));
    let hanging = upgrade(&emulator, ROUTE).start(&emulator.gateway_url());
    hanging.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(rest(hanging), (Vec::new(), Some(ErrorKind::WouldBlock)));
}

#[test]
fn each_pod_has_a_host_key_of_its_own_and_a_test_may_change_them() {
    let emulator = start();
    let first = emulator.host_key("pond-dbg", "a0", 1);
    assert_ne!(first, emulator.host_key("pond-dbg", "a0", 2));
    assert_eq!(first, start().host_key("pond-dbg", "a0", 1));
    emulator.change_host_keys();
    assert_ne!(first, emulator.host_key("pond-dbg", "a0", 1));
}

/// With TLS nothing is there in plain, and both ports are known by the one authority.
#[test]
fn with_tls_both_ports_speak_it_alone() {
    let emulator = Emulator::flyte().with_tls().start_blocking().unwrap();
    assert!(emulator.base_url().starts_with("https://127.0.0.1:"), "{}", emulator.base_url());
    let authority = std::fs::read_to_string(emulator.ca_file().unwrap()).unwrap();
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"), "{authority}");
    assert!(emulator.config("SECRET").contains("caCertFilePath: /"));
    for url in [emulator.base_url(), emulator.gateway_url()] {
        let plain = Ask::new("GET /").try_send(&url.replacen("https", "http", 1));
        assert!(plain.is_err(), "{plain:?}");
    }
    assert!(emulator.requests().is_empty());
}
