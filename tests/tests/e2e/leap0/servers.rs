//! SSH servers that misbehave: ssh ends, the password is not given, and the error says why.

use std::time::Duration;

use anyssh_testkit::emulator::{Generation, Leap0Emulator};
use anyssh_testkit::{HostileServer, Trick};
use serde_json::{Value, json};

use super::super::support::{Home, Ran};
use super::{SANDBOX, assert_nothing_is_left, builder, trusting};

const PASSWORD: &str = "hunter2 of the sandbox";

/// A control plane whose sandbox is this server.
fn leading_to(server: &HostileServer) -> Leap0Emulator {
    let command = format!("ssh -p {} {{id}}@127.0.0.1", server.port());
    builder(Generation::Two).without_ssh().with_ssh_command(&command).with_password(PASSWORD).start_blocking().unwrap()
}

/// What came of a connect, and what the server heard.
fn connect(trick: Trick, timeout: &str) -> (Ran, Vec<String>) {
    let server = HostileServer::start(trick).unwrap();
    let (home, emulator) = (Home::new(), leading_to(&server));
    let words = ["--timeout", timeout, "--error-format=json", "leap0", SANDBOX, "--", "true"];
    let ran = trusting(&home, &emulator, &words).run();
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    assert_nothing_is_left(&home, &emulator);
    (ran, server.received())
}

fn ask(rounds: &[&[&str]]) -> Trick {
    Trick::Ask(rounds.iter().map(|round| round.iter().map(|&prompt| prompt.to_owned()).collect()).collect())
}

#[track_caller]
fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap()
}

/// K2: another question than the one for this user's password at this host ends ssh unanswered, and is shown
/// escaped.
#[test]
fn a_question_that_is_not_for_the_password_is_never_answered() {
    for (prompt, shown) in [
        ("One-time code: ", "One-time code: "),
        ("New password: ", "New password: "),
        ("Password", "Password"),
        ("password: ", "password: "),
        ("Password: \u{1b}]0;owned\u{7}", r"Password: \033]0;owned\007"),
        ("root@other's password: ", "root@other's password: "),
    ] {
        let (ran, received) = connect(ask(&[&[prompt]]), "60s");
        let error = ran.exits(255).error();
        assert_eq!(received, Vec::<String>::new(), "{prompt:?}");
        assert!(message(&error).contains(shown) && !ran.stderr.contains('\u{1b}'), "{prompt:?}: {error}");
    }
}

/// K2: two questions at once are answered by nothing, since ssh sends its answers together.
#[test]
fn two_questions_at_once_end_ssh_before_it_sends_anything() {
    let (ran, received) = connect(ask(&[&["Password: ", "Password: "]]), "60s");
    assert_eq!((received, ran.exits(255).error()["operation"].clone()), (vec![], json!("connect")));
}

/// K2: a server that was told the password and asks again, or for a new one as PAM does, hears no more.
#[test]
fn a_second_question_and_a_demand_for_a_new_password_get_no_answer() {
    for rounds in [
        &[&["Password: "][..], &["Password: "]][..],
        &[&["Password: "], &["Current password: "]],
        &[&["Password: "], &["New password: ", "Retype new password: "]],
    ] {
        let (ran, received) = connect(ask(rounds), "60s");
        let error = ran.exits(255).error();
        assert_eq!(received, [PASSWORD], "once, to the one right question");
        assert!(message(&error).contains(rounds[1][0].trim_end()), "{error}");
    }
}

/// K4: the key that was agreed to is not the one that ssh then sees.
#[test]
fn a_server_that_changes_its_host_key_between_look_and_login_gets_no_password() {
    let (ran, received) = connect(Trick::AnotherHostKeyEachTime, "60s");
    let error = ran.exits(255).error();
    assert_eq!((&error["kind"], &error["code"]), (&json!("protocol"), &json!(10)), "{error}");
    assert_eq!(received, Vec::<String>::new());
}

/// N8: whatever it is that the server waits for.
#[test]
fn a_server_of_a_sandbox_that_stalls_is_a_timeout() {
    for trick in [Trick::Silence, Trick::SilenceAfterBanner, Trick::SilenceInKeyExchange] {
        let (ran, _) = connect(trick.clone(), "1500ms");
        let error = ran.exits(255).error();
        assert_eq!(error["kind"], json!("timeout"), "{trick:?}: {error}");
        assert!(ran.took < Duration::from_secs(12), "{trick:?}: {:?}", ran.took);
    }
}

#[test]
fn a_server_that_is_no_ssh_server_or_hangs_up_is_named() {
    for trick in [Trick::CloseAtOnce, Trick::CloseAfterKeyExchange, Trick::Banner(b"220 mail ESMTP\r\n".to_vec())] {
        let (ran, received) = connect(trick.clone(), "20s");
        let error = ran.exits(255).error();
        assert!(message(&error).len() > 10 && error["hint"].is_string(), "{trick:?}: {error}");
        assert_eq!(received, Vec::<String>::new(), "{trick:?}");
    }
}

/// K3: a password that is refused is tried once.
#[test]
fn a_server_that_lets_nobody_in_hears_the_password_once() {
    let (ran, received) = connect(Trick::RefuseEverybody, "60s");
    let error = ran.exits(255).error();
    assert_eq!(error["kind"], json!("auth"));
    assert!(message(&error).contains("did not take the password"), "{error}");
    assert_eq!(received, [PASSWORD]);
}

/// K2: a password that nobody asks for is not given.
#[test]
fn a_server_that_lets_anybody_in_hears_no_password() {
    let (ran, received) = connect(Trick::AcceptAnybody, "60s");
    ran.exits(0);
    assert_eq!(received, Vec::<String>::new());
}
