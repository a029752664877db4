//! Credentials over HTTP, logins with the real `ssh`.

use std::process::Stdio;
use std::time::Duration;

use anyssh_testkit::emulator::{Emulator, Generation, Leap0Builder, Leap0Emulator, Sandbox, Wake};
use anyssh_testkit::{Home, SshByHand, key};
use serde_json::Value;

use super::{GENERATIONS, SANDBOX, create, on, text};

fn builder(generation: Generation) -> Leap0Builder {
    Emulator::leap0(generation).with_password("two words $HOME `id` \"é\" \\ %h 'x'")
}

fn login(emulator: &Leap0Emulator, access: &Value) -> SshByHand {
    SshByHand {
        user: text(access, "id").to_owned(),
        password: text(access, "password").to_owned(),
        port: emulator.ssh_port(SANDBOX).unwrap(),
        host_key: emulator.host_key(SANDBOX).unwrap(),
    }
}

#[track_caller]
fn lets_in(emulator: &Leap0Emulator, access: &Value) {
    let output = login(emulator, access).output("echo in; exit 7").unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(7), &b"in\n"[..]), "{output:?}");
}

#[track_caller]
fn refuses(emulator: &Leap0Emulator, access: &Value, reason: &str) {
    let output = login(emulator, access).output("echo in").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(255), 0), "{said}");
    assert!(said.contains(reason), "{said}");
}

const DENIED: &str = "Permission denied";

#[test]
fn a_credential_logs_in_until_it_is_replaced_deleted_or_over() {
    for generation in GENERATIONS {
        let emulator = builder(generation).start_blocking().unwrap();
        let first = create(&emulator).json();
        lets_in(&emulator, &first);
        let second = on(&emulator, "regen", text(&first, "id")).send(&emulator).json();
        refuses(&emulator, &first, DENIED);
        lets_in(&emulator, &second);
        assert_eq!(on(&emulator, "delete", text(&second, "id")).send(&emulator).status, 204);
        refuses(&emulator, &second, DENIED);
        let third = create(&emulator).json();
        lets_in(&emulator, &third);
        emulator.advance_clock(Duration::from_secs(3601));
        refuses(&emulator, &third, DENIED);
        assert!(emulator.passwords_sent() >= 6, "{}", emulator.passwords_sent());
    }
}

#[test]
fn a_password_can_be_asked_for_by_keyboard_interactive_alone() {
    let emulator = builder(Generation::Two).with_keyboard_interactive().start_blocking().unwrap();
    let access = create(&emulator).json();
    lets_in(&emulator, &access);
    emulator.delete_access(text(&access, "id")).unwrap();
    refuses(&emulator, &access, "Permission denied (keyboard-interactive)");
}

#[test]
fn a_credential_of_one_sandbox_is_none_of_another() {
    let two = builder(Generation::Two).with_sandbox(Sandbox::default()).with_sandbox(Sandbox::new("sbx-2"));
    let emulator = two.start_blocking().unwrap();
    assert_ne!(emulator.host_key(SANDBOX), emulator.host_key("sbx-2"));
    let other = emulator.create_access("sbx-2");
    refuses(&emulator, &serde_json::json!({"id": other.id, "password": other.password}), DENIED);
}

#[test]
fn only_a_running_sandbox_lets_anybody_in_and_one_that_stops_cuts_its_connections() {
    let emulator = builder(Generation::Two).start_blocking().unwrap();
    let access = create(&emulator).json();
    let home = Home::new().unwrap();
    let mut open = login(&emulator, &access).command(&home, "echo in; exec sleep 1000").unwrap();
    let mut open = open.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = [0; 3];
    std::io::Read::read_exact(open.stdout.as_mut().unwrap(), &mut said).unwrap();
    // What is logged in stays when its credential ends.
    emulator.delete_access(text(&access, "id")).unwrap();
    assert!(open.try_wait().unwrap().is_none());
    emulator.set_sandbox_state(SANDBOX, "stopped").unwrap();
    assert_eq!(open.wait().unwrap().code(), Some(255));
    let access = emulator.create_access(SANDBOX);
    let access = serde_json::json!({"id": access.id, "password": access.password});
    refuses(&emulator, &access, "Connection");
    emulator.set_sandbox_state(SANDBOX, "running").unwrap();
    lets_in(&emulator, &access);
}

#[test]
fn a_connection_is_a_look_at_a_sandbox_on_its_way() {
    let starting = Sandbox::default().coming_up(Wake::at_once().stage("starting", 2));
    let emulator = builder(Generation::Two).with_sandbox(starting).start_blocking().unwrap();
    let access = emulator.create_access(SANDBOX);
    let access = serde_json::json!({"id": access.id, "password": access.password});
    for _ in 0..2 {
        refuses(&emulator, &access, "Connection");
    }
    lets_in(&emulator, &access);
    assert_eq!((emulator.ssh_connections(), emulator.sandbox_state(SANDBOX).as_deref()), (3, Some("running")));
}

#[test]
fn a_late_port_refuses_until_it_is_opened() {
    let emulator = builder(Generation::Two).with_late_ssh_ports().start_blocking().unwrap();
    let access = create(&emulator).json();
    refuses(&emulator, &access, "Connection refused");
    emulator.open_ssh_ports().unwrap();
    lets_in(&emulator, &access);
}

#[test]
fn the_host_key_is_the_same_each_time_until_a_test_changes_it() {
    let emulator = builder(Generation::Two).start_blocking().unwrap();
    let access = create(&emulator).json();
    lets_in(&emulator, &access);
    let before = login(&emulator, &access);
    emulator.set_host_key(SANDBOX, key(9)).unwrap();
    let output = before.output("echo in").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Host key verification failed") && output.stdout.is_empty(), "{said}");
    lets_in(&emulator, &access);
    assert!(emulator.set_host_key("sbx-other", key(9)).is_err());
}
