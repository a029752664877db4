//! `anyssh leap0` against the emulated control plane in both of its forms, and real SSH servers.

mod answers;
mod host_keys;
mod interrupts;
mod logins;
mod secrets;
mod servers;
mod states;
mod verbs;

use anyssh_testkit::SshByHand;
use anyssh_testkit::emulator::{Emulator, Generation, Leap0Builder, Leap0Emulator, Sandbox};
use serde_json::Value;

use super::support::{Anyssh, Home};

const SANDBOX: &str = "sbx-abc123";
const GENERATIONS: [Generation; 2] = [Generation::One, Generation::Two];

fn builder(generation: Generation) -> Leap0Builder {
    Emulator::leap0(generation).with_sandbox(Sandbox::new(SANDBOX))
}

fn emulator(generation: Generation) -> Leap0Emulator {
    builder(generation).start_blocking().unwrap()
}

fn anyssh(home: &Home, emulator: &Leap0Emulator, words: &[&str]) -> Anyssh {
    home.anyssh(words).env("LEAP0_BASE_URL", emulator.base_url()).env("LEAP0_API_KEY", emulator.api_key())
}

/// The same by somebody who said beforehand that new host keys are fine.
fn trusting(home: &Home, emulator: &Leap0Emulator, words: &[&str]) -> Anyssh {
    anyssh(home, emulator, words).env("ANYSSH_ACCEPT_NEW_HOST_KEY", "1")
}

/// What was asked, with the answers' statuses, and with `ID` for the IDs of credentials.
fn asked(emulator: &Leap0Emulator) -> Vec<String> {
    let ids: Vec<String> = emulator.accesses().into_iter().map(|access| access.id).collect();
    let line = |line: String| ids.iter().fold(line, |line, id| line.replace(id, "ID"));
    let requests = emulator.requests().into_iter();
    requests.map(|request| format!("{} {}", line(request.line()), request.status.unwrap_or(0))).collect()
}

#[track_caller]
fn assert_nothing_is_left(home: &Home, emulator: &Leap0Emulator) {
    assert_eq!((emulator.alive(), home.launches()), (vec![], vec![]));
}

/// A login by hand with what `--show-secrets` printed.
fn by_hand(emulator: &Leap0Emulator, shown: &Value) -> SshByHand {
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    let port = shown["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap();
    let host_key = emulator.host_key(SANDBOX).unwrap();
    SshByHand { user: text("user"), password: text("password"), port, host_key }
}
