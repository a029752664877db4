//! What programs read, key by key.

use anyssh_tests::guest::{Scenario, SessionPart, Trust};
use serde_json::{Value, json};

use super::support::{Gateway, Home, keys};

/// The keys of a session without its secrets.
const SESSION: [&str; 14] = [
    "created_at",
    "credential",
    "expires_at",
    "holders",
    "host",
    "host_trust",
    "port",
    "provider",
    "session_id",
    "state",
    "target",
    "transport",
    "url",
    "user",
];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    let mut keys = [&SESSION, more].concat();
    keys.sort_unstable();
    keys
}

#[test]
fn a_created_password_session_has_these_keys_and_values() {
    let line = Gateway::start(20, "x").key_line();
    let session = SessionPart {
        password: "p\"w\\ é".into(),
        port: 2222,
        trust: Trust::Pinned(vec![line.clone()]),
        expires_in: Some(3600),
        ..SessionPart::default()
    };
    let scenario = Scenario { session, ..Scenario::default() };
    let ran = Home::new().guest(&scenario, &["--json", "create", "guest", "room", "--show-secrets"]).run();
    let mut shown = ran.exits(0).json();
    assert_eq!(keys(&shown), with(&["known_hosts", "password"]));
    for key in ["created_at", "expires_at"] {
        let time = shown[key].take();
        assert!(time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "RFC 3339: {time}");
    }
    let expected = json!({
        "provider": "guest", "target": "room", "session_id": "guest-1", "user": "guest", "host": "127.0.0.1",
        "port": 2222, "transport": "tcp", "url": null, "credential": "password", "host_trust": "pinned",
        "created_at": null, "expires_at": null, "state": "live", "holders": 0, "password": "p\"w\\ é",
        "known_hosts": [format!("[127.0.0.1]:2222 {line}")],
    });
    assert_eq!(shown, expected);
    assert_eq!(ran.stderr, "");
}

#[test]
fn what_is_not_known_is_null_and_not_left_out() {
    let ran = Home::new().guest(&Scenario::default(), &["create", "guest", "room", "--show-secrets", "--json"]).run();
    let shown = ran.exits(0).json();
    assert_eq!(keys(&shown), with(&["known_hosts", "password"]));
    assert_eq!(
        (&shown["expires_at"], &shown["host_trust"], &shown["known_hosts"]),
        (&Value::Null, &json!("first_use"), &json!([]))
    );
}

/// The key, the certificate and the known hosts are files that the real tools read.
#[test]
fn a_created_certificate_session_is_what_ssh_keygen_reads() {
    let home = Home::new();
    let ran = home.anyssh(&["-q", "create", "mock", "certificate", "--show-secrets", "--json"]).run();
    let shown = ran.exits(0).json();
    assert_eq!(keys(&shown), with(&["certificate", "known_hosts", "private_key"]));
    assert_eq!(
        (&shown["credential"], &shown["state"], &shown["transport"]),
        (&json!("certificate"), &json!("live"), &json!("tcp"))
    );
    let script = home.script(
        "read",
        "umask 077; cd \"$(dirname \"$0\")\"; cat > key; ssh-keygen -y -f key | cut -d' ' -f1,2 > public; ssh-keygen -L -f cert | grep -A1 'Public key' >&2; \
         ssh-keygen -lf public | cut -d' ' -f2; ssh-keygen -L -f cert | sed -n 's/.*Public key: ED25519-CERT //p'",
    );
    super::support::write(&home.beside("cert"), shown["certificate"].as_str().unwrap());
    let run = home.anyssh(&[]).program(&script).stdin(shown["private_key"].as_str().unwrap()).run();
    let fingerprints: Vec<_> = run.text().lines().map(str::to_owned).collect();
    assert_eq!(fingerprints.len(), 2, "{run:?}");
    assert_eq!(fingerprints[0], fingerprints[1], "the certificate is for this key");
    assert!(shown["known_hosts"][0].as_str().unwrap().starts_with("[127.0.0.1]:"));
}

#[test]
fn create_without_show_secrets_is_a_usage_error_that_says_why() {
    let home = Home::new();
    let ran = home.guest(&Scenario::default(), &["--error-format=json", "create", "guest", "room"]).run();
    let error = ran.exits(2).error();
    assert!(error["message"].as_str().unwrap().contains("no record of sessions"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("--show-secrets"), "{error}");
    assert_eq!(home.calls(), [], "nothing was created");
}

#[test]
fn regenerate_shows_a_session_and_its_secrets_only_when_asked() {
    let words = ["--json", "regenerate", "guest", "room", "--session-id", "old-1"];
    let home = Home::new();
    let ran = home.guest(&Scenario::default(), &words).run();
    assert_eq!(keys(&ran.exits(0).json()), SESSION);
    assert!(!ran.text().contains("not-a-password-of-anybody"));
    assert_eq!(home.begun("regenerate")[0].id.as_deref(), Some("old-1"));
    let ran = Home::new().guest(&Scenario::default(), &[&words[..], &["--show-secrets"]].concat()).run();
    assert_eq!(ran.exits(0).json()["password"], json!("not-a-password-of-anybody"));
}

#[test]
fn an_old_session_that_still_lives_is_a_warning_with_the_command_that_ends_it() {
    let mut scenario = Scenario::default();
    scenario.session.still_alive = true;
    let words = ["--error-format=json", "regenerate", "guest", "room", "--session-id", "old-1"];
    let ran = Home::new().guest(&scenario, &words).run();
    let warnings = ran.exits(0).warnings();
    assert_eq!(warnings.len(), 1, "{}", ran.stderr);
    assert_eq!(warnings[0]["hint"], json!("anyssh revoke guest room --session-id old-1"));
}

#[test]
fn validate_and_revoke_answer_with_these_objects() {
    let on = ["guest", "room", "--session-id", "s1"];
    let json = |verb: &str, scenario: &Scenario, status| {
        Home::new().guest(scenario, &[&["--json", verb], &on[..]].concat()).run().exits(status).json()
    };
    let mut valid = Scenario { valid: true, ..Scenario::default() };
    assert_eq!(json("validate", &valid, 0), json!({"valid": true, "reason": null, "expires_at": null}));
    valid.session.expires_in = Some(1);
    let expected = json!({"valid": true, "reason": null, "expires_at": "2100-01-01T00:00:00Z"});
    assert_eq!(json("validate", &valid, 0), expected);
    let invalid = json!({"valid": false, "reason": "checked out", "expires_at": null});
    assert_eq!(json("validate", &Scenario::default(), 1), invalid);
    let revoked = json!({"revoked": ["s1"], "already_gone": [], "failed": [], "unknown": []});
    assert_eq!(json("revoke", &Scenario::default(), 0), revoked);
    let gone = Scenario { gone: true, ..Scenario::default() };
    assert_eq!(json("revoke", &gone, 0), json!({"revoked": [], "already_gone": ["s1"], "failed": [], "unknown": []}));
}

#[test]
fn targets_are_an_array_of_these_objects() {
    let ran = Home::new().anyssh(&["--json", "targets", "guest", "--anonymous"]).run();
    let expected = json!([
        {"target": "room-1", "name": null, "state": "running"},
        {"target": "room-22", "name": "the big one", "state": "asleep"},
    ]);
    assert_eq!(ran.exits(0).json(), expected);
    let mock = Home::new().anyssh(&["targets", "mock", "--json"]).run().exits(0).json();
    let names: Vec<_> = mock.as_array().unwrap().iter().map(|target| target["target"].clone()).collect();
    assert_eq!(names, [json!("certificate"), json!("password"), json!("tunnel")]);
    let plain = Home::new().anyssh(&["targets", "guest", "--anonymous"]).run();
    assert_eq!(plain.exits(0).text(), "room-1   running\nroom-22  asleep  the big one\n");
}

#[test]
fn providers_tell_what_they_need_and_what_is_set_but_no_value() {
    let home = Home::new();
    let ran = home.anyssh(&["--json", "providers"]).env("GUEST_API_KEY", "hunter2").run();
    let list = ran.exits(0).json();
    assert!(!ran.text().contains("hunter2"));
    let list = list.as_array().unwrap();
    let names: Vec<_> = list.iter().map(|provider| provider["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dedalus", "flyte", "leap0", "mock", "guest"]);
    for provider in list {
        let has = keys(provider);
        for key in ["name", "summary", "settings", "options", "capabilities"] {
            assert!(has.contains(&key), "{provider}");
        }
    }
    let settings = list.last().unwrap()["settings"].as_array().unwrap();
    let told = |key: &str| settings.iter().map(|setting| setting[key].clone()).collect::<Vec<_>>();
    assert_eq!(told("name"), [json!("GUEST_API_KEY"), json!("GUEST_SCENARIO")]);
    assert_eq!((told("required"), told("set")), (vec![json!(true), json!(false)], vec![json!(true), json!(false)]));
    let unset = home.anyssh(&["--json", "providers"]).run().exits(0).json();
    assert_eq!(unset.as_array().unwrap().last().unwrap()["settings"][0]["set"], json!(false));
}

/// A line of JSON is one line, whatever is in it.
#[test]
fn an_error_is_one_line_whatever_the_provider_says() {
    let create = anyssh_tests::guest::Act::Fail("Failed".into(), "two\nlines \u{1b}]0;x\u{7}".into(), None);
    let scenario = Scenario { create, ..Scenario::default() };
    let ran = Home::new().guest(&scenario, &["--error-format=json", "guest", "room"]).run();
    ran.exits(255).error();
    assert_eq!(ran.stderr.matches('\n').count(), 1);
    // A provider has to escape remote text. One that forgets it does not reach the terminal all the same.
    let ran = Home::new().guest(&scenario, &["guest", "room"]).run();
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}']), "{:?}", ran.stderr);
    assert_eq!(ran.stderr.lines().filter(|line| !line.starts_with("  hint: ")).count(), 1, "{}", ran.stderr);
}
