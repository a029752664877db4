//! What credentials go through.

use std::time::Duration;

use anyssh_testkit::emulator::{AccessStatus, Emulator, Generation, Leap0Emulator, Sandbox};
use serde_json::{Value, json};

use super::{GENERATIONS, SANDBOX, create, failure, on, start, text, validate};

fn regenerate(emulator: &Leap0Emulator, id: &str) -> Value {
    let answer = on(emulator, "regen", id).send(emulator);
    assert_eq!(answer.status, 200);
    answer.json()
}

fn is_valid(emulator: &Leap0Emulator, access: &Value) -> Value {
    let answer = validate(emulator, text(access, "id"), text(access, "password"));
    if answer.status == 404 { json!("unknown") } else { answer.json()["valid"].clone() }
}

fn statuses(emulator: &Leap0Emulator) -> Vec<AccessStatus> {
    emulator.accesses().iter().map(|access| access.status).collect()
}

#[test]
fn a_credential_has_all_fields_and_its_id_is_the_user_of_the_command() {
    for generation in GENERATIONS {
        let emulator = start(generation);
        let made = create(&emulator);
        assert_eq!(made.status, 201);
        let made = made.json();
        let id = text(&made, "id");
        assert!(id.len() == 20 && id.starts_with("ssh-") && text(&made, "sandbox_id") == SANDBOX, "{id}");
        let command = format!("ssh -o StrictHostKeyChecking=accept-new -p 1 {id}@127.0.0.1");
        assert_eq!(text(&made, "ssh_command"), command);
        let time = |name: &str| text(&made, name).parse::<jiff::Timestamp>().unwrap().as_second();
        assert_eq!((time("expires_at") - time("created_at"), time("updated_at")), (3600, time("created_at")));
        assert_eq!((is_valid(&emulator, &made), emulator.alive().len()), (json!(true), 1));
        assert_eq!(validate(&emulator, id, "other").json(), json!({"valid": false, "sandbox_id": SANDBOX}));
        assert!(!format!("{:?}", emulator.accesses()).contains(text(&made, "password")));
    }
}

#[test]
fn generation_one_has_one_credential_and_generation_two_has_many() {
    let (one, two) = (start(Generation::One), start(Generation::Two));
    let first = create(&one).json();
    assert_eq!(failure(&create(&one)), (409, "SSH access already exists for this sandbox".into()));
    assert_eq!((is_valid(&one, &first), one.alive().len()), (json!(true), 1));
    assert_eq!(validate(&one, "ssh-other", text(&first, "password")).json()["valid"], false);
    assert_eq!(on(&one, "delete", "").send(&one).status, 204);
    assert_eq!(create(&one).status, 201);

    let (first, second) = (create(&two).json(), create(&two).json());
    assert_ne!((text(&first, "id"), text(&first, "password")), (text(&second, "id"), text(&second, "password")));
    assert_eq!(on(&two, "delete", text(&first, "id")).send(&two).status, 204);
    assert_eq!([is_valid(&two, &first), is_valid(&two, &second)], [json!("unknown"), json!(true)]);
}

#[test]
fn regenerating_ends_the_old_password_at_once_and_sets_the_end_anew() {
    for (generation, keeps_id) in
        [(Generation::One, true), (Generation::One, false), (Generation::Two, true), (Generation::Two, false)]
    {
        let builder = Emulator::leap0(generation).without_ssh();
        let emulator = if keeps_id { builder } else { builder.with_new_ids() }.start_blocking().unwrap();
        let old = create(&emulator).json();
        emulator.advance_clock(Duration::from_secs(600));
        let new = regenerate(&emulator, text(&old, "id"));
        assert_eq!(text(&old, "id") == text(&new, "id"), keeps_id);
        assert!(text(&new, "expires_at") > text(&old, "expires_at"));
        let gone = if generation == Generation::Two && !keeps_id { json!("unknown") } else { json!(false) };
        assert_eq!([is_valid(&emulator, &old), is_valid(&emulator, &new)], [gone, json!(true)]);
        assert_eq!(statuses(&emulator), [AccessStatus::Replaced, AccessStatus::Live]);
        let user = format!("{}@", text(&new, "id"));
        assert!(text(&new, "ssh_command").contains(&user), "{new}");
    }
}

#[test]
fn what_is_not_there_cannot_be_regenerated_validated_or_deleted() {
    for generation in GENERATIONS {
        let emulator = start(generation);
        let unknown = (404, "SSH access not found".to_owned());
        for verb in ["regen", "delete"] {
            assert_eq!(failure(&on(&emulator, verb, "ssh-1").send(&emulator)), unknown, "{verb}");
        }
        assert_eq!(failure(&validate(&emulator, "ssh-1", "x")), unknown);
        let made = create(&emulator).json();
        assert_eq!(on(&emulator, "delete", text(&made, "id")).send(&emulator).status, 204);
        assert_eq!(failure(&on(&emulator, "delete", text(&made, "id")).send(&emulator)), unknown);
        assert_eq!(statuses(&emulator), [AccessStatus::Deleted]);
    }
}

#[test]
fn an_expired_credential_is_not_valid_and_still_in_the_way_of_generation_one() {
    for (generation, status) in GENERATIONS.into_iter().zip([409, 201]) {
        let emulator =
            Emulator::leap0(generation).without_ssh().with_lifetime(Duration::from_secs(60)).start_blocking().unwrap();
        let made = create(&emulator).json();
        emulator.advance_clock(Duration::from_secs(61));
        assert_eq!((is_valid(&emulator, &made), statuses(&emulator)), (json!(false), vec![AccessStatus::Expired]));
        assert_eq!(create(&emulator).status, status);
        regenerate(&emulator, text(&made, "id"));
        assert!(!emulator.alive().is_empty());
    }
}

#[test]
fn passwords_and_the_command_are_what_a_test_says() {
    let emulator = Emulator::leap0(Generation::Two)
        .without_ssh()
        .with_sandbox(Sandbox::new("sbx-1"))
        .with_password("a b'c\"d$e`f\\g%h é")
        .with_ssh_command("ssh {id}@{sandbox}.sandbox.leap0.dev")
        .start_blocking()
        .unwrap();
    emulator.add_password("second");
    let passwords: Vec<String> = (0..3).map(|_| emulator.create_access("sbx-1").password).collect();
    assert_eq!(passwords[..2], ["a b'c\"d$e`f\\g%h é", "second"]);
    assert!(passwords[2].starts_with("Leap0-"));
    let id = emulator.accesses()[1].id.clone();
    emulator.delete_access(&id).unwrap();
    assert!(emulator.delete_access(&id).is_err());
    assert_eq!(emulator.alive().len(), 2);
}

#[test]
fn good_answers_are_spoiled_and_the_emulator_goes_on() {
    let emulator = start(Generation::Two);
    emulator.spoil(|credential| credential["ssh_command"] = Value::Null);
    emulator.spoil_validation(|answer| answer["valid"] = "false".into());
    let made = create(&emulator).json();
    assert_eq!((&made["ssh_command"], is_valid(&emulator, &made)), (&Value::Null, json!("false")));
    emulator.spoil_sandbox(|sandbox| sandbox["id"] = "sbx-other".into());
    let read = || crate::client::Call::new(&emulator, &format!("GET /v1/sandbox/{SANDBOX}/")).send(&emulator).json();
    assert_eq!(read()["id"], "sbx-other");
    emulator.unspoil();
    assert_eq!((is_valid(&emulator, &made), read()["id"].clone()), (json!(true), json!(SANDBOX)));
}
