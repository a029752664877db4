//! What a user's machine does to the command: files that are no files, full disks, ignored signals, a
//! question that nobody answers.

use std::time::Duration;

use anyssh_tests::guest::{self, Act, Scenario};
use rustix::process::Signal;
use serde_json::json;

use super::support::{Gateway, Home, PATIENCE, directory, until};
use anyssh_testkit::Terminal;

/// F4: opening a FIFO waits for its writer, who may never come.
#[test]
fn a_fifo_as_configuration_file_is_refused_at_once() {
    let home = Home::new();
    directory(&home.path().join(".config/anyssh"), 0o700);
    let fifo = home.path().join(".config/anyssh/config.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for run in [home.anyssh(&["providers"]), home.anyssh(&["providers"]).env("ANYSSH_CONFIG", &fifo)] {
        let ran = run.shell(r#"exec timeout 10 "$0" "$@""#).run();
        assert!(ran.exits(3).stderr.contains("regular file"), "{}", ran.stderr);
    }
}

/// A home such as /dev/null holds no configuration file, which is no error.
#[test]
fn a_home_that_is_no_directory_has_no_configuration_file() {
    let home = Home::new();
    home.anyssh(&["providers"]).env("HOME", "/dev/null").env("ANYSSH_STATE_DIR", home.beside("state")).run().exits(0);
}

/// Statuses below 255 belong to the remote command; only wrong words have one of their own.
#[test]
fn a_configuration_file_that_cannot_be_used_is_255_for_a_connection() {
    let home = Home::new();
    home.config("tiemout = \"1s\"\n", 0o600);
    let words = ["--error-format=json", "guest", "room", "--", "true"];
    let ran = home.guest(&Scenario::default(), &words).run();
    assert_eq!(ran.exits(255).error()["code"], json!(3));
    home.guest(&Scenario::default(), &["targets", "guest"]).run().exits(3);
    Home::new().guest(&Scenario::default(), &words).env("ANYSSH_TIMEOUT", "soon").run().exits(2);
}

/// P7: `nohup anyssh …` goes on after a hang-up, and so does its ssh.
#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let gateway = Gateway::start(90, "pass word");
    let home = Home::new();
    let command = "echo up; read -r line; exit 3";
    let run = home.guest(&gateway.pinned(), &["guest", "room", "--", command]);
    let (reader, fifo) = (home.beside("input"), "exec \"$0\" \"$@\" <");
    rustix::fs::mknodat(rustix::fs::CWD, &reader, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let running = run.shell(&format!("trap '' HUP INT; {fifo}'{}'", reader.display())).start();
    let input = std::fs::OpenOptions::new().write(true).open(&reader).unwrap();
    running.says("up");
    running.signal_group(Signal::HUP);
    running.signal_group(Signal::INT);
    drop(input);
    running.finish().exits(3);

    // While it creates, too.
    let scenario = Scenario { create: Act::Delay(1000), ..gateway.pinned() };
    let home = Home::new();
    let run = home.guest(&scenario, &["guest", "room", "--", "exit 4"]);
    let running = run.shell(r#"trap '' HUP INT; exec "$0" "$@""#).start();
    until("create", || home.begun("create").len() == 1);
    running.signal(Signal::HUP);
    running.signal(Signal::INT);
    running.finish().exits(4);
}

/// C5: a full disk is found before a provider is asked for anything.
#[test]
fn nothing_is_created_where_private_files_cannot_be_written() {
    let home = Home::new();
    let file = home.beside("unrecorded.json");
    let scenario = Scenario { progress: vec!["it is made".into()], ..Scenario::default() };
    scenario.write(&file).unwrap();
    let run = || home.anyssh(&["guest", "room", "--", "true"]).env(guest::API_KEY, "k").env(guest::SCENARIO, &file);
    assert!(run().run().exits(255).stderr.contains("it is made"), "the guest says so when it creates");
    // No byte can be written to any file, as on a full disk.
    let ran = run().shell(r#"trap '' XFSZ; ulimit -f 0; exec "$0" "$@""#).run();
    assert!(ran.exits(255).stderr.contains("private directory"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("it is made"), "{}", ran.stderr);
    assert!(home.launches().is_empty());
}

/// `--timeout` bounds everything until ssh is started, the user's answer too.
#[test]
fn a_question_that_nobody_answers_ends_with_the_deadline() {
    let gateway = Gateway::start(91, "pass word");
    let home = Home::new();
    let words = ["--timeout=3s", "--error-format=json", "guest", "room", "--", "true"];
    let mut terminal = Terminal::spawn(&home.guest(&gateway.first_use(), &words).command()).unwrap();
    terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
    terminal.wait_for("\r\n{\"error\":{\"code\":8,\"kind\":\"timeout\"", PATIENCE).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 255);
    assert_eq!((gateway.attempts(), home.begun("revoke").len()), (0, 1));
}

/// The error of an impatient user has a line of its own.
#[test]
fn a_second_ctrl_c_takes_the_spinner_off_the_terminal() {
    let scenario =
        Scenario { create: Act::Hang, revoke: Act::Ignore, progress: vec!["waiting".into()], ..Scenario::default() };
    let home = Home::new();
    let mut terminal = Terminal::spawn(&home.guest(&scenario, &["guest", "room"]).command()).unwrap();
    terminal.wait_for("guest: waiting", PATIENCE).unwrap();
    terminal.type_keys("\u{3}").unwrap();
    until("revoke", || home.begun("revoke").len() == 1);
    terminal.type_keys("\u{3}").unwrap();
    terminal.wait_for("\r\u{1b}[Kerror: interrupted twice", PATIENCE).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 130);
}

/// S10: also what a path of the user's own holds cannot move the cursor.
#[test]
fn a_path_with_control_characters_is_shown_escaped() {
    let home = Home::new();
    let state = home.beside("\u{1b}]0;owned\u{7}");
    let ran = home.anyssh(&["--debug", "mock", "certificate", "--", "true"]).env("ANYSSH_STATE_DIR", &state).run();
    assert!(ran.exits(0).stderr.contains(r"\x1b]0;owned\x07/run"), "{}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'));
}

/// An ssh that does not say its version is a timeout, not a fault of its version.
#[test]
fn an_ssh_that_does_not_answer_is_a_timeout() {
    let gateway = Gateway::start(92, "pass word");
    let home = Home::new();
    let ssh = home.script("ssh", "exec sleep 1000");
    let words = ["--timeout=2s", "--error-format=json", "--ssh", ssh.to_str().unwrap(), "guest", "room"];
    let ran = home.guest(&gateway.pinned(), &words).run();
    assert_eq!(ran.exits(255).error()["kind"], json!("timeout"));
    assert!(ran.took < Duration::from_secs(20));
}
