//! The password prompt, played by scripts (requirement K2).

use anyssh_openssh::{ExitStatus, Helper, LaunchError, LaunchOptions, Launcher, Outcome, Reason};

use crate::runner::tests;
use crate::support::{PASSWORD, Scratch, block_on, output, password_session, soon, this_program};

const NEW: &str = "OpenSSH_9.9p9";

tests![
    the_exact_prompt_is_answered_once,
    the_keyboard_interactive_form_is_answered,
    another_prompt_kills_ssh_before_it_can_send_anything,
    a_second_question_kills_ssh,
    a_prompt_that_only_begins_right_is_not_answered,
    a_stranger_without_the_nonce_gets_nothing_and_spends_nothing,
    a_password_that_was_given_is_never_given_again,
    an_ssh_that_cannot_force_askpass_is_refused_before_it_is_started,
    the_password_is_in_no_command_line_and_no_environment,
    a_path_that_is_too_long_for_a_socket_works_all_the_same,
    a_helper_that_is_not_there_is_an_error_before_ssh_is_started,
];

fn run(scratch: &Scratch, script: &str) -> Outcome {
    let launcher = scratch.launcher(&scratch.fake_ssh(NEW, script));
    let outcome = output(&launcher, &password_session(), &LaunchOptions::new()).outcome;
    scratch.assert_nothing_left();
    outcome
}

fn unexpected_prompt(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::NotAuthenticated(ended) => match &ended.reason {
            Reason::UnexpectedPrompt(prompt) | Reason::AskedAgain(prompt) => prompt,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn ran(status: u8) -> Outcome {
    Outcome::Ran { status: ExitStatus::Exited(status), interrupted_by: None, gateway_said: None }
}

/// K2
fn the_exact_prompt_is_answered_once() {
    let scratch = Scratch::new();
    let script =
        format!("answer=$(\"$SSH_ASKPASS\" \"$PROMPT\") || exit 8\n[ \"$answer\" = '{PASSWORD}' ] && exit 3\nexit 9");
    assert_eq!(run(&scratch, &script), ran(3));
}

/// K2
fn the_keyboard_interactive_form_is_answered() {
    let scratch = Scratch::new();
    let script = format!("[ \"$(\"$SSH_ASKPASS\" '(me@127.0.0.1) Password: ')\" = '{PASSWORD}' ] && exit 3");
    assert_eq!(run(&scratch, &script), ran(3));
}

/// K2, S10: ssh never gets past the question, and the prompt is shown escaped.
fn another_prompt_kills_ssh_before_it_can_send_anything() {
    let scratch = Scratch::new();
    let script =
        "answer=$(\"$SSH_ASKPASS\" \"$(printf 'Your PIN\\033[2J: ')\")\necho \"sent '$answer'\" >\"$HERE/sent\"";
    let outcome = run(&scratch, script);
    assert_eq!(unexpected_prompt(&outcome), r"Your PIN\x1b[2J: ");
    assert!(matches!(outcome, Outcome::NotAuthenticated(ended) if ended.status == ExitStatus::Killed(9)));
    assert!(!scratch.exists("sent"), "{}", scratch.read("sent"));
}

/// K2
fn a_second_question_kills_ssh() {
    let scratch = Scratch::new();
    let script = "\"$SSH_ASKPASS\" \"$PROMPT\" >/dev/null || exit 8\n\"$SSH_ASKPASS\" \"$PROMPT\" >\"$HERE/second\"\n\
                  touch \"$HERE/sent\"";
    assert_eq!(unexpected_prompt(&run(&scratch, script)), "me@127.0.0.1's password: ");
    assert_eq!(scratch.read("second"), "");
    assert!(!scratch.exists("sent"));
}

/// K2: the whole prompt counts, also where it is longer than we read.
fn a_prompt_that_only_begins_right_is_not_answered() {
    for tail in ["x", " ", "$(printf '%0100000d' 0)"] {
        let scratch = Scratch::new();
        let script = format!("\"$SSH_ASKPASS\" \"${{PROMPT}}{tail}\" >\"$HERE/answer\"\ntouch \"$HERE/sent\"");
        let outcome = run(&scratch, &script);
        let prompt = unexpected_prompt(&outcome);
        assert!(prompt.starts_with("me@127.0.0.1's password: "), "{prompt}");
        assert_eq!(scratch.read("answer"), "");
        assert!(!scratch.exists("sent"));
    }
}

/// K2
fn a_stranger_without_the_nonce_gets_nothing_and_spends_nothing() {
    let scratch = Scratch::new();
    let script = format!(
        "ANYSSH_HELPER_NONCE=0123456789abcdef0123456789abcdef \"$SSH_ASKPASS\" \"$PROMPT\" && exit 7\n\
         [ \"$(\"$SSH_ASKPASS\" \"$PROMPT\")\" = '{PASSWORD}' ] && exit 3"
    );
    assert_eq!(run(&scratch, &script), ran(3));
}

/// K2: a lost connection is tried again, but not once the password was handed over.
fn a_password_that_was_given_is_never_given_again() {
    let lost = "echo run >>\"$HERE/runs\"\necho 'Connection closed by 127.0.0.1 port 9' >\"$LOG\"\nexit 255";
    let scratch = Scratch::new();
    run(&scratch, lost);
    assert_eq!(scratch.read("runs").lines().count(), 4, "one try and three retries");
    let scratch = Scratch::new();
    run(&scratch, &format!("\"$SSH_ASKPASS\" \"$PROMPT\" >/dev/null\n{lost}"));
    assert_eq!(scratch.read("runs").lines().count(), 1);
}

/// P5
fn an_ssh_that_cannot_force_askpass_is_refused_before_it_is_started() {
    let scratch = Scratch::new();
    let launcher = scratch.launcher(&scratch.fake_ssh("OpenSSH_8.3p1", "touch \"$HERE/started\""));
    let result = block_on(launcher.output(&password_session(), &LaunchOptions::new(), soon()));
    let error = result.unwrap_err();
    assert!(matches!(error, LaunchError::TooOld { .. }) && error.to_string().contains("8.4"), "{error}");
    assert!(!scratch.exists("started"));
}

/// K1
fn the_password_is_in_no_command_line_and_no_environment() {
    let scratch = Scratch::new();
    let script = "\"$SSH_ASKPASS\" \"$PROMPT\" >/dev/null\n\
                  for process in /proc/[0-9]*; do cat $process/cmdline; echo; done >\"$HERE/all\" 2>/dev/null\n\
                  tr '\\0' '\\n' </proc/$$/environ >>\"$HERE/all\"\nexit 3";
    assert_eq!(run(&scratch, script), ran(3));
    let all = scratch.read("all");
    assert!(all.contains("ANYSSH_HELPER_NONCE="), "the scan saw ssh's environment");
    assert!(all.contains("UserKnownHostsFile"), "the scan saw ssh's command line");
    assert!(!all.contains(PASSWORD));
}

/// F6: a home with a long name.
fn a_path_that_is_too_long_for_a_socket_works_all_the_same() {
    let scratch = Scratch::new();
    let base = scratch.path(&"x".repeat(90)).join("y".repeat(200));
    let script = format!("[ \"$(\"$SSH_ASKPASS\" \"$PROMPT\")\" = '{PASSWORD}' ] && exit 3");
    let launcher =
        Launcher::new(scratch.fake_ssh(NEW, &script), &base).with_helper(Helper::new(this_program()).unwrap());
    assert_eq!(output(&launcher, &password_session(), &LaunchOptions::new()).outcome, ran(3));
    assert_eq!(std::fs::read_dir(&base).unwrap().count(), 0);
}

/// K2: ssh takes a helper that it cannot run for an empty password.
fn a_helper_that_is_not_there_is_an_error_before_ssh_is_started() {
    let scratch = Scratch::new();
    let gone = Helper::new(scratch.path("gone")).unwrap();
    let launcher = Launcher::new(scratch.fake_ssh(NEW, "touch \"$HERE/started\""), scratch.base()).with_helper(gone);
    let error = block_on(launcher.output(&password_session(), &LaunchOptions::new(), soon())).unwrap_err();
    assert!(matches!(error, LaunchError::NoHelper(_)), "{error}");
    assert!(!scratch.exists("started"));
}
