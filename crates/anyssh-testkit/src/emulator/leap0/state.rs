//! What the control plane knows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use serde_json::Value;

use super::access::{Access, AccessStatus, Credential};
use super::door::Door;
use super::generation::Generation;
use super::sandbox::LiveSandbox;
use crate::emulator::Change;
use crate::emulator::clock::{Clock, later};
use crate::keys::key;

/// The seed of the first host key that comes in the place of another.
const LAST_HOST_KEY: u8 = 99;

/// The parts that stay the same, and the state.
pub(super) struct Leap0 {
    pub(super) generation: Generation,
    pub(super) api_key: String,
    pub(super) lifetime: Duration,
    pub(super) keeps_id: bool,
    pub(super) ssh_command: String,
    // The logins of these hold the state too.
    pub(super) doors: Vec<Door>,
    /// Counts the host keys that came in the place of others.
    pub(super) host_keys: AtomicU8,
    pub(super) state: Arc<Mutex<State>>,
}

pub(super) struct State {
    pub(super) sandboxes: Vec<LiveSandbox>,
    /// All that were ever made, oldest first. Regenerating makes another one.
    pub(super) credentials: Vec<Credential>,
    pub(super) clock: Clock,
    /// The next passwords; when there are none, they are made up.
    pub(super) passwords: VecDeque<String>,
    /// How many passwords the SSH servers were sent.
    pub(super) passwords_sent: usize,
    pub(super) spoil: Change<Value>,
    pub(super) spoil_validation: Change<Value>,
    pub(super) spoil_sandbox: Change<Value>,
}

impl State {
    pub(super) fn new(sandboxes: Vec<LiveSandbox>, clock: Clock, passwords: VecDeque<String>) -> Self {
        Self {
            sandboxes,
            credentials: Vec::new(),
            clock,
            passwords,
            passwords_sent: 0,
            spoil: None,
            spoil_validation: None,
            spoil_sandbox: None,
        }
    }

    pub(super) fn sandbox(&mut self, id: &str) -> Option<&mut LiveSandbox> {
        self.sandboxes.iter_mut().find(|sandbox| sandbox.id == id)
    }

    /// The newest credential of a sandbox that was neither replaced nor deleted, if it has this ID.
    pub(super) fn credential(&self, sandbox: &str, id: Option<&str>) -> Option<usize> {
        let is_it = |known: &Credential| {
            known.sandbox_id == sandbox && known.ended.is_none() && id.is_none_or(|id| known.id == id)
        };
        self.credentials.iter().rposition(is_it)
    }

    pub(super) fn accesses(&self) -> Vec<Access> {
        let now = self.clock.now();
        self.credentials.iter().map(|credential| credential.to_access(now)).collect()
    }

    fn next_password(&mut self, number: u64) -> String {
        // Another one for each number, and nothing that a shell minds.
        let made_up = || format!("Leap0-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        self.passwords.pop_front().unwrap_or_else(made_up)
    }
}

impl Leap0 {
    pub(super) fn door(&self, sandbox: &str) -> Option<&Door> {
        self.doors.iter().find(|door| door.sandbox() == sandbox)
    }

    /// Another host key for each sandbox.
    pub(super) fn replace_host_keys(&self) -> io::Result<()> {
        // Below those that the sandboxes began with; it takes a while until one comes again.
        let seed = || LAST_HOST_KEY - self.host_keys.fetch_add(1, Ordering::Relaxed) % LAST_HOST_KEY;
        self.doors.iter().try_for_each(|door| door.set_host_key(key(seed())))
    }

    /// Makes a credential and returns where it is in the list.
    pub(super) fn make(&self, state: &mut State, sandbox: &str, id: Option<String>) -> usize {
        let (number, now) = (state.credentials.len() as u64 + 1, state.clock.now());
        let id = id.unwrap_or_else(|| format!("ssh-{:016x}", 0xbb96_1077_616f_f860 + number));
        let port = self.door(sandbox).map_or(1, Door::port).to_string();
        let command = self.ssh_command.replace("{id}", &id).replace("{sandbox}", sandbox).replace("{port}", &port);
        let password = state.next_password(number);
        state.credentials.push(Credential {
            id,
            password,
            sandbox_id: sandbox.to_owned(),
            command,
            created: now,
            updated: now,
            expires: later(now, self.lifetime),
            ended: None,
        });
        state.credentials.len() - 1
    }

    /// Puts another credential in the place of this one, which is dead from here on.
    pub(super) fn replace(&self, state: &mut State, index: usize) -> usize {
        let old = &mut state.credentials[index];
        old.ended = Some(AccessStatus::Replaced);
        let (sandbox, created) = (old.sandbox_id.clone(), old.created);
        let id = self.keeps_id.then(|| old.id.clone());
        let new = self.make(state, &sandbox, id);
        if self.keeps_id {
            state.credentials[new].created = created;
        }
        new
    }
}

impl fmt::Debug for Leap0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leap0").field("generation", &self.generation).finish_non_exhaustive()
    }
}
