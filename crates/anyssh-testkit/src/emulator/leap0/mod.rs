//! Leap0: a control plane that gives passwords, in both forms of its SSH calls, and the SSH servers of
//! its sandboxes that take them.
//!
//! What it answers is what the vendor documents and what its official clients (Python `leap0` 0.6.1 and
//! 0.8.0) rely on: <https://leap0.dev/docs>. SSH credentials and the reading of sandboxes are there;
//! sandboxes are not made, paused or stopped by calls of their own.

mod access;
mod builder;
mod door;
mod generation;
mod login;
mod parse;
mod reply;
mod routes;
mod sandbox;
mod state;

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use anyssh_core::HostKey;
use serde_json::Value;
use ssh_key::PrivateKey;

use super::fault::Fault;
use super::http::{HttpThread, lock};
use super::request::Request;
use door::Door;
use state::Leap0;

pub use access::{Access, AccessStatus};
pub use builder::Leap0Builder;
pub use generation::Generation;
pub use sandbox::Sandbox;

/// A running control plane and the SSH servers of its sandboxes. Dropping it ends all of them.
///
/// ```
/// use anyssh_testkit::emulator::{Emulator, Generation, Sandbox};
///
/// let emulator = Emulator::leap0(Generation::Two)
///     .with_sandbox(Sandbox::new("sbx-1"))
///     .with_password("two words, \"quotes\" and $signs")
///     .start_blocking()?;
/// // … run a client against `emulator.base_url()` with `emulator.api_key()` …
/// assert!(emulator.alive().is_empty(), "the client left credentials behind");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Leap0Emulator {
    // In this order they end: nobody asks for what is gone.
    http: HttpThread,
    leap0: Arc<Leap0>,
}

impl Leap0Emulator {
    /// `LEAP0_BASE_URL`: `http://127.0.0.1:PORT`, and the prefix if there is one.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// The one key that it knows.
    pub fn api_key(&self) -> &str {
        &self.leap0.api_key
    }

    /// The form of its SSH calls.
    pub fn generation(&self) -> Generation {
        self.leap0.generation
    }

    /// All requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.http.requests()
    }

    /// From now on this goes wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.http.add_fault(fault);
    }

    /// From now on nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.http.clear_faults();
    }

    /// All credentials that were ever made, oldest first. Regenerating makes another one, perhaps with the
    /// same ID.
    pub fn accesses(&self) -> Vec<Access> {
        lock(&self.leap0.state).accesses()
    }

    /// The credentials that log in.
    pub fn alive(&self) -> Vec<Access> {
        self.accesses().into_iter().filter(|access| access.status == AccessStatus::Live).collect()
    }

    /// Makes a credential as another client would, in whatever state the sandbox is.
    pub fn create_access(&self, sandbox: &str) -> Access {
        let mut state = lock(&self.leap0.state);
        let index = self.leap0.make(&mut state, sandbox, None);
        state.credentials[index].to_access(state.clock.now())
    }

    /// Deletes a credential as another client would.
    ///
    /// # Errors
    /// When there is no such credential.
    pub fn delete_access(&self, id: &str) -> io::Result<()> {
        let mut state = lock(&self.leap0.state);
        let known = state.credentials.iter_mut().rfind(|known| known.id == id && known.ended.is_none());
        known.ok_or(io::ErrorKind::NotFound)?.ended = Some(AccessStatus::Deleted);
        Ok(())
    }

    /// Lets time pass: credentials whose end is reached log in no more.
    pub fn advance_clock(&self, time: Duration) {
        lock(&self.leap0.state).clock.advance(time);
    }

    /// The password of the next credential that is made, after those that were given before.
    pub fn add_password(&self, password: &str) {
        lock(&self.leap0.state).passwords.push_back(password.to_owned());
    }

    /// The state of a sandbox, as the next answer will show it.
    pub fn sandbox_state(&self, sandbox: &str) -> Option<String> {
        lock(&self.leap0.state).sandbox(sandbox).map(|sandbox| sandbox.state().to_owned())
    }

    /// Puts a sandbox into this state; to `running` it takes its stages. Connections to one that is
    /// elsewhere are cut.
    ///
    /// # Errors
    /// When there is no such sandbox.
    pub fn set_sandbox_state(&self, sandbox: &str, to: &str) -> io::Result<()> {
        lock(&self.leap0.state).sandbox(sandbox).ok_or(io::ErrorKind::NotFound)?.set_state(to);
        if let Some(door) = self.leap0.door(sandbox).filter(|_| to != sandbox::RUNNING) {
            door.cut();
        }
        Ok(())
    }

    /// The host key that a sandbox's server shows: another one for each sandbox.
    pub fn host_key(&self, sandbox: &str) -> Option<HostKey> {
        self.leap0.door(sandbox)?.host_key()
    }

    /// Another host key, as after a sandbox was moved, or with somebody in the middle. The port stays.
    ///
    /// # Errors
    /// When the sandbox has no server, or the new one cannot be started.
    pub fn set_host_key(&self, sandbox: &str, key: PrivateKey) -> io::Result<()> {
        self.door(sandbox)?.set_host_key(key)
    }

    /// The SSH port of a sandbox on 127.0.0.1.
    pub fn ssh_port(&self, sandbox: &str) -> Option<u16> {
        self.leap0.door(sandbox).map(Door::port)
    }

    /// Opens the ports that were to be late.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn open_ssh_ports(&self) -> io::Result<()> {
        self.leap0.doors.iter().try_for_each(|door| door.open(&self.leap0.state))
    }

    /// How many connections all SSH servers had.
    pub fn ssh_connections(&self) -> usize {
        self.leap0.doors.iter().map(Door::connections).sum()
    }

    /// How many passwords, right and wrong ones, all SSH servers were sent.
    pub fn passwords_sent(&self) -> usize {
        lock(&self.leap0.state).passwords_sent
    }

    /// Changes each credential that an answer to create or regenerate holds. The emulator itself goes on as
    /// if nothing had been changed.
    ///
    /// ```
    /// # use anyssh_testkit::emulator::{Emulator, Generation};
    /// # let emulator = Emulator::leap0(Generation::One).without_ssh().start_blocking().unwrap();
    /// emulator.spoil(|credential| credential["ssh_command"] = "ssh me@sandbox; id".into());
    /// ```
    pub fn spoil(&self, change: impl Fn(&mut Value) + Send + 'static) {
        lock(&self.leap0.state).spoil = Some(Box::new(change));
    }

    /// Changes each answer to validate.
    pub fn spoil_validation(&self, change: impl Fn(&mut Value) + Send + 'static) {
        lock(&self.leap0.state).spoil_validation = Some(Box::new(change));
    }

    /// Changes each answer that holds one sandbox.
    pub fn spoil_sandbox(&self, change: impl Fn(&mut Value) + Send + 'static) {
        lock(&self.leap0.state).spoil_sandbox = Some(Box::new(change));
    }

    /// Spoils nothing any more.
    pub fn unspoil(&self) {
        let mut state = lock(&self.leap0.state);
        (state.spoil, state.spoil_validation, state.spoil_sandbox) = (None, None, None);
    }

    fn door(&self, sandbox: &str) -> io::Result<&Door> {
        self.leap0.door(sandbox).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl fmt::Debug for Leap0Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leap0Emulator").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
