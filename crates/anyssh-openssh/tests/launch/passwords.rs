//! Passwords, by the real `ssh` to a real server, honest and not (requirements K2, K3, K4).

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyssh_core::secrecy::{ExposeSecret as _, SecretString};
use anyssh_core::{Credential, HostTrust, Password, Session};
use anyssh_openssh::{ExitStatus, NotAuthenticated, Outcome, Reason};
use anyssh_server::{
    Account, Decision, Interaction, LoginPolicy, Method, PasswordLogin, Prompt, ServerConfig, ServerThread,
};

use crate::runner::tests;
use crate::support::{HOST_SEED, PASSWORD, Scratch, USER, command, host_key, key, output, real_ssh, session};

tests![
    a_password_logs_in_and_the_remote_status_comes_back,
    a_wrong_password_is_refused_after_one_try,
    a_password_that_one_method_refused_is_not_tried_by_another,
    a_server_with_another_key_never_sees_the_password,
    a_question_of_the_servers_own_ends_ssh_without_an_answer,
    a_second_round_ends_ssh_without_an_answer,
    a_password_is_in_no_command_line_or_environment_of_any_process,
    passwords_of_every_shape_arrive_as_they_are,
];

fn start(login: impl LoginPolicy) -> ServerThread {
    ServerThread::start(ServerConfig::new(key(HOST_SEED), Arc::new(login), Account::nobody())).unwrap()
}

fn session_with(server: &ServerThread, password: &str, host_seed: u8) -> Session {
    let password = Password::parse("password", password.into()).unwrap();
    let trust = HostTrust::Pinned(vec![host_key(host_seed)]);
    session(server.port(), USER, trust, Credential::Password(password))
}

fn not_authenticated(outcome: Outcome) -> NotAuthenticated {
    match outcome {
        Outcome::NotAuthenticated(ended) => ended,
        other => panic!("{other:?}"),
    }
}

/// What a server was told, and what it asks.
#[derive(Debug, Default)]
struct Listener {
    heard: Mutex<Vec<String>>,
    questions: Vec<&'static str>,
}

impl Listener {
    fn asking(questions: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { questions: questions.to_vec(), ..Self::default() })
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// The server's view of a [`Listener`] that the test keeps.
#[derive(Debug)]
struct Listening(Arc<Listener>);

impl LoginPolicy for Listening {
    fn methods(&self) -> Vec<Method> {
        if self.0.questions.is_empty() { vec![Method::Password] } else { vec![Method::KeyboardInteractive] }
    }

    fn password(&self, _user: &str, password: &SecretString) -> Decision {
        self.0.heard.lock().unwrap().push(password.expose_secret().to_owned());
        Decision::Refuse
    }

    fn keyboard_interactive(&self, _user: &str, round: usize, answers: Option<&[SecretString]>) -> Interaction {
        let answers = answers.unwrap_or_default().iter().map(|answer| answer.expose_secret().to_owned());
        self.0.heard.lock().unwrap().extend(answers);
        match self.0.questions.get(round) {
            Some(question) => {
                Interaction::Ask { instructions: String::new(), prompts: vec![Prompt::hidden(*question)] }
            }
            None => Interaction::Refuse,
        }
    }
}

/// K2, K7
fn a_password_logs_in_and_the_remote_status_comes_back() {
    let scratch = Scratch::new();
    let server = start(PasswordLogin::new(USER, PASSWORD.into()));
    let output = output(
        &scratch.launcher(&real_ssh()),
        &session_with(&server, PASSWORD, HOST_SEED),
        &command("echo in; exit 7"),
    );
    assert_eq!(
        output.outcome,
        Outcome::Ran { status: ExitStatus::Exited(7), interrupted_by: None, gateway_said: None },
        "{:?}",
        output.log
    );
    assert_eq!(output.stdout, b"in\n");
    scratch.assert_nothing_left();
}

/// K2, K3
fn a_wrong_password_is_refused_after_one_try() {
    let (scratch, listener) = (Scratch::new(), Listener::asking(&[]));
    let server = start(Listening(Arc::clone(&listener)));
    let output = output(&scratch.launcher(&real_ssh()), &session_with(&server, "wrong", HOST_SEED), &command("true"));
    assert_eq!(not_authenticated(output.outcome).reason, Reason::Refused);
    assert_eq!(listener.heard(), ["wrong"]);
    scratch.assert_nothing_left();
}

/// K2, K3: ssh goes on to the server's next method by itself, which the same password is not for.
fn a_password_that_one_method_refused_is_not_tried_by_another() {
    let scratch = Scratch::new();
    let server = start(PasswordLogin::new(USER, PASSWORD.into()));
    let output = output(&scratch.launcher(&real_ssh()), &session_with(&server, "wrong", HOST_SEED), &command("true"));
    let reason = not_authenticated(output.outcome).reason;
    assert_eq!(reason, Reason::AskedAgain("(me@127.0.0.1) Password: ".to_owned()));
    scratch.assert_nothing_left();
}

/// K4: host first, secret second.
fn a_server_with_another_key_never_sees_the_password() {
    for questions in [&[][..], &["Password: "]] {
        let (scratch, listener) = (Scratch::new(), Listener::asking(questions));
        let server = start(Listening(Arc::clone(&listener)));
        let session = session_with(&server, PASSWORD, 99);
        let outcome = output(&scratch.launcher(&real_ssh()), &session, &command("true")).outcome;
        assert_eq!(not_authenticated(outcome).reason, Reason::HostKey);
        assert!(listener.heard().is_empty());
    }
}

/// K2, S10: not even an empty answer is sent.
fn a_question_of_the_servers_own_ends_ssh_without_an_answer() {
    for (question, shown) in [
        ("Your PIN: ", "(me@127.0.0.1) Your PIN: "),
        // ssh itself escapes what a server asks by keyboard-interactive.
        ("Password: \u{1b}[2J", r"(me@127.0.0.1) Password: \033[2J"),
        ("tunnel-helper", "(me@127.0.0.1) tunnel-helper"),
        ("", "(me@127.0.0.1) "),
    ] {
        let (scratch, listener) = (Scratch::new(), Listener::asking(&[question]));
        let server = start(Listening(Arc::clone(&listener)));
        let session = session_with(&server, PASSWORD, HOST_SEED);
        let outcome = output(&scratch.launcher(&real_ssh()), &session, &command("true")).outcome;
        let ended = not_authenticated(outcome);
        assert_eq!(ended.reason, Reason::UnexpectedPrompt(shown.to_owned()));
        assert!(listener.heard().is_empty(), "{:?}", listener.heard());
        scratch.assert_nothing_left();
    }
}

/// K2: the right question first does not make the second one right.
fn a_second_round_ends_ssh_without_an_answer() {
    type Why = fn(String) -> Reason;
    for (second, why) in [("Password: ", Reason::AskedAgain as Why), ("Again: ", Reason::UnexpectedPrompt)] {
        let (scratch, listener) = (Scratch::new(), Listener::asking(&["Password: ", second]));
        let server = start(Listening(Arc::clone(&listener)));
        let session = session_with(&server, PASSWORD, HOST_SEED);
        let outcome = output(&scratch.launcher(&real_ssh()), &session, &command("true")).outcome;
        let ended = not_authenticated(outcome);
        assert_eq!(ended.reason, why(format!("(me@127.0.0.1) {second}")));
        assert_eq!(listener.heard(), [PASSWORD]);
    }
}

/// K1: looked at all the time while it happens.
fn a_password_is_in_no_command_line_or_environment_of_any_process() {
    let scratch = Scratch::new();
    // This test's own, so that other tests' children are not what is found.
    let secret = "only-in-this-test-7c1f";
    let server = start(PasswordLogin::new(USER, secret.into()));
    let session = session_with(&server, secret, HOST_SEED);
    let launcher = scratch.launcher(&real_ssh());
    let ours = scratch.base().display().to_string();
    let run = thread::spawn(move || output(&launcher, &session, &command("sleep 0.3; exit 3")).outcome);
    let mut seen = HashSet::new();
    while !run.is_finished() {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&[read("cmdline"), read("environ")].concat()).into_owned();
            assert!(!text.contains(secret), "{text}");
            if text.contains(&ours) {
                seen.insert(text);
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(!seen.is_empty(), "the scan saw the launch");
    assert_eq!(
        run.join().unwrap(),
        Outcome::Ran { status: ExitStatus::Exited(3), interrupted_by: None, gateway_said: None }
    );
}

/// What ssh's askpass channel carries, it carries unchanged.
fn passwords_of_every_shape_arrive_as_they_are() {
    let scratch = Scratch::new();
    for password in [" ", "'\"$(id)\\`", "grüße 東京", "%s%n", "\u{1b}[31m", &"x".repeat(1023)] {
        let server = start(PasswordLogin::new(USER, password.into()));
        let session = session_with(&server, password, HOST_SEED);
        let outcome = output(&scratch.launcher(&real_ssh()), &session, &command("exit 3")).outcome;
        assert!(matches!(outcome, Outcome::Ran { status: ExitStatus::Exited(3), .. }), "{password:?}: {outcome:?}");
    }
}
