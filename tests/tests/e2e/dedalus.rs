//! `anyssh dedalus` against the emulated control plane and its gateway, a real `sshd`.

mod gateway;
mod identity;

use std::process::{Command, Stdio};
use std::time::Duration;

use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Fault, Machine, Wake};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{self, Anyssh, Home, PATIENCE, until};

const MACHINE: &str = "0199b1c2-0000-7000-8000-00000000000a";

fn emulator(wake: Wake) -> DedalusEmulator {
    let machine = Machine::new(MACHINE).named("pond").phase("sleeping");
    Emulator::dedalus().with_machine(machine).with_wake(wake).start_blocking().unwrap()
}

fn waking() -> Wake {
    Wake::at_once().stage("wake_in_progress", 2).stage("ssh_in_progress", 1).hint(100)
}

fn anyssh(home: &Home, emulator: &DedalusEmulator, words: &[&str]) -> Anyssh {
    home.anyssh(words).env("DEDALUS_BASE_URL", emulator.base_url()).env("DEDALUS_API_KEY", emulator.api_key())
}

#[track_caller]
fn assert_nothing_is_left(home: &Home, emulator: &DedalusEmulator) {
    assert_eq!((emulator.alive(), home.launches()), (vec![], vec![]));
}

/// S2, S5: the machine is woken, the real ssh logs in over the host CA, and nothing is left.
#[test]
fn a_machine_is_woken_and_logged_in_to_and_nothing_is_left() {
    let (home, emulator) = (Home::new(), emulator(waking()));
    let ran = anyssh(&home, &emulator, &["dedalus", MACHINE, "--", "echo hello; exit 7"]).run();
    assert_eq!(ran.exits(7).text(), "hello\n");
    let progress = ["dedalus: waking the machine (wake_in_progress)", "dedalus: preparing SSH (ssh_in_progress)"];
    assert_eq!(ran.lines(), progress);
    assert_eq!(emulator.sessions().len(), 1);
    assert_nothing_is_left(&home, &emulator);
}

#[test]
fn machines_are_listed_and_one_that_may_not_be_woken_is_an_error() {
    let (home, emulator) = (Home::new(), emulator(waking()));
    let listed = anyssh(&home, &emulator, &["--json", "targets", "dedalus"]).run();
    let text = listed.exits(0).text();
    assert!(text.contains(MACHINE) && text.contains("pond") && text.contains("sleeping"), "{text}");
    let words = ["--no-wake", "--error-format=json", "dedalus", MACHINE, "--", "true"];
    let error = anyssh(&home, &emulator, &words).run().exits(255).error();
    assert_eq!((&error["kind"], &error["field"]), (&json!("failed"), &json!("phase")));
    assert!(emulator.sessions().is_empty());
}

/// C6: while the machine wakes, and during the create itself.
#[test]
fn a_signal_before_the_session_is_ready_deletes_it() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let forever = Wake::at_once().stage("wake_in_progress", u32::MAX).hint(100);
        let (home, emulator) = (Home::new(), emulator(forever));
        let running = anyssh(&home, &emulator, &["dedalus", MACHINE, "--", "true"]).start();
        until("polling", || emulator.requests().len() > 2);
        running.signal(signal);
        running.finish().exits(status);
        assert_nothing_is_left(&home, &emulator);

        // The answer to the create is held back, so nobody has heard the session's name.
        let path = format!("/v1/machines/{MACHINE}/ssh");
        emulator.add_fault(Fault::on("POST", &path).delay(Duration::from_secs(5)).after_the_work());
        let running = anyssh(&home, &emulator, &["dedalus", MACHINE, "--", "true"]).start();
        until("the create", || emulator.alive().len() == 1);
        running.signal(signal);
        running.finish().exits(status);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// S5, S8: what does not fit is named, no ssh is started, and the session is deleted.
#[test]
fn a_session_that_does_not_fit_is_refused_before_ssh_and_deleted() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let ssh = home.script("ssh", &format!("touch {}", home.beside("ssh-was-started").display()));
    for (pointer, value) in [
        ("/connection/endpoint", json!("-oProxyCommand=id")),
        ("/connection/port", json!(70000)),
        ("/connection/ssh_username", json!("root\n")),
        ("/connection/host_trust/kind", json!("none")),
        ("/connection/host_trust/host_pattern", json!("a,b")),
        ("/connection/user_certificate", json!("ssh-ed25519 AAAA")),
        ("/expires_at", json!("2001-01-01T00:00:00Z")),
    ] {
        let changed = value.clone();
        emulator.spoil_ready(move |session| *session.pointer_mut(pointer).unwrap() = changed.clone());
        let words = ["--error-format=json", "dedalus", MACHINE, "--", "true"];
        let ran = anyssh(&home, &emulator, &words).env("ANYSSH_SSH", &ssh).run();
        let error = ran.exits(255).error();
        let field = pointer.rsplit('/').next().unwrap();
        assert_eq!((&error["kind"], &error["field"]), (&json!("protocol"), &json!(field)), "{error}");
        assert_nothing_is_left(&home, &emulator);
    }
    assert!(!home.beside("ssh-was-started").exists());
}

/// Whether the real ssh is let in with what `--show-secrets` printed.
fn logs_in(home: &Home, shown: &Value) -> bool {
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    let directory = home.beside(&text("session_id"));
    if !directory.exists() {
        support::directory(&directory, 0o700);
        support::file(&directory.join("id"), &text("private_key"), 0o600);
        support::file(&directory.join("id-cert.pub"), &text("certificate"), 0o600);
        let known_hosts = shown["known_hosts"][0].as_str().unwrap().to_owned() + "\n";
        support::file(&directory.join("known_hosts"), &known_hosts, 0o600);
    }
    let option = |name: &str, value: &str| format!("{name}={value}");
    let output = Command::new("ssh")
        .args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
        .args(["-o", &option("UserKnownHostsFile", directory.join("known_hosts").to_str().unwrap())])
        .args(["-o", "StrictHostKeyChecking=yes", "-o", "GlobalKnownHostsFile=/dev/null"])
        .arg("-i")
        .arg(directory.join("id"))
        .args(["-l", &text("user"), "-p", &shown["port"].to_string(), "--", &text("host"), "echo in"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    output.stdout == b"in\n"
}

/// Clause 8 and 9: what was revoked or replaced is not valid and logs nobody in, what replaced it does.
#[test]
fn create_validate_regenerate_and_revoke_do_what_they_say() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let run = |words: &[&str]| anyssh(&home, &emulator, words).run();
    let first = run(&["--json", "create", "dedalus", MACHINE, "--show-secrets"]).exits(0).json();
    let first_id = first["session_id"].as_str().unwrap();
    run(&["validate", "dedalus", MACHINE, "--session-id", first_id]).exits(0);
    assert!(logs_in(&home, &first));

    let words = ["--json", "regenerate", "dedalus", MACHINE, "--session-id", first_id, "--show-secrets"];
    let second = run(&words).exits(0).json();
    let second_id = second["session_id"].as_str().unwrap();
    assert_ne!(run(&["validate", "dedalus", MACHINE, "--session-id", first_id]).status, 0);
    assert!(!logs_in(&home, &first) && logs_in(&home, &second));

    for _ in 0..2 {
        run(&["revoke", "dedalus", MACHINE, "--session-id", second_id]).exits(0);
        assert!(!logs_in(&home, &second));
    }
    assert_nothing_is_left(&home, &emulator);
}

/// Clause 8: what has expired is not valid, and the gateway itself refuses it by its true clock.
#[test]
fn a_certificate_that_has_expired_logs_nobody_in() {
    let lifetime = Duration::from_secs(8);
    let machine = Machine::new(MACHINE);
    let (home, emulator) =
        (Home::new(), Emulator::dedalus().with_machine(machine).with_lifetime(lifetime).start_blocking().unwrap());
    let run = |words: &[&str]| anyssh(&home, &emulator, words).run();
    let shown = run(&["--json", "create", "dedalus", MACHINE, "--show-secrets"]).exits(0).json();
    assert!(logs_in(&home, &shown));
    until("the certificate's end", || !logs_in(&home, &shown));
    let log = emulator.gateway().unwrap().log();
    assert!(log.contains("Certificate invalid: expired"), "{log}");
    let id = shown["session_id"].as_str().unwrap();
    run(&["validate", "dedalus", MACHINE, "--session-id", id]).exits(1);
}
