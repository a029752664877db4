//! The host key is agreed to before the password is sent, pinned, and a changed one is a stop.

use anyssh_testkit::emulator::{Emulator, Generation, Leap0Emulator, Sandbox};
use anyssh_testkit::{Terminal, key};
use serde_json::json;

use super::super::support::{Anyssh, Home, PATIENCE};
use super::{GENERATIONS, SANDBOX, anyssh, assert_nothing_is_left, emulator, trusting};

const ECHO: [&str; 4] = ["leap0", SANDBOX, "--", "echo in"];

fn fingerprint(emulator: &Leap0Emulator) -> String {
    emulator.host_key(SANDBOX).unwrap().fingerprint()
}

fn pins(home: &Home) -> usize {
    home.files().iter().filter(|file| file.to_string_lossy().contains("/pins/")).count()
}

/// K4: without a terminal a sandbox never seen before is refused, with the exact command to run; the
/// credential is gone then, and no password was sent. That command works, and pins the key.
#[test]
fn a_sandbox_never_seen_before_is_refused_with_the_command_that_works() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        let words = ["--error-format=json", "leap0", SANDBOX, "--", "echo", "it's in"];
        let error = anyssh(&home, &emulator, &words).run().exits(255).error();
        assert_eq!((&error["code"], &error["kind"]), (&json!(3), &json!("config")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(&fingerprint(&emulator)), "{error}");
        assert_eq!((emulator.passwords_sent(), pins(&home)), (0, 0));
        assert_nothing_is_left(&home, &emulator);

        let hint = error["hint"].as_str().unwrap();
        let (_, command) = hint.split_once("anyssh ").unwrap();
        assert!(command.contains(&format!("--host-key {}", fingerprint(&emulator))), "{hint}");
        let shell = format!("anyssh() {{ exec \"$program\" \"$@\"; }}; program=$0; anyssh {command}");
        assert_eq!(anyssh(&home, &emulator, &[]).shell(&shell).run().exits(0).text(), "it's in\n");
        assert_eq!((emulator.passwords_sent(), pins(&home)), (1, 1));

        let again = anyssh(&home, &emulator, &ECHO).run();
        assert_eq!((again.exits(0).text().as_str(), again.stderr.as_str()), ("in\n", ""));
        assert_nothing_is_left(&home, &emulator);
    }
}

/// K4: each of the ways to say yes beforehand, for leap0 alone.
#[test]
fn a_new_sandbox_is_taken_if_the_user_said_so_beforehand() {
    let emulator = emulator(Generation::Two);
    let run = |change: &dyn Fn(&Home, Anyssh) -> Anyssh, words: &[&str], status: i32| {
        let home = Home::new();
        change(&home, anyssh(&home, &emulator, words)).run().exits(status);
        assert_eq!(pins(&home), usize::from(status == 0));
    };
    let with_file = |text: &'static str| {
        move |home: &Home, run| {
            home.config(text, 0o644);
            run
        }
    };
    run(&|_, run| run, &[&["--accept-new-host-key"], &ECHO[..]].concat(), 0);
    run(&|_, run| run, &[&["--host-key", &fingerprint(&emulator)], &ECHO[..]].concat(), 0);
    run(&with_file("[leap0]\naccept_new_host_key = true\n"), &ECHO, 0);
    run(&with_file("[dedalus]\naccept_new_host_key = true\n"), &ECHO, 255);
    run(
        &|_, run| run,
        &[&["--host-key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"], &ECHO[..]].concat(),
        255,
    );
    assert_eq!((emulator.passwords_sent(), emulator.alive()), (3, vec![]));
}

/// K4: on a terminal the user is asked once for each sandbox, and only `yes` is a yes.
#[test]
fn on_a_terminal_the_user_is_asked_about_a_new_sandbox() {
    let (home, emulator) = (Home::new(), emulator(Generation::Two));
    let terminal = || Terminal::spawn(&anyssh(&home, &emulator, &ECHO).command()).unwrap();
    for (answer, seen, status) in [("no\r", "not agreed to", 255), ("yes\r", "in\r\n", 0)] {
        let mut terminal = terminal();
        terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
        assert!(terminal.screen().contains(&fingerprint(&emulator)), "{}", terminal.screen());
        terminal.type_keys(answer).unwrap();
        terminal.wait_for(seen, PATIENCE).unwrap();
        assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), status);
        assert_nothing_is_left(&home, &emulator);
    }
    let mut terminal = terminal();
    terminal.wait_for("in\r\n", PATIENCE).unwrap();
    assert!(!terminal.screen().contains("yes/no") && terminal.wait(PATIENCE).unwrap().exit_code() == 0);
    assert_eq!(emulator.passwords_sent(), 2);
}

/// K4: a key that is not the pinned one is a hard stop, whatever was said; no password goes to it.
#[test]
fn a_sandbox_with_another_key_than_the_pinned_one_gets_no_password() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        trusting(&home, &emulator, &ECHO).run().exits(0);
        let (old, pinned) = (fingerprint(&emulator), home.files());
        emulator.set_host_key(SANDBOX, key(9)).unwrap();
        home.config("[leap0]\naccept_new_host_key = true\n", 0o644);
        let new = fingerprint(&emulator);
        for first in [&[][..], &["--accept-new-host-key"], &["--host-key", &new], &["--host-key", &old]] {
            let words = [first, &["--error-format=json"], &ECHO].concat();
            let error = anyssh(&home, &emulator, &words).run().exits(255).error();
            assert_eq!((&error["code"], &error["kind"]), (&json!(10), &json!("protocol")), "{first:?}");
            assert!(error["message"].as_str().unwrap().contains(&old), "{error}");
            assert_nothing_is_left(&home, &emulator);
        }
        assert_eq!(emulator.passwords_sent(), 1);
        let config = home.path().join(".config/anyssh/config.toml");
        assert_eq!(home.files().into_iter().filter(|file| *file != config).collect::<Vec<_>>(), pinned);
    }
}

/// K4: one gateway serves the sandboxes of a domain and account. Its key needs no second question, only a
/// note; another key, or the same for another account or domain, does.
#[test]
fn the_key_of_another_sandbox_of_the_same_domain_and_account_is_accepted_with_a_note() {
    let sandboxes = Emulator::leap0(Generation::Two).with_sandbox(Sandbox::new(SANDBOX));
    let emulator = sandboxes.with_sandbox(Sandbox::new("sbx-2")).start_blocking().unwrap();
    let second = ["leap0", "sbx-2", "--", "echo in"];
    let home = Home::new();
    trusting(&home, &emulator, &ECHO).run().exits(0);
    anyssh(&home, &emulator, &second).run().exits(255);
    for name in [SANDBOX, "sbx-2"] {
        emulator.set_host_key(name, key(100)).unwrap();
    }
    let elsewhere = anyssh(&home, &emulator, &second).env("LEAP0_SANDBOX_DOMAIN", "sandbox.dev-01.leap0.dev");
    elsewhere.run().exits(255);
    let ran = anyssh(&home, &emulator, &second).run();
    assert_eq!(ran.exits(0).text(), "in\n");
    assert!(ran.stderr.contains(SANDBOX) && ran.stderr.contains(&fingerprint(&emulator)), "{}", ran.stderr);
    assert_eq!(emulator.passwords_sent(), 2);
    assert_nothing_is_left(&home, &emulator);
}

/// K4: no pin on disk, no password on the wire.
#[test]
fn where_a_key_of_a_sandbox_cannot_be_kept_its_credential_is_ended_unused() {
    let (home, emulator) = (Home::new(), emulator(Generation::One));
    let state = home.path().join(".local/state/anyssh");
    super::super::support::directory(&state, 0o700);
    super::super::support::write(&state.join("pins"), "not a directory");
    let words = [&["--error-format=json"], &ECHO[..]].concat();
    let error = trusting(&home, &emulator, &words).run().exits(255).error();
    assert_eq!(error["kind"], json!("local"));
    assert_eq!(emulator.passwords_sent(), 0);
    assert_nothing_is_left(&home, &emulator);
}
