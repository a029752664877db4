//! A host key that nobody told us: agreed to, pinned, and only then is the password sent.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use anyssh_testkit::Terminal;
use anyssh_tests::guest::{Scenario, Trust};
use serde_json::json;

use super::support::{Gateway, Home};

const PATIENCE: Duration = Duration::from_secs(60);
const ECHO: [&str; 4] = ["guest", "room", "--", "echo in"];

fn named(gateway: &Gateway, alias: &str, group: Option<&str>) -> Scenario {
    let mut scenario = gateway.first_use();
    scenario.session.trust = Trust::FirstUse { alias: alias.into(), group: group.map(str::to_owned), accepted: false };
    scenario
}

/// K4: without a terminal a new key is refused with the exact command to run; that command works and pins.
#[test]
fn a_new_host_key_is_refused_with_the_command_that_works_and_then_it_is_known() {
    let gateway = Gateway::start(70, "pass word");
    let home = Home::new();
    let words = ["--error-format=json", "guest", "--colour", "light blue", "room", "--", "echo", "it's in"];
    let ran = home.guest(&gateway.first_use(), &words).run();
    let error = ran.exits(255).error();
    assert_eq!((&error["code"], &error["kind"], &error["operation"]), (&json!(3), &json!("config"), &json!("connect")));
    assert!(error["message"].as_str().unwrap().contains(&gateway.fingerprint()), "{error}");
    assert_eq!((gateway.attempts(), home.files()), (0, vec![]));
    assert_eq!(home.begun("revoke").len(), 1);

    // The command of the hint, as somebody pastes it into a shell.
    let hint = error["hint"].as_str().unwrap();
    let (_, command) = hint.split_once("anyssh ").unwrap();
    assert!(command.contains(&format!("--host-key {}", gateway.fingerprint())), "{hint}");
    let shell = format!("anyssh() {{ exec \"$program\" \"$@\"; }}; program=$0; anyssh {command}");
    let ran = home.guest(&gateway.first_use(), &[]).shell(&shell).run();
    assert_eq!(ran.exits(0).text(), "it's in\n");
    assert_eq!(home.begun("create").last().unwrap().options, ["colour=light blue"]);

    let pins = home.files();
    assert_eq!(pins.len(), 1, "{pins:?}");
    assert_eq!(std::fs::metadata(&pins[0]).unwrap().mode() & 0o777, 0o600);
    let ran = home.guest(&gateway.first_use(), &ECHO).run();
    assert_eq!((ran.exits(0).text().as_str(), ran.stderr.as_str()), ("in\n", ""));
    assert_eq!(gateway.attempts(), 2);
}

/// K4: each of the ways to say yes beforehand.
#[test]
fn a_new_host_key_is_taken_if_the_user_said_so_beforehand() {
    let gateway = Gateway::start(71, "pass word");
    let run = |change: &dyn Fn(&Home, super::support::Anyssh) -> super::support::Anyssh, words: &[&str]| {
        let home = Home::new();
        let ran = change(&home, home.guest(&gateway.first_use(), words)).run();
        assert_eq!(ran.exits(0).text(), "in\n");
        assert_eq!(home.files().iter().filter(|file| file.to_string_lossy().contains("/pins/")).count(), 1);
        ran.stderr
    };
    let said = run(&|_, run| run, &["--accept-new-host-key", "guest", "room", "--", "echo in"]);
    assert!(said.contains(&gateway.fingerprint()), "the key is shown: {said}");
    run(&|_, run| run.env("ANYSSH_ACCEPT_NEW_HOST_KEY", "yes"), &ECHO);
    run(&|_, run| run.env("ANYSSH_HOST_KEY", gateway.fingerprint()), &ECHO);
    let in_file = |text: &'static str| {
        move |home: &Home, run| {
            home.config(text, 0o644);
            run
        }
    };
    run(&in_file("[guest]\naccept_new_host_key = true\n"), &ECHO);
    run(&in_file("accept_new_host_key = true\n"), &ECHO);
    // For another provider it says nothing.
    let home = Home::new();
    home.config("[mock]\naccept_new_host_key = true\n", 0o644);
    home.guest(&gateway.first_use(), &ECHO).run().exits(255);
}

/// K4: a changed key is a hard stop, whatever the user said beforehand.
#[test]
fn a_changed_host_key_stops_whatever_was_said() {
    let (old, new) = (Gateway::start(72, "pass word"), Gateway::start(73, "pass word"));
    let home = Home::new();
    home.guest(&old.first_use(), &["--accept-new-host-key", "guest", "room", "--", "true"]).run().exits(0);
    home.config("[guest]\naccept_new_host_key = true\n", 0o644);
    let pins = home.files();
    for first in
        [&[][..], &["--accept-new-host-key"], &["--host-key", &new.fingerprint()], &["--host-key", &old.fingerprint()]]
    {
        let words = [first, &["--error-format=json"], &ECHO].concat();
        let ran = home.guest(&new.first_use(), &words).run();
        let error = ran.exits(255).error();
        assert_eq!((&error["code"], &error["kind"]), (&json!(10), &json!("protocol")), "{first:?}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&old.fingerprint()), "the pinned key is named: {message}");
    }
    assert_eq!(new.attempts(), 0, "no password was sent");
    assert_eq!(home.files(), pins, "the pin stays");
    assert_eq!(home.begun("create").len(), home.begun("revoke").len());
    home.guest(&old.first_use(), &ECHO).run().exits(0);
}

/// K4: a fingerprint that is not the server's.
#[test]
fn another_fingerprint_than_the_expected_stops_and_pins_nothing() {
    let gateway = Gateway::start(74, "pass word");
    let other = Gateway::start(75, "x").fingerprint();
    for scenario in [gateway.first_use(), gateway.pinned()] {
        let home = Home::new();
        let words = [&["--host-key", &other, "--error-format=json"], &ECHO[..]].concat();
        let ran = home.guest(&scenario, &words).run();
        let error = ran.exits(255).error();
        assert_eq!(error["code"], json!(10));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&other) && message.contains(&gateway.fingerprint()), "{message}");
        assert!(home.files().is_empty(), "{:?}", home.files());
    }
    assert_eq!(gateway.attempts(), 0);
    // Also with a yes to all new keys: the fingerprint is narrower.
    let words = [&["--accept-new-host-key", "--host-key", &other], &ECHO[..]].concat();
    Home::new().guest(&gateway.first_use(), &words).run().exits(255);
    assert_eq!(gateway.attempts(), 0);
    let own = gateway.fingerprint();
    let words = [&["--host-key", &own], &ECHO[..]].concat();
    Home::new().guest(&gateway.pinned(), &words).run().exits(0);
}

/// K4: one gateway serves many targets of a group; a key known for one is accepted for another with a note.
#[test]
fn a_key_of_the_same_group_is_accepted_with_a_note_and_of_another_is_not() {
    let gateway = Gateway::start(76, "pass word");
    let home = Home::new();
    let first = named(&gateway, "guest.one", Some("example.com me"));
    home.guest(&first, &["--accept-new-host-key", "guest", "room", "--", "true"]).run().exits(0);
    for group in [None, Some("example.com you")] {
        home.guest(&named(&gateway, "guest.other", group), &ECHO).run().exits(255);
    }
    let other_key = Gateway::start(77, "pass word");
    home.guest(&named(&other_key, "guest.two", Some("example.com me")), &ECHO).run().exits(255);
    let ran = home.guest(&named(&gateway, "guest.two", Some("example.com me")), &ECHO).run();
    assert_eq!(ran.exits(0).text(), "in\n");
    assert!(ran.stderr.contains("guest.one") && ran.stderr.contains(&gateway.fingerprint()), "{}", ran.stderr);
    assert_eq!((gateway.attempts(), other_key.attempts()), (2, 0));
}

#[test]
fn a_transport_that_is_authenticated_already_needs_no_yes_but_its_key_is_kept() {
    let (gateway, other) = (Gateway::start(78, "pass word"), Gateway::start(79, "pass word"));
    let accepted = |gateway: &Gateway| {
        let mut scenario = gateway.first_use();
        scenario.session.trust = Trust::FirstUse { alias: "guest.run".into(), group: None, accepted: true };
        scenario
    };
    let home = Home::new();
    home.guest(&accepted(&gateway), &ECHO).run().exits(0);
    home.guest(&accepted(&other), &ECHO).run().exits(255);
    assert_eq!(other.attempts(), 0);
}

/// K4: no pin on disk, no launch.
#[test]
fn where_the_key_cannot_be_kept_nothing_is_sent() {
    let gateway = Gateway::start(80, "pass word");
    let home = Home::new();
    let state = home.path().join(".local/state/anyssh");
    super::support::directory(&state, 0o700);
    super::support::write(&state.join("pins"), "not a directory");
    let words = [&["--accept-new-host-key", "--error-format=json"], &ECHO[..]].concat();
    let ran = home.guest(&gateway.first_use(), &words).run();
    assert_eq!(ran.exits(255).error()["kind"], json!("local"));
    assert!(ran.error()["message"].as_str().unwrap().contains("pins"), "{}", ran.stderr);
    assert_eq!(gateway.attempts(), 0);
}

/// K4: on a terminal the user is asked, and only `yes` is a yes.
#[test]
fn on_a_terminal_the_user_is_asked_once() {
    let gateway = Gateway::start(81, "pass word");
    let home = Home::new();
    for answer in ["no\r", "y\r", "\r"] {
        let mut terminal = Terminal::spawn(&home.guest(&gateway.first_use(), &ECHO).command()).unwrap();
        terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
        assert!(terminal.screen().contains(&gateway.fingerprint()), "{}", terminal.screen());
        terminal.type_keys(answer).unwrap();
        terminal.wait_for("not agreed to", PATIENCE).unwrap();
        assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 255);
        assert_eq!((gateway.attempts(), home.files()), (0, vec![]));
    }
    let mut terminal = Terminal::spawn(&home.guest(&gateway.first_use(), &ECHO).command()).unwrap();
    terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
    terminal.type_keys("yes\r").unwrap();
    terminal.wait_for("in\r\n", PATIENCE).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 0);
    let mut terminal = Terminal::spawn(&home.guest(&gateway.first_use(), &ECHO).command()).unwrap();
    terminal.wait_for("in\r\n", PATIENCE).unwrap();
    assert!(!terminal.screen().contains("yes/no"));
}

/// C6: Ctrl-C at the question.
#[test]
fn ctrl_c_at_the_question_ends_it_and_revokes() {
    let gateway = Gateway::start(82, "pass word");
    let home = Home::new();
    let mut terminal = Terminal::spawn(&home.guest(&gateway.first_use(), &ECHO).command()).unwrap();
    terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
    terminal.type_keys("\u{3}").unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 130);
    assert_eq!((gateway.attempts(), home.begun("revoke").len()), (0, 1));
}
