//! What goes wrong goes wrong as it was scripted.

use std::collections::HashSet;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Fault, Generation};

use crate::client::{Call, Reply, get, sessions_path};
use crate::flyte::client::Ask;

const LIST: &str = "GET /v1/machines";

fn start(fault: Fault) -> DedalusEmulator {
    let emulator = Emulator::dedalus().without_gateway().start_blocking().unwrap();
    emulator.add_fault(fault);
    emulator
}

fn list(emulator: &DedalusEmulator) -> Reply {
    Call::new(emulator, LIST).send(emulator)
}

fn on_list() -> Fault {
    Fault::on("GET", "/v1/machines")
}

#[test]
fn a_fault_is_for_its_route_and_for_as_often_as_it_says() {
    let emulator = start(on_list().status(503).times(2));
    assert_eq!(Call::new(&emulator, &format!("GET {}", sessions_path())).send(&emulator).status, 200);
    let statuses: Vec<u16> = (0..4).map(|_| list(&emulator).status).collect();
    assert_eq!(statuses, [503, 503, 200, 200]);
    emulator.add_fault(Fault::on("*", "/v1/machines/*/ssh").status(418).always());
    for _ in 0..3 {
        assert_eq!(Call::create(&emulator, 1).send(&emulator).status, 418);
    }
    emulator.clear_faults();
    assert_eq!((emulator.sessions().len(), Call::create(&emulator, 1).send(&emulator).status), (0, 200));
}

#[test]
fn scripted_answers_have_the_body_and_the_headers_that_were_scripted() {
    let body = DedalusEmulator::error_body("DEPENDENCY_UNAVAILABLE", true, Some(40));
    let emulator = start(on_list().status(503).body(body).header("x-should-retry", "false"));
    emulator.add_fault(on_list().html());
    emulator.add_fault(on_list().redirect("http://127.0.0.1:1/elsewhere"));
    let failure = list(&emulator);
    assert_eq!(failure.failure(), (503, "DEPENDENCY_UNAVAILABLE".into()));
    assert_eq!((&failure.json()["retry_after_ms"], failure.head.contains("x-should-retry: false")), (&40.into(), true));
    let html = list(&emulator);
    assert!(html.status == 200 && html.head.contains("content-type: text/html") && html.body.starts_with(b"<html>"));
    let redirect = list(&emulator);
    assert!(redirect.status == 307 && redirect.head.contains("location: http://127.0.0.1:1/elsewhere"));
}

#[test]
fn connections_close_without_an_answer_or_in_the_middle_of_one() {
    let emulator = start(on_list().close());
    emulator.add_fault(on_list().cut_after(9));
    emulator.add_fault(on_list().body("{\"items\": []}").cut_after(3));
    assert!(Call::new(&emulator, LIST).try_send(&emulator).is_err());
    let cut = list(&emulator);
    assert_eq!((cut.status, cut.body.as_slice()), (200, &b"{\"items\":"[..]));
    assert!(cut.head.contains("content-length: "), "{}", cut.head);
    assert_eq!(list(&emulator).body, b"{\"i");
    let statuses: Vec<Option<u16>> = emulator.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, Some(200), Some(200)]);
}

/// What was good when it was made is over when it is asked for.
#[test]
fn time_passes_with_a_request() {
    let emulator = start(Fault::on("GET", "/v1/machines/*/ssh/*").time_passes(Duration::from_secs(3601)));
    let id = Call::create(&emulator, 1).send(&emulator).json()["session_id"].as_str().unwrap().to_owned();
    assert_eq!(get(&emulator, &id).json()["status"], "expired");
    let leap0 = Emulator::leap0(Generation::Two).without_ssh().start_blocking().unwrap();
    leap0.create_access("sbx-abc123");
    leap0.add_fault(Fault::on("GET", "/v1/sandboxes").time_passes(Duration::from_secs(3601)));
    assert_eq!(leap0.alive().len(), 1);
    Call::new(&leap0, "GET /v1/sandboxes").send(&leap0);
    assert_eq!(leap0.alive().len(), 0);
}

#[test]
fn host_keys_change_with_a_request() {
    let leap0 = Emulator::leap0(Generation::Two).start_blocking().unwrap();
    leap0.add_fault(Fault::on("GET", "/v1/sandboxes").new_host_keys().times(2));
    let flyte = Emulator::flyte().start_blocking().unwrap();
    flyte.add_fault(Fault::on("GET", "/pods/*/*/*").new_host_keys().times(2));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let sandbox = leap0.host_key("sbx-abc123").unwrap().to_line();
        seen.extend([sandbox, flyte.host_key("pond-dbg", "a0", 1).to_openssh().unwrap()]);
        assert_eq!(Call::new(&leap0, "GET /v1/sandboxes").send(&leap0).status, 200);
        // Without a token nobody is let through; the keys have changed all the same.
        let route = Ask::new("GET /pods/pond-dbg/a0/1").try_send(&flyte.gateway_url()).unwrap();
        assert_eq!(route.status, 401);
    }
    let different: HashSet<&String> = seen.iter().collect();
    assert_eq!(different.len(), seen.len(), "{seen:?}");
}

#[test]
fn answers_come_late_slowly_or_without_end() {
    let pause = Duration::from_millis(30);
    let emulator = start(on_list().delay(pause));
    let since = Instant::now();
    assert!(list(&emulator).status == 200 && since.elapsed() >= pause);
    emulator.add_fault(on_list().slowly(40, pause));
    let since = Instant::now();
    let slow = list(&emulator);
    assert!(slow.json()["items"].is_array() && since.elapsed() >= 3 * pause, "{:?}", since.elapsed());
    emulator.add_fault(on_list().endless());
    let mut stream = Call::new(&emulator, LIST).start(&emulator).unwrap();
    let mut chunk = vec![0; 1 << 20];
    stream.read_exact(&mut chunk).unwrap();
    // The endless answer goes on, and others are given meanwhile.
    assert_eq!(list(&emulator).status, 200);
    drop(emulator);
    while stream.read(&mut chunk).is_ok_and(|count| count > 0) {}
}
