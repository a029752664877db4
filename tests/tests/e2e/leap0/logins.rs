//! Logging in: any password, both generations, both methods.

use anyssh_testkit::emulator::Generation;

use super::super::support::Home;
use super::{GENERATIONS, SANDBOX, asked, assert_nothing_is_left, builder, emulator, trusting};

/// What passwords may hold, each of which some quoting somewhere would spoil.
const PASSWORDS: [&str; 11] = [
    " two  words ",
    "'single' \"double\"",
    "$HOME ${HOME} $(id) $$",
    "`id`",
    "back\\slash\\\\ \\n \\",
    "%h %% %s %",
    "é ü 密码 🗝",
    "-oProxyCommand=id",
    "# ~ ; & | < > * ? [x] {y} !",
    "a\tb\u{1b}[31m\u{7f}",
    "{\"password\":\"x\"}",
];

/// Who logs in with what, and that the remote status comes back untouched; nothing is left.
#[test]
fn passwords_of_all_kinds_log_in_and_nothing_is_left() {
    let long = "x".repeat(1023);
    for generation in GENERATIONS {
        let passwords = PASSWORDS.into_iter().chain([long.as_str()]);
        let builder = passwords.clone().fold(builder(generation), |builder, password| builder.with_password(password));
        let (home, emulator) = (Home::new(), builder.start_blocking().unwrap());
        for (number, password) in (1..).zip(passwords) {
            let ran = trusting(&home, &emulator, &["leap0", SANDBOX, "--", "echo in; exit 7"]).run();
            assert_eq!(ran.exits(7).text(), "in\n", "{password:?}");
            assert_eq!(emulator.passwords_sent(), number, "{password:?}: one try");
        }
        assert_eq!(emulator.accesses().len(), PASSWORDS.len() + 1);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// K2: where the server asks by keyboard-interactive alone.
#[test]
fn a_password_that_is_asked_for_by_keyboard_interactive_logs_in() {
    for password in ["two words $HOME `id` %h \\ é", "-n"] {
        let builder = builder(Generation::Two).with_password(password).with_keyboard_interactive();
        let (home, emulator) = (Home::new(), builder.start_blocking().unwrap());
        let ran = trusting(&home, &emulator, &["leap0", SANDBOX, "--", "cat; exit 3"]).stdin("input\0\n").run();
        assert_eq!(ran.exits(3).stdout, b"input\0\n");
        assert_nothing_is_left(&home, &emulator);
    }
}

/// One question tells the generations apart, right after the first credential for a base URL and before
/// ssh starts; it is not asked again.
#[test]
fn the_generation_is_found_out_by_exactly_one_question_and_remembered() {
    let path = format!("/v1/sandbox/{SANDBOX}");
    // Before it ends the one credential of generation 1, it looks whether that is still ours.
    let one = ["POST /ssh/validate 200", "DELETE /ssh/access 204"];
    for (generation, number, answer, end) in
        [(Generation::One, "1", 404, &one[..]), (Generation::Two, "2", 200, &["DELETE /ssh/ID 204"])]
    {
        let question = format!("POST /ssh/ID/validate {answer}");
        let connect = |question: Option<&str>| {
            let lines = ["GET / 200", "POST /ssh/access 201"].into_iter().chain(question).chain(end.iter().copied());
            lines.map(|line| line.replacen('/', &format!("{path}/"), 1)).collect::<Vec<_>>()
        };
        let (home, emulator) = (Home::new(), emulator(generation));
        let requests_of = |home: &Home, api: &str| {
            let before = emulator.requests().len();
            let run = trusting(home, &emulator, &["leap0", SANDBOX, "--", "true"]).env("ANYSSH_LEAP0_API", api);
            run.run().exits(0);
            asked(&emulator).split_off(before)
        };
        assert_eq!(requests_of(&home, "auto"), connect(Some(&question)));
        assert_eq!(requests_of(&home, "auto"), connect(None));
        // Somebody else has to ask for themselves; what is said is not asked.
        let other = Home::new();
        assert_eq!(requests_of(&other, number), connect(None));
        assert_eq!(requests_of(&other, "auto"), connect(Some(&question)));
    }
}

/// The key goes in the header that is said, and a key with `Bearer ` is not doubled.
#[test]
fn the_key_goes_in_either_header() {
    let (home, emulator) = (Home::new(), emulator(Generation::Two));
    let bearer = format!("Bearer {}", emulator.api_key());
    for (header, key) in [("authorization", bearer.as_str()), ("leap0-authorization", emulator.api_key())] {
        let listed = trusting(&home, &emulator, &["--json", "targets", "leap0"])
            .env("ANYSSH_LEAP0_AUTH_HEADER", header)
            .env("LEAP0_API_KEY", key)
            .run();
        assert_eq!(listed.exits(0).json()[0]["target"], SANDBOX);
        let request = emulator.requests().pop().unwrap();
        assert_eq!((request.header(header), request.headers.len()), (Some(bearer.as_str()), 4), "{request:?}");
    }
    let wrong = trusting(&home, &emulator, &["--error-format=json", "targets", "leap0"]).env("LEAP0_API_KEY", "wrong");
    assert_eq!(wrong.run().exits(4).error()["kind"], "auth");
}
