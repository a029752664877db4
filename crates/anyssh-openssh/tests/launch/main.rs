//! Launches for real: the real `ssh` against the real `sshd`, and against little scripts that play an
//! `ssh` with other ideas.
//!
//! This binary is three programs, so the target has `harness = false`: the tests, the helper that ssh
//! calls back for the password, and the `drive` program that the tests start where a process of its
//! own is needed (signals, terminals, umask, kill -9).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr, reason = "tests")]

mod askpass;
mod crash;
mod driver;
mod host_keys;
mod passwords;
mod real_sshd;
mod runner;
mod signals;
mod support;
mod terminal;
mod tunnels;

use std::process::ExitCode;

fn main() -> ExitCode {
    anyssh_openssh::helper::run_if_asked();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|word| word == "drive") {
        return driver::main(&arguments[1..]);
    }
    let tests: Vec<runner::Test> = [
        askpass::TESTS,
        crash::TESTS,
        host_keys::TESTS,
        passwords::TESTS,
        real_sshd::TESTS,
        signals::TESTS,
        terminal::TESTS,
        tunnels::TESTS,
    ]
    .concat();
    runner::run(&tests, &arguments)
}
