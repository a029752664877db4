//! What sessions go through.

use std::time::{Duration, Instant};

use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Fault, Pages, Wake};
use anyssh_testkit::key;
use serde_json::Value;
use ssh_key::Certificate;

use crate::client::{Call, create_body, delete, get, ready, sessions_path};

fn start(wake: Wake) -> DedalusEmulator {
    Emulator::dedalus().without_gateway().with_wake(wake).start_blocking().unwrap()
}

fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "never");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn id(session: &Value) -> &str {
    session["session_id"].as_str().unwrap()
}

#[test]
fn a_session_wakes_answer_by_answer_and_the_list_does_not_hurry_it() {
    let emulator = start(Wake::at_once().stage("wake_in_progress", 2).hint(20).stage("guest_is_thinking", 1));
    let created = Call::create(&emulator, 1).send(&emulator).json();
    assert_eq!((&created["status"], &created["retry_after_ms"]), (&"wake_in_progress".into(), &20.into()));
    for _ in 0..3 {
        let list = Call::new(&emulator, &format!("GET {}", sessions_path())).send(&emulator).json();
        assert_eq!(list["items"][0]["status"], "wake_in_progress");
    }
    let statuses: Vec<Value> = (0..4).map(|_| get(&emulator, id(&created)).json()["status"].clone()).collect();
    assert_eq!(statuses, ["wake_in_progress", "guest_is_thinking", "ready", "ready"]);
    let failing = start(Wake::at_once().fails("MACHINE_BROKEN", "no disk"));
    let failed = Call::create(&failing, 1).send(&failing).json();
    assert_eq!((&failed["status"], &failed["error_code"]), (&"failed".into(), &"MACHINE_BROKEN".into()));
    assert!(failing.alive().is_empty());
}

#[test]
fn a_ready_session_has_a_certificate_for_the_key_and_trust_for_the_endpoint() {
    let emulator = start(Wake::at_once());
    let session = ready(&emulator, 1);
    let connection = &session["connection"];
    let certificate = Certificate::from_openssh(connection["user_certificate"].as_str().unwrap()).unwrap();
    assert_eq!(certificate.public_key(), key(1).public_key().key_data());
    assert_eq!(certificate.signature_key(), emulator.user_authority().key_data());
    assert_eq!(certificate.valid_principals(), [connection["ssh_username"].as_str().unwrap()]);
    assert_eq!(connection["host_trust"]["public_key"], emulator.host_authority().to_openssh().unwrap());
    assert_eq!(connection["endpoint"], connection["host_trust"]["host_pattern"]);
    assert!(session["ready_at"].is_string() && session["expires_at"].is_string());
}

#[test]
fn the_same_key_makes_one_session_and_another_request_with_it_is_refused() {
    let emulator = start(Wake::at_once());
    let create = Call::create(&emulator, 1);
    let first = create.send(&emulator).json();
    assert_eq!(create.send(&emulator).json(), first);
    assert_eq!(emulator.sessions().len(), 1);
    let other = create.json(&create_body().replace("\"}", " comment\"}")).send(&emulator);
    assert_eq!(other.failure(), (409, "IDEMPOTENCY_KEY_REUSED".into()));
    assert!(other.json()["details"]["expected_request_hash"].is_string());
    assert_eq!(delete(&emulator, id(&first), 1).failure(), (409, "IDEMPOTENCY_KEY_REUSED".into()));
    assert_ne!(Call::create(&emulator, 2).send(&emulator).json()["session_id"], first["session_id"]);
}

#[test]
fn a_key_is_in_flight_until_its_first_request_is_done_even_if_that_client_is_gone() {
    let time = Duration::from_secs(1);
    let emulator = Emulator::dedalus().without_gateway().with_slow_create(time).start_blocking().unwrap();
    let create = Call::create(&emulator, 1);
    let first = create.start(&emulator).unwrap();
    until(|| !emulator.requests().is_empty());
    let second = create.send(&emulator);
    assert_eq!(second.failure(), (429, "RATE_LIMITED".into()));
    assert_eq!((&second.json()["retryable"], &second.json()["retry_after_ms"]), (&true.into(), &250.into()));
    drop(first);
    until(|| create.send(&emulator).status != 429);
    assert_eq!((create.send(&emulator).status, emulator.sessions().len()), (200, 1));
}

#[test]
fn a_session_whose_answer_was_lost_is_found_again_by_its_key() {
    let emulator = start(Wake::at_once());
    emulator.add_fault(Fault::on("POST", "/v1/machines/*/ssh").after_the_work().close());
    assert!(Call::create(&emulator, 1).try_send(&emulator).is_err());
    let found = Call::create(&emulator, 1).send(&emulator).json();
    assert_eq!((emulator.sessions().len(), id(&found)), (1, emulator.sessions()[0].id.as_str()));
}

#[test]
fn deleted_and_expired_sessions_stay_that_way_and_have_no_connection() {
    let emulator = start(Wake::at_once());
    let (first, second) = (ready(&emulator, 1), ready(&emulator, 2));
    for number in 3..5 {
        let closed = delete(&emulator, id(&first), number);
        assert_eq!((closed.status, &closed.json()["status"]), (200, &"closed".into()));
        assert!(closed.json()["connection"].is_null());
    }
    assert_eq!(emulator.alive().len(), 1);
    emulator.advance_clock(Duration::from_secs(3601)).unwrap();
    let expired = get(&emulator, id(&second)).json();
    assert_eq!((&expired["status"], expired["connection"].is_null()), (&"expired".into(), true));
    assert_eq!(get(&emulator, id(&first)).json()["status"], "closed");
    assert!(emulator.alive().is_empty());
}

#[test]
fn another_client_may_close_a_session() {
    let emulator = start(Wake::at_once());
    let session = ready(&emulator, 1);
    emulator.close_session(id(&session)).unwrap();
    assert_eq!(get(&emulator, id(&session)).json()["status"], "closed");
    assert!(emulator.close_session("unknown").is_err());
}

#[test]
fn lists_come_in_pages_of_the_kind_that_is_set() {
    let emulator = start(Wake::at_once());
    let made: Vec<Value> = (1..6).map(|number| ready(&emulator, number)["session_id"].clone()).collect();
    for kind in [Pages::Plain, Pages::Empty, Pages::Null, Pages::NullCursorAtTheEnd, Pages::EmptyCursorAtTheEnd] {
        emulator.set_pages(kind);
        let (mut listed, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let page = Call::new(&emulator, &format!("GET {}?{query}", sessions_path())).send(&emulator).json();
            let items = page["items"].as_array().cloned().unwrap_or_default();
            listed.extend(items.iter().map(|item| item["session_id"].clone()));
            match page["next_cursor"].as_str().filter(|cursor| !cursor.is_empty()) {
                Some(cursor) => query = format!("limit=2&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(listed, made, "{kind:?}");
    }
}

#[test]
fn answers_and_certificates_can_be_spoiled_and_set_right_again() {
    let emulator = start(Wake::at_once().stage("wake_in_progress", 1));
    emulator.spoil_ready(|session| session["connection"]["port"] = 70000.into());
    emulator.spoil_certificate(|spec| spec.principals = vec!["somebody-else".into()]);
    assert!(Call::create(&emulator, 1).send(&emulator).json()["connection"].is_null());
    let spoiled = ready(&emulator, 2);
    assert_eq!(spoiled["connection"]["port"], 70000);
    let line = spoiled["connection"]["user_certificate"].as_str().unwrap();
    assert_eq!(Certificate::from_openssh(line).unwrap().valid_principals(), ["somebody-else"]);
    emulator.spoil(|session| session["machine_id"] = "other".into());
    assert_eq!(Call::create(&emulator, 3).send(&emulator).json()["machine_id"], "other");
    emulator.unspoil();
    let right = ready(&emulator, 4);
    assert_eq!(right["connection"]["port"], 1);
}
