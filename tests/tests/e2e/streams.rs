//! What goes to which stream, and what happens when a stream is not there.

use anyssh_tests::guest::Scenario;
use serde_json::json;

use super::support::{Gateway, Home, PATIENCE};
use anyssh_testkit::Terminal;

#[test]
fn stdout_is_the_remote_commands_alone_and_stderr_is_empty_on_success() {
    let gateway = Gateway::start(10, "pass word");
    for words in [&["guest", "room", "--", "echo out"][..], &["-q", "guest", "room", "--", "echo out"]] {
        let ran = Home::new().guest(&gateway.pinned(), words).run();
        assert_eq!((ran.exits(0).text(), ran.stderr.as_str()), ("out\n".into(), ""), "{words:?}");
    }
    let ran = Home::new().guest(&gateway.pinned(), &["guest", "room", "--", "echo out; echo err >&2"]).run();
    assert_eq!((ran.text(), ran.stderr.as_str()), ("out\n".into(), "err\n"));
}

#[test]
fn progress_is_plain_lines_where_stderr_is_no_terminal_and_nothing_with_quiet() {
    let progress = vec!["waking \u{1b}[31mroom".into(), "waking \u{1b}[31mroom".into(), "nearly".into()];
    let scenario = Scenario { progress, ..Gateway::start(11, "pass word").pinned() };
    let gateway = Gateway::start(11, "pass word");
    let scenario = Scenario { session: gateway.pinned().session, ..scenario };
    let ran = Home::new().guest(&scenario, &["guest", "room", "--", "true"]).run();
    assert_eq!(ran.exits(0).stderr, "guest: waking \\x1b[31mroom\nguest: nearly\n");
    for quiet in [&["-q"][..], &["--quiet"]] {
        let ran = Home::new().guest(&scenario, &[quiet, &["guest", "room", "--", "true"]].concat()).run();
        assert_eq!(ran.exits(0).stderr, "");
    }
    let mock = Home::new().anyssh(&["mock", "certificate", "--", "echo hello"]).run();
    assert_eq!(mock.exits(0).text(), "hello\n");
    assert!(mock.lines().iter().all(|line| line.starts_with("mock: ")), "{}", mock.stderr);
    let mock = Home::new().anyssh(&["-q", "mock", "certificate", "--", "echo hello"]).run();
    assert_eq!((mock.exits(0).text().as_str(), mock.lines()), ("hello\n", vec![]));
}

#[test]
fn stdin_goes_to_the_remote_command_byte_for_byte() {
    let bytes: Vec<u8> = (0..1024 * 1024u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for target in ["certificate", "password"] {
        let ran = Home::new().anyssh(&["-q", "mock", target, "--", "cat"]).stdin(bytes.clone()).run();
        assert!(ran.exits(0).stdout == bytes, "{target}: {} bytes came back", ran.stdout.len());
    }
}

#[test]
fn a_remote_command_that_reads_nothing_ends_although_there_is_input() {
    Home::new().anyssh(&["mock", "certificate", "--", "exit 3"]).stdin(vec![b'x'; 1 << 20]).run().exits(3);
}

/// P10: closed streams are no crash and change nothing about the status.
#[test]
fn closed_streams_are_no_crash() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let shell = format!(r#"exec "$0" "$@" {closed}"#);
        for (target, line, status) in
            [("certificate", "exit 7", 7), ("password", "cat; echo out; echo err >&2; exit 5", 5)]
        {
            Home::new().anyssh(&["mock", target, "--", line]).shell(&shell).run().exits(status);
        }
        Home::new().anyssh(&["--version"]).shell(&shell).run().exits(0);
        Home::new().anyssh(&["nobody"]).shell(&shell).run().exits(2);
        let ran = Home::new().anyssh(&["providers"]).shell(&shell).run();
        assert!([0, 11].contains(&ran.status), "{closed}: {}", ran.status);
    }
}

/// P10: ssh has the three standard streams and no descriptor of ours.
#[test]
fn no_descriptor_of_ours_reaches_ssh() {
    let home = Home::new();
    let seen = home.beside("seen");
    // The listing shell itself is not /proc/self of ssh: the words are asked of the process that becomes ssh.
    let script = format!("ls /proc/$$/fd > '{}'; exec /usr/bin/ssh \"$@\"", seen.display());
    let ssh = home.script("ssh", &script);
    for target in ["certificate", "password"] {
        home.anyssh(&["mock", target, "--", "true"]).env("ANYSSH_SSH", &ssh).run().exits(0);
        let mut open: Vec<u32> = std::fs::read_to_string(&seen).unwrap().lines().map(|n| n.parse().unwrap()).collect();
        // A shell keeps its script open beyond 9 (dash: 10, bash: 255).
        open.retain(|number| *number < 10);
        open.sort_unstable();
        assert_eq!(open, [0, 1, 2], "{target}");
    }
}

/// P7: ssh stays in the foreground, so a change of the window reaches the far end.
#[test]
fn a_change_of_the_window_size_reaches_the_far_end() {
    let home = Home::new();
    let line = "trap 'echo now $(stty size)' WINCH; echo up; while :; do sleep 0.05; done";
    let mut terminal = Terminal::spawn(&home.anyssh(&["mock", "certificate", "-t", "--", line]).command()).unwrap();
    terminal.wait_for("up", PATIENCE).unwrap();
    terminal.resize(101, 37).unwrap();
    terminal.wait_for("now 37 101", PATIENCE).unwrap();
    terminal.type_keys("\u{3}").unwrap();
    terminal.wait(PATIENCE).unwrap();
}

/// P10: a reader that went away is no failure and no panic.
#[test]
fn a_pipe_that_nobody_reads_ends_quietly() {
    for words in [&["providers"][..], &["--help"], &["targets", "guest", "--anonymous"]] {
        let ran = Home::new().anyssh(words).shell(NO_READER).run();
        assert_eq!(ran.stderr, "status 0\n", "{words:?}");
        let ran = Home::new().anyssh(words).shell(r#""$0" "$@" | head -c1"#).run();
        assert_eq!((ran.stdout.len(), ran.stderr.as_str()), (1, ""), "{words:?}");
    }
}

#[test]
fn data_that_cannot_be_written_is_11() {
    let full = |words: &[&str]| Home::new().anyssh(words).shell(r#"exec "$0" "$@" >/dev/full"#).run();
    let ran = full(&["--error-format=json", "providers"]);
    assert_eq!(ran.exits(11).error()["kind"], json!("local"));
    full(&["--help"]).exits(11);
    full(&["targets", "guest", "--anonymous"]).exits(11);
    // What the remote command printed is ssh's to write, and its status is the command's.
    full(&["mock", "certificate", "--", "echo lost; exit 4"]).exits(4);
}

/// A credential that nobody saw is revoked: nobody else can.
#[test]
fn a_session_that_could_not_be_shown_is_revoked() {
    let home = Home::new();
    let words = ["create", "guest", "room", "--show-secrets", "--json"];
    home.guest(&Scenario::default(), &words).shell(r#"exec "$0" "$@" >/dev/full"#).run().exits(11);
    assert_eq!(home.begun("revoke").len(), 1);
    let home = Home::new();
    let ran = home.guest(&Scenario::default(), &words).shell(NO_READER).run();
    assert!(ran.stderr.ends_with("status 11\n"), "{}", ran.stderr);
    assert_eq!(home.begun("revoke").len(), 1, "a reader that went away did not see it either");
    let home = Home::new();
    home.guest(&Scenario::default(), &words).run().exits(0);
    assert_eq!(home.begun("revoke").len(), 0, "one that was shown lives");
}

/// Runs the command when the reader of its stdout is gone for sure: a write failed.
const NO_READER: &str =
    r#"{ trap '' PIPE; while printf x 2>/dev/null; do :; done; "$0" "$@"; echo "status $?" >&2; } | true"#;
