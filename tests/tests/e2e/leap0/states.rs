//! Sandboxes that are not up, ports that are late.

use std::time::Duration;

use anyssh_testkit::emulator::{Emulator, Generation, Leap0Emulator, Sandbox, Wake};
use serde_json::json;

use super::super::support::{Home, until};
use super::{GENERATIONS, SANDBOX, assert_nothing_is_left, builder, trusting};

const ECHO: [&str; 4] = ["leap0", SANDBOX, "--", "echo in"];

fn with(sandbox: Sandbox, generation: Generation) -> Leap0Emulator {
    Emulator::leap0(generation).with_sandbox(sandbox).start_blocking().unwrap()
}

#[test]
fn a_sandbox_on_its_way_is_waited_for_and_a_paused_one_is_resumed() {
    let starting = Sandbox::new(SANDBOX).coming_up(Wake::at_once().stage("starting", 2).stage("thinking", 1));
    let resumed = Wake::at_once().stage("unpausing", 2);
    let paused = Sandbox::new(SANDBOX).in_state("paused").coming_up(resumed);
    for generation in GENERATIONS {
        for (sandbox, words) in [(&starting, "waiting for the sandbox"), (&paused, "resuming the sandbox")] {
            let (home, emulator) = (Home::new(), with(sandbox.clone(), generation));
            let ran = trusting(&home, &emulator, &ECHO).run();
            assert_eq!(ran.exits(0).text(), "in\n");
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
            assert_eq!(emulator.accesses().len(), 1);
            assert_nothing_is_left(&home, &emulator);
        }
    }
}

#[test]
fn a_sandbox_that_does_not_come_back_by_itself_is_an_error_and_nothing_is_made() {
    for state in ["stopped", "stopping", "deleting", "deleted"] {
        let (home, emulator) = (Home::new(), with(Sandbox::new(SANDBOX).in_state(state), Generation::Two));
        let error =
            trusting(&home, &emulator, &[&["--error-format=json"], &ECHO[..]].concat()).run().exits(255).error();
        assert_eq!((&error["kind"], &error["field"]), (&json!("failed"), &json!("state")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(state), "{error}");
        assert!(emulator.accesses().is_empty());
    }
    let (home, emulator) = (Home::new(), with(Sandbox::new(SANDBOX), Generation::Two));
    let unknown = trusting(&home, &emulator, &["--error-format=json", "leap0", "sbx-none", "--", "true"]).run();
    assert_eq!(unknown.exits(255).error()["kind"], json!("not_found"));
}

#[test]
fn a_sandbox_that_may_not_be_woken_stays_as_it_is() {
    for state in ["paused", "starting"] {
        let (home, emulator) = (Home::new(), with(Sandbox::new(SANDBOX).in_state(state), Generation::One));
        let words = [&["--no-wake", "--error-format=json"], &ECHO[..]].concat();
        let error = trusting(&home, &emulator, &words).run().exits(255).error();
        assert_eq!((&error["kind"], &error["field"]), (&json!("failed"), &json!("state")), "{error}");
        assert_eq!(emulator.sandbox_state(SANDBOX).as_deref(), Some(state));
        assert!(emulator.accesses().is_empty());
    }
}

#[test]
fn a_sandbox_that_never_comes_up_is_a_timeout_that_names_the_last_state() {
    let never = Sandbox::new(SANDBOX).coming_up(Wake::at_once().stage("starting", u32::MAX));
    let (home, emulator) = (Home::new(), with(never, Generation::Two));
    let words = [&["--timeout=1500ms", "--error-format=json"], &ECHO[..]].concat();
    let error = trusting(&home, &emulator, &words).run().exits(255).error();
    assert_eq!(error["kind"], json!("timeout"));
    assert!(error["message"].as_str().unwrap().contains("starting"), "{error}");
    assert!(emulator.accesses().is_empty());
}

/// The sandbox is up, its SSH server is not yet.
#[test]
fn a_port_that_opens_late_is_waited_for() {
    let (home, emulator) = (Home::new(), builder(Generation::Two).with_late_ssh_ports().start_blocking().unwrap());
    let running = trusting(&home, &emulator, &ECHO).start();
    until("a credential", || emulator.alive().len() == 1);
    // How late it is: longer than the first tries take.
    std::thread::sleep(Duration::from_millis(2500));
    emulator.open_ssh_ports().unwrap();
    assert_eq!(running.finish().exits(0).text(), "in\n");
    assert_nothing_is_left(&home, &emulator);
}

/// The host key is known already: then it is ssh itself that finds the port closed.
#[test]
fn a_port_of_a_known_host_that_opens_late_is_waited_for() {
    let home = Home::new();
    let known = super::emulator(Generation::Two);
    trusting(&home, &known, &ECHO).run().exits(0);
    let emulator = builder(Generation::Two).with_late_ssh_ports().start_blocking().unwrap();
    let running = trusting(&home, &emulator, &ECHO).start();
    until("a credential", || emulator.alive().len() == 1);
    std::thread::sleep(Duration::from_millis(1000));
    emulator.open_ssh_ports().unwrap();
    assert_eq!(running.finish().exits(0).text(), "in\n");
    assert_nothing_is_left(&home, &emulator);
}
