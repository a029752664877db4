//! Ctrl-C, TERM and HUP at each stage: the credential is gone afterwards, or the error says what may be left.

use std::net::TcpListener;
use std::time::Duration;

use anyssh_testkit::emulator::{Emulator, Fault, Generation, Leap0Emulator, Sandbox, Wake};
use anyssh_testkit::{HostileServer, Terminal, Trick};
use rustix::process::Signal;

use super::super::support::{Anyssh, Home, PATIENCE, until};
use super::{GENERATIONS, SANDBOX, anyssh, assert_nothing_is_left, builder, emulator, trusting};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
const TRUE: [&str; 4] = ["leap0", SANDBOX, "--", "true"];

/// Starts it, waits for the stage, sends the signal and looks at the status.
#[track_caller]
fn interrupt(run: Anyssh, stage: impl FnMut() -> bool, (signal, status): (Signal, i32)) -> String {
    let running = run.start();
    until("the stage", stage);
    running.signal(signal);
    let ran = running.finish();
    ran.exits(status);
    ran.stderr
}

fn leading_to(port: u16, generation: Generation) -> Leap0Emulator {
    let command = format!("ssh -p {port} {{id}}@127.0.0.1");
    builder(generation).without_ssh().with_ssh_command(&command).start_blocking().unwrap()
}

/// C6: while the sandbox is waited for, nothing has been made yet.
#[test]
fn a_signal_while_the_sandbox_starts_makes_nothing() {
    for signal in SIGNALS {
        let never = Sandbox::new(SANDBOX).coming_up(Wake::at_once().stage("starting", u32::MAX));
        let emulator = Emulator::leap0(Generation::Two).with_sandbox(never).start_blocking().unwrap();
        let home = Home::new();
        interrupt(trusting(&home, &emulator, &TRUE), || emulator.requests().len() > 1, signal);
        assert!(emulator.accesses().is_empty());
        assert_nothing_is_left(&home, &emulator);
    }
}

/// C6: the credential is made, its answer is still on the way. Generation 1 has one, which is ended;
/// generation 2 cannot name it, and says so.
#[test]
fn a_signal_during_the_create_ends_the_credential_or_says_what_may_be_left() {
    for generation in GENERATIONS {
        for signal in SIGNALS {
            let (home, emulator) = (Home::new(), emulator(generation));
            let path = format!("/v1/sandbox/{SANDBOX}/ssh/access");
            emulator.add_fault(Fault::on("POST", &path).after_the_work().slowly(1, Duration::from_millis(200)));
            let said = interrupt(trusting(&home, &emulator, &TRUE), || emulator.alive().len() == 1, signal);
            match generation {
                Generation::One => assert_nothing_is_left(&home, &emulator),
                Generation::Two => assert!(said.contains("expires"), "{said}"),
            }
        }
    }
}

/// C6: the generation is being found out.
#[test]
fn a_signal_while_the_generation_is_asked_for_ends_the_credential() {
    for generation in GENERATIONS {
        for signal in SIGNALS {
            let (home, emulator) = (Home::new(), emulator(generation));
            emulator.add_fault(Fault::on("POST", "/v1/sandbox/*/ssh/*/validate").delay(Duration::from_secs(5)));
            interrupt(trusting(&home, &emulator, &TRUE), || emulator.requests().len() == 3, signal);
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

/// C6: while the host key is read from a server that says nothing.
#[test]
fn a_signal_while_a_silent_server_is_asked_for_its_key_ends_the_credential() {
    for generation in GENERATIONS {
        for signal in SIGNALS {
            let server = HostileServer::start(Trick::SilenceAfterBanner).unwrap();
            let (home, emulator) = (Home::new(), leading_to(server.port(), generation));
            interrupt(trusting(&home, &emulator, &TRUE), || server.connections() == 1, signal);
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

/// C6: at the question whether the key is the right one.
#[test]
fn ctrl_c_at_the_question_for_a_sandbox_ends_its_credential() {
    for generation in GENERATIONS {
        let (home, emulator) = (Home::new(), emulator(generation));
        let mut terminal = Terminal::spawn(&anyssh(&home, &emulator, &TRUE).command()).unwrap();
        terminal.wait_for("(yes/no)? ", PATIENCE).unwrap();
        assert_eq!(emulator.alive().len(), 1);
        terminal.type_keys("\u{3}").unwrap();
        assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 130);
        assert_eq!(emulator.passwords_sent(), 0);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// C6: the key is known, ssh runs and is not let in yet.
#[test]
fn a_signal_while_ssh_waits_for_its_server_ends_the_credential() {
    for signal in SIGNALS {
        let home = Home::new();
        trusting(&home, &emulator(Generation::Two), &TRUE).run().exits(0);
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let emulator = leading_to(silent.local_addr().unwrap().port(), Generation::Two);
        let mut connection = None;
        let connected = || {
            connection = connection.take().or_else(|| silent.accept().ok());
            connection.is_some()
        };
        interrupt(trusting(&home, &emulator, &TRUE), connected, signal);
        assert_nothing_is_left(&home, &emulator);
    }
}

/// C6: while the remote command runs.
#[test]
fn a_signal_during_a_session_ends_it_and_its_credential() {
    for generation in GENERATIONS {
        for (signal, status) in SIGNALS {
            let (home, emulator) = (Home::new(), emulator(generation));
            let words = ["leap0", SANDBOX, "--", "echo up; exec sleep 1000"];
            let running = trusting(&home, &emulator, &words).start();
            running.says("up");
            running.signal(signal);
            running.finish().exits(status);
            assert_nothing_is_left(&home, &emulator);
        }
    }
}
