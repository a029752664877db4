//! `create`, `validate`, `regenerate`, `revoke`, `targets`: what they say, and what logs in afterwards.

use std::time::Duration;

use anyssh_testkit::emulator::{Fault, Generation, Leap0Emulator};
use serde_json::{Value, json};

use super::super::support::{Home, Ran};
use super::{GENERATIONS, SANDBOX, anyssh, assert_nothing_is_left, builder, by_hand, emulator};

fn run(home: &Home, emulator: &Leap0Emulator, words: &[&str]) -> Ran {
    anyssh(home, emulator, &[&["--error-format=json"], words].concat()).run()
}

/// A verb about a credential, with its password on standard input.
fn on(home: &Home, emulator: &Leap0Emulator, verb: &str, shown: &Value) -> Ran {
    let id = shown["session_id"].as_str().unwrap();
    let words = ["--json", "--error-format=json", verb, "leap0", SANDBOX, "--session-id", id, "--password-fd", "-"];
    anyssh(home, emulator, &words).stdin(shown["password"].as_str().unwrap()).run()
}

fn create(home: &Home, emulator: &Leap0Emulator) -> Value {
    run(home, emulator, &["--json", "create", "leap0", SANDBOX, "--show-secrets"]).exits(0).json()
}

fn is_valid(home: &Home, emulator: &Leap0Emulator, shown: &Value) -> bool {
    let ran = on(home, emulator, "validate", shown);
    let valid = ran.json()["valid"].as_bool().unwrap();
    ran.exits(if valid { 0 } else { 1 });
    valid
}

fn regenerate(home: &Home, emulator: &Leap0Emulator, shown: &Value) -> Value {
    let id = shown["session_id"].as_str().unwrap();
    run(home, emulator, &["--json", "regenerate", "leap0", SANDBOX, "--session-id", id, "--show-secrets"])
        .exits(0)
        .json()
}

#[test]
fn a_created_credential_is_printed_with_these_values() {
    let builder = builder(Generation::Two).with_password("p\"w\\ é");
    let (home, emulator) = (Home::new(), builder.start_blocking().unwrap());
    let shown = create(&home, &emulator);
    let access = emulator.alive().remove(0);
    let port = emulator.ssh_port(SANDBOX).unwrap();
    for (name, value) in [
        ("provider", json!("leap0")),
        ("target", json!(SANDBOX)),
        ("session_id", json!(access.id)),
        ("user", json!(access.id)),
        ("host", json!("127.0.0.1")),
        ("port", json!(port)),
        ("transport", json!("tcp")),
        ("url", Value::Null),
        ("credential", json!("password")),
        ("host_trust", json!("first_use")),
        ("password", json!("p\"w\\ é")),
        ("known_hosts", json!([])),
        ("state", json!("live")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    for name in ["created_at", "expires_at"] {
        assert!(shown[name].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{shown}");
    }
    assert!(by_hand(&emulator, &shown).is_let_in().unwrap());
}

/// Clause 8 and 9: what was revoked or replaced is not valid and logs nobody in, what replaced it does; in
/// both generations, whether the ID stays or not.
#[test]
fn a_password_logs_in_until_it_is_replaced_or_revoked() {
    for generation in GENERATIONS {
        for keeps_id in [true, false] {
            let builder = builder(generation);
            let builder = if keeps_id { builder } else { builder.with_new_ids() };
            let (home, emulator) = (Home::new(), builder.start_blocking().unwrap());
            let logs_in = |shown: &Value| by_hand(&emulator, shown).is_let_in().unwrap();
            let first = create(&home, &emulator);
            assert!(is_valid(&home, &emulator, &first) && logs_in(&first));

            let second = regenerate(&home, &emulator, &first);
            assert_eq!(first["session_id"] == second["session_id"], keeps_id);
            assert!(!is_valid(&home, &emulator, &first) && !logs_in(&first));
            assert!(is_valid(&home, &emulator, &second) && logs_in(&second));

            let revoked = on(&home, &emulator, "revoke", &second).exits(0).json();
            assert_eq!(revoked["revoked"], json!([second["session_id"]]));
            assert!(!is_valid(&home, &emulator, &second) && !logs_in(&second));
            let again = on(&home, &emulator, "revoke", &second).exits(0).json();
            assert_eq!(again["already_gone"], json!([second["session_id"]]));
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

#[test]
fn an_expired_password_is_not_valid_and_logs_nobody_in() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        let shown = create(&home, &emulator);
        emulator.advance_clock(Duration::from_secs(3601));
        assert!(!is_valid(&home, &emulator, &shown) && !by_hand(&emulator, &shown).is_let_in().unwrap());
    }
}

#[test]
fn validating_takes_the_password_and_a_wrong_one_is_not_valid() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        let shown = create(&home, &emulator);
        let id = shown["session_id"].as_str().unwrap();
        let error = run(&home, &emulator, &["validate", "leap0", SANDBOX, "--session-id", id]).exits(2).error();
        assert_eq!((&error["kind"], &error["field"]), (&json!("usage"), &json!("--password-fd")));
        let mut wrong = shown.clone();
        wrong["password"] = "wrong".into();
        assert!(!is_valid(&home, &emulator, &wrong) && is_valid(&home, &emulator, &shown));
        let unknown = json!({"session_id": "ssh-0000000000000000", "password": "x"});
        assert!(!is_valid(&home, &emulator, &unknown));
    }
}

/// Generation 1 has one credential for each sandbox: somebody else's is not touched, and the error says what
/// would become of it.
#[test]
fn a_credential_of_somebody_else_is_a_conflict_and_stays() {
    let (home, emulator) = (Home::new(), emulator(Generation::One));
    let theirs = emulator.create_access(SANDBOX);
    for (words, status) in [
        (&["create", "leap0", SANDBOX, "--show-secrets"][..], 6),
        (&["--accept-new-host-key", "leap0", SANDBOX, "--", "true"], 255),
    ] {
        let error = run(&home, &emulator, words).exits(status).error();
        assert_eq!((&error["kind"], &error["code"]), (&json!("conflict"), &json!(6)), "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("regenerate") && message.contains("cuts off"), "{message}");
        assert_eq!(emulator.alive(), std::slice::from_ref(&theirs));
    }
    // What the message says is what happens, and no ID is needed for it.
    let taken = run(&home, &emulator, &["--json", "regenerate", "leap0", SANDBOX, "--show-secrets"]).exits(0).json();
    assert_ne!(taken["password"], json!(theirs.password));
    assert!(by_hand(&emulator, &taken).is_let_in().unwrap());
    let old = json!({"user": theirs.id, "password": theirs.password, "port": taken["port"]});
    assert!(!by_hand(&emulator, &old).is_let_in().unwrap());
}

/// Generation 2 has many, and does not say which ones.
#[test]
fn where_there_are_many_credentials_the_one_to_be_replaced_has_to_be_named() {
    let (home, emulator) = (Home::new(), emulator(Generation::Two));
    let theirs = emulator.create_access(SANDBOX);
    let error = run(&home, &emulator, &["regenerate", "leap0", SANDBOX]).exits(2).error();
    assert!(error["message"].as_str().unwrap().contains("id"), "{error}");
    assert_eq!(emulator.alive(), [theirs]);
}

/// Generation 1 deletes whatever credential there is: with its password, one that is not ours any more stays.
#[test]
fn revoking_with_an_old_password_leaves_the_credential_that_replaced_it() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), builder(generation).with_new_ids().start_blocking().unwrap());
        let old = create(&home, &emulator);
        let new = regenerate(&home, &emulator, &old);
        let revoked = on(&home, &emulator, "revoke", &old).exits(0).json();
        assert_eq!(revoked["already_gone"], json!([old["session_id"]]));
        assert!(is_valid(&home, &emulator, &new));
    }
}

/// N4: an answer that was lost is not asked for again; the error says what may be left, and how long.
#[test]
fn a_create_whose_answer_was_lost_is_not_repeated_and_says_what_may_be_left() {
    for (generation, number) in GENERATIONS.into_iter().zip(["1", "2"]) {
        for known in [true, false] {
            let (home, emulator) = (Home::new(), emulator(generation));
            let path = format!("/v1/sandbox/{SANDBOX}/ssh/access");
            emulator.add_fault(Fault::on("POST", &path).after_the_work().close());
            let words = ["--error-format=json", "create", "leap0", SANDBOX, "--show-secrets"];
            let api = if known { number } else { "auto" };
            let error = anyssh(&home, &emulator, &words).env("ANYSSH_LEAP0_API", api).run().exits(7).error();
            let posts = emulator.requests().iter().filter(|request| request.line() == format!("POST {path}")).count();
            assert_eq!((posts, &error["kind"]), (1, &json!("unavailable")));
            let text = format!("{} {}", error["message"], error["hint"]);
            let takes_over = text.contains("regenerate") && text.contains("cuts off");
            let expires = text.contains("expires");
            assert!(expires && (takes_over || generation == Generation::Two), "{text}");
        }
    }
}

#[test]
fn sandboxes_are_listed_over_all_pages() {
    use anyssh_testkit::emulator::Sandbox;
    let many = (0..230).map(|number| Sandbox::new(&format!("sbx-{number:03}")));
    let builder =
        many.fold(builder(Generation::Two).without_ssh(), anyssh_testkit::emulator::Leap0Builder::with_sandbox);
    let emulator = builder.with_sandbox(Sandbox::new("sbx-paused").in_state("paused")).start_blocking().unwrap();
    let listed = run(&Home::new(), &emulator, &["--json", "targets", "leap0"]).exits(0).json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 232);
    assert!(listed.contains(&json!({"target": "sbx-paused", "name": null, "state": "paused"})), "{listed:?}");
}

/// Whatever the vendor says in place of an answer, the exit status is the table's.
#[test]
fn refusals_of_the_control_plane_have_the_exit_status_of_their_kind() {
    for (status, exit, kind) in
        [(401, 4, "auth"), (403, 4, "auth"), (404, 5, "not_found"), (400, 10, "protocol"), (500, 7, "unavailable")]
    {
        let (home, emulator) = (Home::new(), emulator(Generation::Two));
        let body = "{\"message\": \"no, because\"}";
        emulator.add_fault(Fault::on("GET", "/v1/sandboxes").status(status).body(body).always());
        let error = run(&home, &emulator, &["targets", "leap0"]).exits(exit).error();
        assert_eq!(error["kind"], json!(kind), "{error}");
        assert!(error["message"].as_str().unwrap().contains("no, because"), "{error}");
    }
}

/// Both generations make credentials alike, so that the wrong one was said shows only when one is to be
/// ended: then it is said, and by then the remote status is known.
#[test]
fn a_credential_that_outlives_its_use_because_the_wrong_generation_was_said_is_a_warning() {
    for (generation, wrong) in GENERATIONS.into_iter().zip(["2", "1"]) {
        let (home, emulator) = (Home::new(), emulator(generation));
        let words = ["--accept-new-host-key", "--error-format=json", "leap0", SANDBOX, "--", "exit 7"];
        let ran = anyssh(&home, &emulator, &words).env("ANYSSH_LEAP0_API", wrong).run();
        let warnings = ran.exits(7).warnings();
        assert_eq!((warnings.len(), &warnings[0]["kind"]), (1, &json!("config")), "{generation:?}: {}", ran.stderr);
        assert_eq!((&warnings[0]["field"], emulator.alive().len()), (&json!("ANYSSH_LEAP0_API"), 1));
    }
}
