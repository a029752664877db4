//! Dedalus: a control plane that gives short-lived certificates, and the gateway that takes them.
//!
//! What it answers is what the vendor documents and what its official clients (Python `dedalus-sdk`
//! 0.6.0) rely on: <https://docs.dedaluslabs.ai>. SSH sessions and the reading of machines are there;
//! machines are not made, woken or put to sleep by calls of their own.

mod auth;
mod builder;
mod fixture;
mod idempotency;
mod machine;
mod pages;
mod parse;
mod reply;
mod routes;
mod session;
mod state;

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use serde_json::Value;
use ssh_key::PublicKey;

use super::certificate::CertificateSpec;
use super::fault::Fault;
use super::gateway::Gateway;
use super::http::{HttpThread, lock};
use super::request::Request;
use super::wake::Wake;
use state::Dedalus;

pub use builder::DedalusBuilder;
pub use machine::Machine;
pub use pages::Pages;

/// A running control plane and its gateway. Dropping it ends both.
///
/// ```
/// use anyssh_testkit::emulator::{Emulator, Machine, Wake};
///
/// let emulator = Emulator::dedalus()
///     .without_gateway()
///     .with_machine(Machine::new("0199b1c2-0000-7000-8000-00000000000a").named("pond").phase("sleeping"))
///     .with_wake(Wake::at_once().stage("wake_in_progress", 2).hint(10))
///     .start_blocking()?;
/// // … run a client against `emulator.base_url()` with `emulator.api_key()` …
/// assert!(emulator.alive().is_empty(), "the client left sessions behind");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct DedalusEmulator {
    // In this order they end: nobody asks for what is gone.
    http: HttpThread,
    dedalus: Arc<Dedalus>,
}

/// What became of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Its name, which is also its login name.
    pub id: String,
    /// The machine it is for.
    pub machine_id: String,
    /// As the next answer will say, before it moves on.
    pub status: String,
    /// The serial number of its certificate.
    pub serial: u64,
}

impl DedalusEmulator {
    /// `DEDALUS_BASE_URL`: `http://127.0.0.1:PORT`, and the prefix if there is one.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// The one key that it knows, as bearer and as `x-api-key`.
    pub fn api_key(&self) -> &str {
        &self.dedalus.api_key
    }

    /// The organisation of the key.
    pub fn organisation(&self) -> &str {
        &self.dedalus.organisation
    }

    /// All requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.http.requests()
    }

    /// All sessions that were ever made, oldest first.
    pub fn sessions(&self) -> Vec<SessionState> {
        lock(&self.dedalus.state).session_states()
    }

    /// The sessions that are neither failed, expired nor closed.
    pub fn alive(&self) -> Vec<SessionState> {
        let is_over = |status: &str| ["failed", "expired", "closed"].contains(&status);
        self.sessions().into_iter().filter(|session| !is_over(&session.status)).collect()
    }

    /// The gateway, unless it was started without one.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.dedalus.gateway.as_ref()
    }

    /// The authority that signs host certificates: what `host_trust` says.
    pub fn host_authority(&self) -> &PublicKey {
        self.dedalus.host_authority.public_key()
    }

    /// The authority that signs user certificates.
    pub fn user_authority(&self) -> &PublicKey {
        self.dedalus.user_authority.public_key()
    }

    /// From now on this goes wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.http.add_fault(fault);
    }

    /// From now on nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.http.clear_faults();
    }

    /// How sessions that are made from now on come up.
    pub fn set_wake(&self, wake: Wake) {
        lock(&self.dedalus.state).wake = wake;
    }

    /// How lists are cut into pages from now on.
    pub fn set_pages(&self, pages: Pages) {
        lock(&self.dedalus.state).pages = pages;
    }

    /// Changes each session that an answer to create, get or delete holds, whatever its status is. The
    /// emulator itself goes on as if nothing had been changed.
    pub fn spoil(&self, change: impl Fn(&mut Value) + Send + 'static) {
        lock(&self.dedalus.state).spoil = Some(Box::new(change));
    }

    /// Changes each session that is `ready` in an answer to create or get.
    ///
    /// ```
    /// # let emulator = anyssh_testkit::emulator::Emulator::dedalus().without_gateway().start_blocking().unwrap();
    /// emulator.spoil_ready(|session| session["connection"]["port"] = 70000.into());
    /// ```
    pub fn spoil_ready(&self, change: impl Fn(&mut Value) + Send + 'static) {
        self.spoil(move |session| {
            if session["status"] == "ready" {
                change(session);
            }
        });
    }

    /// Changes the certificates of the sessions that are made from now on, before they are signed.
    pub fn spoil_certificate(&self, change: impl Fn(&mut CertificateSpec) + Send + 'static) {
        lock(&self.dedalus.state).spoil_certificate = Some(Box::new(change));
    }

    /// Spoils nothing any more.
    pub fn unspoil(&self) {
        let mut state = lock(&self.dedalus.state);
        (state.spoil, state.spoil_certificate) = (None, None);
    }

    /// Lets time pass: sessions whose end is reached are `expired`, and the gateway refuses them.
    ///
    /// # Errors
    /// When the gateway's files cannot be written.
    pub fn advance_clock(&self, time: Duration) -> io::Result<()> {
        self.dedalus.pass_time(time)
    }

    /// Closes a session as another client would.
    ///
    /// # Errors
    /// When there is no such session, or when the gateway's files cannot be written.
    pub fn close_session(&self, id: &str) -> io::Result<()> {
        let mut state = lock(&self.dedalus.state);
        let session = state.sessions.iter_mut().find(|session| session.id == id);
        session.ok_or(io::ErrorKind::NotFound)?.close();
        self.dedalus.tell_gateway(&state)
    }

    /// The body of a documented failure, for [`Fault::body`].
    pub fn error_body(error_code: &str, retryable: bool, retry_after_ms: Option<i64>) -> String {
        reply::failure_body(error_code, "scripted", retryable, retry_after_ms).to_string()
    }
}

impl fmt::Debug for DedalusEmulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DedalusEmulator").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
