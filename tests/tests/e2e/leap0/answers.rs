//! Answers of the control plane that must not reach ssh, nor a shell. Each shape is a test of the provider;
//! these are a sample, from end to end.

use std::path::Path;

use anyssh_testkit::emulator::{Fault, Generation, Leap0Emulator};
use serde_json::{Value, json};

use super::super::support::{Home, Ran};
use super::{GENERATIONS, SANDBOX, assert_nothing_is_left, emulator, trusting};

/// A connect whose ssh says so if it is ever started.
fn connect(home: &Home, emulator: &Leap0Emulator) -> Ran {
    let ssh = home.script("ssh", &format!("touch '{}'", home.beside("ssh-was-started").display()));
    let words = ["--error-format=json", "leap0", SANDBOX, "--", "true"];
    trusting(home, emulator, &words).env("ANYSSH_SSH", ssh).run()
}

#[track_caller]
fn assert_untouched(home: &Home, marker: &Path) {
    assert!(!home.beside("ssh-was-started").exists() && !marker.exists());
}

/// S6: a command that says more than where to log in is refused; nothing of it is ever run, and the
/// credential is ended.
#[test]
fn a_command_that_could_do_anything_is_refused_and_never_run() {
    let home = Home::new();
    let marker = home.beside("owned");
    let touch = format!("touch {}", marker.display());
    for command in [
        format!("ssh -o 'ProxyCommand={touch}' {{id}}@127.0.0.1"),
        format!("ssh -o LocalCommand='{touch}' -o PermitLocalCommand=yes {{id}}@127.0.0.1"),
        format!("ssh {{id}}@127.0.0.1; {touch}"),
        format!("ssh {{id}}@127.0.0.1 && {touch}"),
        format!("ssh {{id}}@127.0.0.1 | {touch}"),
        format!("ssh {{id}}@127.0.0.1\n{touch}"),
        format!("ssh {{id}}@$({touch})"),
        format!("ssh {{id}}@`{touch}`"),
        format!("ssh {{id}}@127.0.0.1 {touch}"),
        format!("ssh {{id}}@-oProxyCommand={}", touch.replace(' ', "\\ ")),
        "ssh -F /tmp/config {id}@127.0.0.1".into(),
        "ssh -J {id}@jump {id}@127.0.0.1".into(),
        "ssh root@127.0.0.1".into(),
        "ssh -l root {id}@127.0.0.1".into(),
        "ssh 127.0.0.1".into(),
        "ssh {id}@".into(),
        "ssh".into(),
        "sh {id}@127.0.0.1".into(),
        "ssh 'unbalanced {id}@127.0.0.1".into(),
        "ssh -p ssh {id}@127.0.0.1".into(),
        "ssh -p 22-80 {id}@127.0.0.1".into(),
        "ssh -p 70000 {id}@127.0.0.1".into(),
        "ssh {id}@[::1".into(),
        String::new(),
    ] {
        let emulator = super::builder(Generation::Two).with_ssh_command(&command).start_blocking().unwrap();
        let error = connect(&home, &emulator).exits(255).error();
        assert_eq!(
            (&error["kind"], &error["field"]),
            (&json!("protocol"), &json!("ssh_command")),
            "{command}: {error}"
        );
        assert_untouched(&home, &marker);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// S1, S8: every other field of a credential, in both generations.
#[test]
fn a_credential_that_does_not_fit_is_refused_by_its_field_and_ended() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        for (field, value) in [
            ("password", json!("")),
            ("password", json!("one\ntwo")),
            ("password", json!(["x"])),
            ("password", Value::Null),
            ("sandbox_id", json!("sbx-other")),
            ("expires_at", json!("2001-01-01T00:00:00Z")),
            ("expires_at", json!("tomorrow")),
            ("ssh_command", Value::Null),
            ("ssh_command", json!(["ssh"])),
        ] {
            let changed = value.clone();
            emulator.spoil(move |credential| credential[field] = changed.clone());
            let error = connect(&home, &emulator).exits(255).error();
            assert_eq!((&error["kind"], &error["field"]), (&json!("protocol"), &json!(field)), "{value}: {error}");
            assert_untouched(&home, &home.beside("owned"));
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

/// S7: an ID that would lead elsewhere goes into no path. Only generation 1 can end such a credential.
#[test]
fn an_id_that_would_lead_elsewhere_is_asked_for_nowhere() {
    for generation in GENERATIONS {
        for id in ["-oProxyCommand=id", "../../sandboxes", "..", "a/b", "a b", "ssh-1\nroot", ""] {
            let (home, emulator) = (Home::new(), emulator(generation));
            emulator.spoil(move |credential| credential["id"] = id.into());
            let ran = connect(&home, &emulator);
            let error = ran.exits(255).error();
            assert_eq!((&error["kind"], &error["field"]), (&json!("protocol"), &json!("id")), "{id:?}: {error}");
            assert_untouched(&home, &home.beside("owned"));
            let ssh = format!("/v1/sandbox/{SANDBOX}/ssh/");
            for request in emulator.requests() {
                let known = request.path == format!("/v1/sandbox/{SANDBOX}/") || request.path.starts_with(&ssh);
                assert!(known && !request.path.contains(".."), "{id:?}: {request:?}");
            }
            match generation {
                Generation::One => assert_nothing_is_left(&home, &emulator),
                Generation::Two => assert!(ran.stderr.contains("expires"), "what is left is said: {error}"),
            }
        }
    }
}

/// S9: what is not an answer at all; the credential that the lost answer was about is not made twice.
#[test]
fn an_answer_that_is_none_is_named_and_the_create_is_not_repeated() {
    let path = format!("/v1/sandbox/{SANDBOX}/ssh/access");
    let create = || Fault::on("POST", &path).after_the_work();
    let huge = format!("{{\"id\": \"{}\"}}", "x".repeat(2 << 20));
    for (fault, word) in [
        (create().html(), "HTML"),
        (create().status(201).body("{\"id\": \"ssh-1\""), "JSON"),
        (create().status(201).body("[]"), "type"),
        (create().status(201).body(huge), "too large"),
        (create().redirect("http://127.0.0.1:1/"), "redirect"),
    ] {
        for generation in GENERATIONS {
            let (home, emulator) = (Home::new(), emulator(generation));
            emulator.add_fault(fault.clone());
            let ran = connect(&home, &emulator);
            let error = ran.exits(255).error();
            assert_eq!(
                (&error["kind"], &error["operation"]),
                (&json!("protocol"), &json!("create")),
                "{word}: {error}"
            );
            assert!(error["message"].as_str().unwrap().contains(word), "{word}: {error}");
            let posts = emulator.requests().iter().filter(|request| request.line() == format!("POST {path}")).count();
            assert_eq!(posts, 1);
            assert_untouched(&home, &home.beside("owned"));
        }
    }
}

/// A sandbox that is not the one that was asked for, or in no state at all.
#[test]
fn an_answer_about_another_sandbox_creates_nothing() {
    for (field, value) in [("id", json!("sbx-other")), ("state", json!("run\u{1b}[31m")), ("state", Value::Null)] {
        let (home, emulator) = (Home::new(), emulator(Generation::Two));
        emulator.spoil_sandbox(move |sandbox| sandbox[field] = value.clone());
        let error = connect(&home, &emulator).exits(255).error();
        assert_eq!((&error["kind"], &error["field"]), (&json!("protocol"), &json!(field)), "{error}");
        assert!(emulator.accesses().is_empty());
    }
}
