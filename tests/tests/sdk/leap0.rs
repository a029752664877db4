//! `leap0` against both forms of the emulator of Leap0.

use anyssh_testkit::emulator::{AccessStatus, Emulator, Generation, Sandbox};
use serde_json::{Value, json};

use super::program;
use super::python::Sdk;

const SANDBOX: &str = "sbx-abc123";
const ONE: Sdk = Sdk::new("leap0_0_6_1");
const TWO: Sdk = Sdk::new("leap0_0_8_0");

#[test]
fn the_official_sdk_of_the_first_generation_has_one_credential_and_a_conflict() {
    let said = check(Generation::One, ONE, "1");
    assert_eq!(said["second_id"], Value::Null);
}

#[test]
fn the_official_sdk_of_the_second_generation_has_many() {
    let said = check(Generation::Two, TWO, "2");
    assert!(said["second_id"].as_str().is_some_and(|id| id != said["first"]["id"]));
}

/// The same script, with what the program's lines say.
#[test]
fn the_official_sdks_run_against_the_program_in_the_generation_that_is_asked_for() {
    let script = r#"{"sandboxes": [{"id": "sbx-other", "state": "stopped"}, {"id": "sbx-1"}], "passwords": ["a b"]}"#;
    for (sdk, number) in [(ONE, "1"), (TWO, "2")] {
        let emulator = program::Emulator::start(&["leap0", "--generation", number, "--without-gateway"], script);
        let (url, key) = (emulator.variable("LEAP0_BASE_URL"), emulator.variable("LEAP0_API_KEY"));
        let said = sdk.run("leap0_sdk.py", &[url, key, emulator.target(), number]);
        assert_eq!((&said["first"]["password"], &said["first"]["sandbox_id"]), (&json!("a b"), &json!("sbx-1")));
        assert_eq!((said["second_id"].is_null(), &said["now_valid"]), (number == "1", &json!([false, true])));
        emulator.end();
    }
}

/// The same script, with the file of docs/testing-with-anyssh.md.
#[test]
fn the_official_sdk_runs_against_the_program_as_the_page_says() {
    let words = ["leap0", "--without-gateway"];
    let emulator = program::Emulator::start(&words, &program::script_of_the_page("leap0.json"));
    let (url, key) = (emulator.variable("LEAP0_BASE_URL"), emulator.variable("LEAP0_API_KEY"));
    let said = TWO.run("leap0_sdk.py", &[url, key, emulator.target(), "2"]);
    assert_eq!((&said["first"]["password"], &said["first"]["sandbox_id"]), (&json!("two words"), &json!("sbx-1")));
    assert_eq!((&said["was_valid"], &said["now_valid"]), (&json!([true, false]), &json!([false, true])));
    assert_eq!((&said["listed"], &said["total"]), (&json!([["sbx-1", "running"]]), &json!(2)));
    emulator.end();
}

/// Create, validate, regenerate, delete, and the reading of sandboxes.
fn check(generation: Generation, sdk: Sdk, number: &str) -> Value {
    let emulator = Emulator::leap0(generation)
        .without_ssh()
        .with_sandbox(Sandbox::new(SANDBOX))
        .with_sandbox(Sandbox::new("sbx-other").in_state("paused"))
        .with_password("a b'c\"d$e`f\\g%h é")
        .start_blocking()
        .unwrap();
    let said = sdk.run("leap0_sdk.py", &[&emulator.base_url(), emulator.api_key(), SANDBOX, number]);

    let (first, new) = (&said["first"], &said["new"]);
    assert_eq!((&first["password"], &first["sandbox_id"]), (&json!("a b'c\"d$e`f\\g%h é"), &json!(SANDBOX)));
    assert_eq!(first["ssh_command"].as_str().unwrap().split('@').count(), 2);
    assert!(["expires_at", "created_at", "updated_at"].iter().all(|name| first[*name].as_str().is_some()));
    assert_ne!(first["password"], new["password"]);
    assert_eq!((&said["was_valid"], &said["now_valid"]), (&json!([true, false]), &json!([false, true])));
    assert_eq!(said["gone"], json!([true, true]));
    assert_eq!((&said["listed"], &said["total"]), (&json!([["sbx-other", "paused"]]), &json!(2)));
    assert_eq!(said["read"], json!([SANDBOX, "running"]));

    let accesses = emulator.accesses();
    let status = |id: &Value| accesses.iter().rfind(|access| id == access.id.as_str()).map(|access| access.status);
    assert_eq!(
        (status(&new["id"]), status(&said["third_id"])),
        (Some(AccessStatus::Deleted), Some(AccessStatus::Live))
    );
    // Refused was what had to be: what is not there twice, and a second credential in generation 1.
    let statuses = emulator.requests().into_iter().filter_map(|request| request.status);
    let refused: Vec<u16> = statuses.filter(|status| *status >= 400).collect();
    assert_eq!(refused, if generation == Generation::One { vec![409, 404, 404] } else { vec![404, 404] });
    said
}
