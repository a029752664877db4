//! Where the password is not.

use std::os::unix::fs::PermissionsExt as _;

use anyssh_testkit::ProcScan;
use anyssh_testkit::emulator::{Generation, Leap0Emulator};

use super::super::support::{Home, write};
use super::{GENERATIONS, SANDBOX, anyssh, assert_nothing_is_left, builder, trusting};

/// As long as nothing else on the machine holds these words, a hit is ours.
fn secret(what: &str) -> String {
    format!("hunter2 {what} `${}` %h é", std::process::id())
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[track_caller]
fn assert_in_no_file(home: &Home, secrets: &[&str]) {
    for file in home.files() {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!secrets.iter().any(|secret| holds(&bytes, secret)), "{}", file.display());
    }
}

/// K1, K2: while ssh asks for it and while the session runs, the password and the key are in no argument,
/// no environment of a child, and no file; what is in files is for us alone.
#[test]
fn the_password_of_a_sandbox_is_nowhere_while_its_session_runs() {
    for generation in GENERATIONS {
        let password = secret("password");
        let emulator = builder(generation).with_password(&password).start_blocking().unwrap();
        let home = Home::new();
        let (scan, go_on) = (ProcScan::start(&password), home.beside("go-on"));
        let line = format!("echo up; env; until [ -e '{}' ]; do sleep 0.02; done", go_on.display());
        let running = trusting(&home, &emulator, &["leap0", SANDBOX, "--", &line]).start();
        running.says("up");
        scan.wait_for_a_pass();
        assert_in_no_file(&home, &[&password, emulator.api_key()]);
        for file in home.launches().iter().chain(&home.files()) {
            let mode = std::fs::symlink_metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.display());
        }
        write(&go_on, "");
        let ran = running.finish();
        assert!(!holds(&ran.exits(0).stdout, &password) && !holds(&ran.stdout, emulator.api_key()));
        assert_eq!(scan.stop(), []);
        assert_eq!(emulator.passwords_sent(), 1);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// K6: no log at any level and no error holds the password or the key, whether it logs in, is refused, or
/// comes in an answer that does not fit, also where the API puts it into another field.
#[test]
fn no_log_and_no_error_of_leap0_holds_the_password() {
    type Spoil = fn(&Leap0Emulator);
    let cases: [(Spoil, i32); 6] = [
        (|_| {}, 0),
        (|emulator| emulator.spoil(|credential| credential["password"] = "hunter2 other".into()), 255),
        (|emulator| emulator.spoil(|credential| credential["password"] = "hunter2\nline".into()), 255),
        (|emulator| emulator.spoil(|credential| credential["ssh_command"] = credential["password"].clone()), 255),
        (|emulator| emulator.spoil(|credential| credential["sandbox_id"] = credential["password"].clone()), 255),
        (|emulator| emulator.spoil(|credential| credential["expires_at"] = credential["password"].clone()), 255),
    ];
    for (spoil, status) in cases {
        for format in ["human", "json"] {
            let (password, home) = (secret("password"), Home::new());
            let emulator = builder(Generation::Two).with_password(&password).start_blocking().unwrap();
            spoil(&emulator);
            let words = ["--debug", "--error-format", format, "leap0", SANDBOX, "-vvv", "--", "true"];
            let ran = trusting(&home, &emulator, &words).run();
            ran.exits(status);
            assert!(ran.stderr.contains("debug: "), "{}", ran.stderr);
            assert!(!ran.stderr.contains("hunter2") && !ran.stderr.contains(emulator.api_key()), "{}", ran.stderr);
            assert_in_no_file(&home, &["hunter2", emulator.api_key()]);
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

/// K6: a refusal of the vendor's may hold what was sent to it.
#[test]
fn a_refusal_that_repeats_our_secrets_is_shown_without_them() {
    use anyssh_testkit::emulator::Fault;
    let (home, emulator) = (Home::new(), builder(Generation::Two).start_blocking().unwrap());
    let body = format!("{{\"message\": \"Bearer {} is not known \\u001b[31m\"}}", emulator.api_key());
    emulator.add_fault(Fault::on("GET", "/v1/sandbox/*/").status(401).body(body));
    let ran = anyssh(&home, &emulator, &["--debug", "leap0", SANDBOX, "--", "true"]).run();
    assert!(!ran.exits(255).stderr.contains(emulator.api_key()), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not known") && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}
