//! Every example runs, against mock, as its first lines say.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};

fn run(program: &str, words: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .args(words)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn quickstart_runs_a_command_and_revokes() {
    let output = run(env!("CARGO_BIN_EXE_quickstart"), &[]);
    let text = stdout(&output);
    assert!(text.starts_with("hello from $0\n") && text.contains("then Revoked"), "{text}");
}

#[test]
fn blocking_runs_a_command_without_a_runtime() {
    assert_eq!(stdout(&run(env!("CARGO_BIN_EXE_blocking"), &[])), "hello\n");
}

#[test]
fn many_targets_answer_at_once() {
    let text = stdout(&run(env!("CARGO_BIN_EXE_many_targets"), &[]));
    assert!(text.starts_with("20 targets answered: [0, 1, 2,"), "{text}");
}

#[test]
fn launch_yourself_shows_a_plan_and_no_secret() {
    let text = stdout(&run(env!("CARGO_BIN_EXE_launch_yourself"), &[]));
    assert!(text.contains("run ssh -F none") && text.contains("StrictHostKeyChecking=yes"), "{text}");
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[test]
fn a_custom_provider_has_the_whole_command() {
    let program = env!("CARGO_BIN_EXE_custom_provider");
    assert_eq!(stdout(&run(program, &["lab", "rack7", "--", "echo", "hi"])), "hi\n");
    let listed = stdout(&run(program, &["providers"]));
    assert!(listed.contains("mock ") && listed.contains("lab MACHINE"), "{listed}");
}
