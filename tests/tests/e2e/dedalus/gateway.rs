//! A gateway that lets us in and then says that it cannot reach the machine.

use serde_json::json;

use super::{Emulator, Home, MACHINE, Machine, anyssh, assert_nothing_is_left};

/// An emulator whose gateway answers every session with this, whatever is asked.
fn answering(command: &str) -> super::DedalusEmulator {
    let lines = format!("ForceCommand {command}");
    Emulator::dedalus().with_machine(Machine::new(MACHINE)).with_gateway_lines(&lines).start_blocking().unwrap()
}

/// P9: its text and its status arrive untouched; the hint comes after them and changes nothing.
#[test]
fn a_gateway_that_cannot_go_on_is_reported_with_its_text_and_a_hint() {
    for marker in
        ["SSH_TUNNEL_NOT_READY", "SSH_GUEST_CONNECT_FAILED", "SSH_GUEST_AUTH_FAILED", "SSH_GUEST_SESSION_TERMINATED"]
    {
        let text = format!("[{marker}] no route");
        let (home, emulator) = (Home::new(), answering(&format!("echo out; echo '{text}' >&2; exit 3")));
        let ran = anyssh(&home, &emulator, &["-q", "dedalus", MACHINE, "--", "true"]).run();
        assert_eq!(ran.exits(3).text(), "out\n");
        let lines = ran.lines();
        let warning =
            format!("warning: dedalus: machine {MACHINE}: the gateway, and not the machine, answered: {text}");
        assert_eq!((lines.len(), lines[0], lines[1]), (3, text.as_str(), warning.as_str()), "{lines:?}");
        assert!(lines[2].starts_with("  hint: "), "{lines:?}");
        assert_nothing_is_left(&home, &emulator);
    }
}

#[test]
fn programs_read_the_gateways_words_as_a_warning() {
    let (home, emulator) = (Home::new(), answering("printf '[SSH_TUNNEL_NOT_READY] \\033[2J' >&2; exit 1"));
    let ran = anyssh(&home, &emulator, &["-q", "--error-format=json", "dedalus", MACHINE, "--", "true"]).run();
    assert!(ran.exits(1).stderr.starts_with("[SSH_TUNNEL_NOT_READY] \u{1b}[2J"), "{:?}", ran.stderr);
    let object = ran.stderr.split_once("{\"warning\":").map(|(_, rest)| format!("{{\"warning\":{rest}")).unwrap();
    let warning = serde_json::from_str::<serde_json::Value>(&object).unwrap()["warning"].clone();
    assert_eq!(
        (&warning["kind"], &warning["code"], &warning["operation"], &warning["retryable"]),
        (&json!("unavailable"), &json!(7), &json!("connect"), &json!(true))
    );
    assert!(warning["message"].as_str().unwrap().ends_with("[SSH_TUNNEL_NOT_READY] \\x1b[2J"), "{warning}");
    assert!(warning["hint"].as_str().unwrap().contains("try again"), "{warning}");
}

/// What only looks like it is the command's own.
#[test]
fn a_command_that_succeeds_or_speaks_of_it_is_not_the_gateway() {
    for command in ["echo '[SSH_TUNNEL_NOT_READY]' >&2; exit 0", "echo 'grep: [SSH_TUNNEL_NOT_READY]' >&2; exit 1"] {
        let (home, emulator) = (Home::new(), answering(command));
        let ran = anyssh(&home, &emulator, &["-q", "dedalus", MACHINE, "--", "true"]).run();
        assert_eq!(ran.lines().len(), 1, "{:?}", ran.stderr);
    }
}

/// A stderr on its way past the look for such words loses, adds and changes nothing.
#[test]
fn a_long_stderr_arrives_byte_for_byte() {
    let (home, emulator) = (Home::new(), super::emulator(anyssh_testkit::emulator::Wake::at_once()));
    let command = "head -c 3000000 /dev/zero | tr '\\0' x >&2; printf end; exit 5";
    let ran = anyssh(&home, &emulator, &["-q", "dedalus", MACHINE, "--", command]).run();
    assert_eq!(ran.exits(5).text(), "end");
    assert!(ran.stderr.len() == 3_000_000 && ran.stderr.bytes().all(|byte| byte == b'x'), "{}", ran.stderr.len());
}

/// P10: nobody reads what ssh says on stderr, or there is no stderr at all.
#[test]
fn a_stderr_that_nobody_reads_changes_no_status() {
    let (home, emulator) = (Home::new(), super::emulator(anyssh_testkit::emulator::Wake::at_once()));
    for shell in [r#"exec "$0" "$@" 2>&-"#, r#"exec 3>&1; { "$0" "$@" 2>&1 >&3; echo $? >&3; } | true"#] {
        let command = "head -c 300000 /dev/zero >&2; exit 5";
        let ran = anyssh(&home, &emulator, &["-q", "dedalus", MACHINE, "--", command]).shell(shell).run();
        assert!(ran.status == 5 || ran.text() == "5\n", "{} {:?} {}", ran.status, ran.text(), ran.stderr);
        assert_nothing_is_left(&home, &emulator);
    }
}
