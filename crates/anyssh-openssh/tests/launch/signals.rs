//! Signals that reach anyssh while ssh runs (requirements P7, C6).

use std::process::Command;

use rustix::process::Signal;

use crate::runner::tests;
use crate::support::{Driver, Scratch, drive_words, eventually, result, this_program};

tests![
    the_signals_that_end_programs_are_passed_on_and_named,
    an_ssh_that_does_not_heed_a_signal_is_killed,
    a_signal_that_we_were_told_to_ignore_stays_ignored,
    closed_standard_streams_do_no_harm,
];

/// P7, C6: ssh gets the signal, we wait for it, clean up and say what it was.
fn the_signals_that_end_programs_are_passed_on_and_named() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::HUP, "HUP"), (Signal::INT, "INT"), (Signal::QUIT, "QUIT")] {
        let scratch = Scratch::new();
        let script = format!(
            "trap 'echo {name} >>\"$HERE/got\"; exit 255' {name}\ntouch \"$HERE/ready\"\nwhile [ -e \"$HERE\" ]; do sleep 0.05; done"
        );
        let driver = Driver::start(&scratch, &script);
        eventually("ssh runs", || scratch.exists("ready"));
        driver.signal(signal);
        let result = result(&scratch);
        assert!(result.contains(&format!("interrupted_by: Some({})", signal.as_raw())), "{result}");
        assert_eq!(scratch.read("got").trim(), name);
        scratch.assert_nothing_left();
    }
}

/// C6
fn an_ssh_that_does_not_heed_a_signal_is_killed() {
    let scratch = Scratch::new();
    let driver =
        Driver::start(&scratch, "trap '' TERM\ntouch \"$HERE/ready\"\nwhile [ -e \"$HERE\" ]; do sleep 0.05; done");
    eventually("ssh runs", || scratch.exists("ready"));
    driver.signal(Signal::TERM);
    let result = result(&scratch);
    assert!(result.contains("Killed(9)") && result.contains("interrupted_by: Some(15)"), "{result}");
    scratch.assert_nothing_left();
}

/// `nohup anyssh …` goes on after a hang-up, and so does its ssh.
fn a_signal_that_we_were_told_to_ignore_stays_ignored() {
    let scratch = Scratch::new();
    let ssh = scratch.fake_ssh(
        "OpenSSH_9.9",
        "kill -HUP $$ $PPID\ntouch \"$HERE/ready\"\nwhile [ -e \"$HERE\" ] && [ ! -e \"$HERE/go\" ]; do sleep 0.05; done\nexit 3",
    );
    let words = drive_words(&scratch, &ssh, 9, "me", "password");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(this_program()).args(words).arg("true");
    let driver = Driver(shell.spawn().unwrap());
    eventually("ssh outlives a hang-up", || scratch.exists("ready"));
    driver.signal(Signal::HUP);
    crate::support::write(&scratch.path("go"), "", 0o600);
    let result = result(&scratch);
    assert!(result.contains("Exited(3)") && result.contains("interrupted_by: None"), "{result}");
}

/// P10
fn closed_standard_streams_do_no_harm() {
    let sshd = crate::support::Sshd::start();
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"] {
        let scratch = Scratch::new();
        let (port, user) = (sshd.port(), crate::support::login_name());
        let words = drive_words(&scratch, &crate::support::real_ssh(), port, &user, "key");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" \"$@\" {closed}")]).arg(this_program()).args(words).arg("exit 6");
        let _driver = Driver(shell.spawn().unwrap());
        let result = result(&scratch);
        assert!(result.contains("Ran { status: Exited(6)"), "{closed}: {result}");
        scratch.assert_nothing_left();
    }
}
