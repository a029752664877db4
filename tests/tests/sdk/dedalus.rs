//! `dedalus-sdk` against the emulator of Dedalus.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyssh_testkit::emulator::{Emulator, Machine, Wake};
use anyssh_testkit::key;
use serde_json::{Value, json};
use ssh_key::Certificate;

use super::program;
use super::python::Sdk;

const SDK: Sdk = Sdk::new("dedalus_sdk");

#[test]
fn the_official_sdk_creates_waits_lists_and_deletes() {
    let machine = Machine::default();
    let emulator = Emulator::dedalus()
        .without_gateway()
        .with_machine(machine.clone())
        .with_machine(Machine::new("0199b1c2-0000-7000-8000-00000000000b").phase("running"))
        .with_wake(Wake::at_once().stage("wake_in_progress", 2).hint(5).stage("ssh_in_progress", 1).hint(5))
        .start_blocking()
        .unwrap();
    let key = key(1).public_key().to_openssh().unwrap();
    let said = SDK.run("dedalus_sdk.py", &[&emulator.base_url(), emulator.api_key(), machine.id(), &key]);

    assert_eq!(said["statuses"], json!(["wake_in_progress", "wake_in_progress", "ssh_in_progress", "ready"]));
    let sessions = emulator.sessions();
    let ids: Vec<Value> = sessions.iter().map(|session| session.id.clone().into()).collect();
    assert_eq!((said["listed"].as_array(), ids.len()), (Some(&ids), 5));
    assert_eq!(said["closed"], json!(["closed", "closed", "closed", "closed", "closed"]));
    assert!(emulator.alive().is_empty(), "{sessions:?}");
    assert_eq!(said["not_found"], true);
    check_session(&said, &emulator.host_authority().to_openssh().unwrap());
    assert_eq!(said["machines"][0], json!({"id": machine.id(), "phase": "running"}));
    assert_eq!((said["machines"].as_array().map(Vec::len), &said["machine_phase"]), (Some(2), &"running".into()));

    // Nothing was refused but the one session that is not there, and nothing was sent twice.
    let refused: Vec<_> = emulator.requests().into_iter().filter(|request| request.status != Some(200)).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    let posts = emulator.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!((refused[0].status, posts), (Some(404), 5));
}

/// The same script, with what the program's lines say.
#[test]
fn the_official_sdk_runs_against_the_program() {
    let script = r#"{
        "wake": [
            {"status": "wake_in_progress", "answers": 2, "hint_ms": 5},
            {"status": "ssh_in_progress", "answers": 1, "hint_ms": 5}
        ],
        "faults": [{"method": "GET", "path": "/v1/machines", "status": 503, "times": 1}]
    }"#;
    let emulator = program::Emulator::start(&["dedalus", "--without-gateway"], script);
    let key = key(1).public_key().to_openssh().unwrap();
    let words = [emulator.variable("DEDALUS_BASE_URL"), emulator.variable("DEDALUS_API_KEY"), emulator.target(), &key];
    let said = SDK.run("dedalus_sdk.py", &words);
    assert_eq!(said["statuses"], json!(["wake_in_progress", "wake_in_progress", "ssh_in_progress", "ready"]));
    assert_eq!(said["listed"].as_array().map(Vec::len), Some(5));
    assert_eq!(said["closed"], json!(["closed", "closed", "closed", "closed", "closed"]));
    // The refusal came first, and the SDK tried again.
    assert_eq!(said["machines"][0], json!({"id": emulator.target(), "phase": "running"}));
    emulator.end();
}

fn check_session(said: &Value, authority: &str) {
    assert_eq!(
        (&said["endpoint"], &said["port"], &said["user"]),
        (&"127.0.0.1".into(), &1.into(), &said["session_id"])
    );
    assert_eq!(said["trust"], json!(["cert_authority", "127.0.0.1", authority]));
    let certificate = Certificate::from_openssh(said["certificate"].as_str().unwrap()).unwrap();
    assert_eq!(certificate.valid_principals(), [said["user"].as_str().unwrap()]);
    let in_half_an_hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(1800);
    assert!(said["expires"].as_f64().unwrap() > in_half_an_hour.as_secs_f64(), "{}", said["expires"]);
}
