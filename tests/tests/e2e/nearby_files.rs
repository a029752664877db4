//! A file that a provider came upon and may believe only once the user trusts it.

use std::time::Duration;

use anyssh_testkit::Terminal;
use anyssh_tests::guest::{Scenario, trusted};

use super::support::Home;

const PATIENCE: Duration = Duration::from_secs(60);
const QUESTION: &str = "(yes/no)? ";

fn scenario(home: &Home) -> Scenario {
    Scenario { untrusted: Some(home.path().join("config.yaml")), ..Scenario::default() }
}

/// T8a: on a terminal the user is asked, told where the file lies and what it would do, and only `yes` is a yes.
#[test]
fn a_file_nearby_is_asked_about_until_it_is_trusted() {
    let home = Home::new();
    let scenario = scenario(&home);
    let file = scenario.untrusted.clone().unwrap();
    let ask = |answer: &str| {
        let mut terminal = Terminal::spawn(&home.guest(&scenario, &["targets", "guest"]).command()).unwrap();
        terminal.wait_for(QUESTION, PATIENCE).unwrap();
        assert!(terminal.screen().contains("config.yaml"), "{}", terminal.screen());
        assert!(terminal.screen().contains(r#"It names the server "evil\x1b.example""#), "{}", terminal.screen());
        terminal.type_keys(answer).unwrap();
        terminal.wait(PATIENCE).unwrap().exit_code()
    };
    for answer in ["no\r", "y\r", "\r"] {
        assert_eq!((ask(answer), trusted(&file).exists()), (0, false), "{answer:?}");
    }
    assert_eq!((ask("yes\r"), trusted(&file).exists()), (0, true));
    let mut terminal = Terminal::spawn(&home.guest(&scenario, &["targets", "guest"]).command()).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 0);
    assert!(!terminal.screen().contains("yes/no"), "{}", terminal.screen());
}

/// T8a: Ctrl-C at the question is no answer, and nothing was asked of the provider yet.
#[test]
fn ctrl_c_at_a_question_about_a_file_trusts_nothing() {
    let home = Home::new();
    let scenario = scenario(&home);
    let mut terminal = Terminal::spawn(&home.guest(&scenario, &["guest", "room"]).command()).unwrap();
    terminal.wait_for(QUESTION, PATIENCE).unwrap();
    terminal.type_keys("\u{3}").unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 130);
    assert!(!trusted(&scenario.untrusted.unwrap()).exists() && home.begun("create").is_empty());
}

/// T8a: where nobody can answer, nobody is asked, and nothing is trusted.
#[test]
fn without_a_terminal_or_with_quiet_nobody_is_asked_about_a_file() {
    let home = Home::new();
    let scenario = scenario(&home);
    let ran = home.guest(&scenario, &["targets", "guest"]).run();
    assert!(!ran.exits(0).stderr.contains("yes/no"), "{}", ran.stderr);
    for words in [["-q", "targets", "guest"], ["--error-format=json", "targets", "guest"]] {
        let mut terminal = Terminal::spawn(&home.guest(&scenario, &words).command()).unwrap();
        assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 0);
        assert!(!terminal.screen().contains("yes/no"), "{}", terminal.screen());
    }
    assert!(!trusted(&scenario.untrusted.unwrap()).exists());
}
