//! What the control plane knows.

use std::fmt;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use ssh_key::certificate::CertType;
use ssh_key::{PrivateKey, PublicKey};

use super::SessionState;
use super::idempotency::Idempotency;
use super::machine::Machine;
use super::pages::Pages;
use super::session::{Lifetimes, Session};
use crate::emulator::Change;
use crate::emulator::certificate::CertificateSpec;
use crate::emulator::clock::{Clock, later};
use crate::emulator::gateway::Gateway;
use crate::emulator::http::lock;
use crate::emulator::wake::{Progress, Wake};

/// Certificates are valid from a minute ago, since clocks differ.
const BACKDATED: u64 = 60;

/// The parts that stay the same, and the state.
pub(super) struct Dedalus {
    pub(super) api_key: String,
    pub(super) organisation: String,
    pub(super) user_authority: PrivateKey,
    pub(super) host_authority: PrivateKey,
    pub(super) gateway: Option<Gateway>,
    pub(super) lifetimes: Lifetimes,
    pub(super) create_takes: Duration,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    pub(super) machines: Vec<Machine>,
    pub(super) sessions: Vec<Session>,
    pub(super) idempotency: Idempotency,
    pub(super) wake: Wake,
    pub(super) pages: Pages,
    pub(super) clock: Clock,
    pub(super) spoil: Change<Value>,
    pub(super) spoil_certificate: Change<CertificateSpec>,
}

fn seconds(time: Timestamp) -> u64 {
    time.as_second().try_into().unwrap_or(0)
}

impl State {
    pub(super) fn new(machines: Vec<Machine>, wake: Wake, pages: Pages, clock: Clock) -> Self {
        Self {
            machines,
            sessions: Vec::new(),
            idempotency: Idempotency::default(),
            wake,
            pages,
            clock,
            spoil: None,
            spoil_certificate: None,
        }
    }

    pub(super) fn session_states(&self) -> Vec<SessionState> {
        let now = self.clock.now();
        let state = |session: &Session| SessionState {
            id: session.id.clone(),
            machine_id: session.machine_id.clone(),
            status: session.status(now).to_owned(),
            serial: session.serial,
        };
        self.sessions.iter().map(state).collect()
    }
}

impl Dedalus {
    /// Makes a session, and its login at the gateway. Returns where it is in the list.
    pub(super) fn make_session(&self, state: &mut State, machine_id: &str, key: PublicKey) -> io::Result<usize> {
        let (serial, now) = (state.sessions.len() as u64 + 1, state.clock.now());
        // `sshd` writes the id into its title: two gateways at once have none in common.
        let gateway = self.gateway.as_ref().map_or(0, Gateway::port);
        let id = format!("0199b1c2-{gateway:04x}-7000-8000-{serial:012x}");
        let mut spec = self.certificate(serial, &id, key, now);
        if let Some(change) = &state.spoil_certificate {
            change(&mut spec);
        }
        let connection = self.connection(&id, &spec.sign()?)?;
        if let Some(gateway) = &self.gateway {
            gateway.add_login(&id)?;
        }
        state.sessions.push(Session {
            id,
            machine_id: machine_id.to_owned(),
            serial,
            progress: Progress::new(state.wake.clone()),
            created: now,
            ready: None,
            expires: later(now, self.lifetimes.session),
            closed: false,
            connection,
        });
        Ok(state.sessions.len() - 1)
    }

    fn certificate(&self, serial: u64, id: &str, key: PublicKey, now: Timestamp) -> CertificateSpec {
        CertificateSpec {
            subject: key,
            authority: self.user_authority.clone(),
            kind: CertType::User,
            serial,
            key_id: format!("session {id}"),
            principals: vec![id.to_owned()],
            valid_after: seconds(now).saturating_sub(BACKDATED),
            valid_before: seconds(later(now, self.lifetimes.certificate)),
            critical_options: Vec::new(),
            extensions: vec![("permit-port-forwarding".into(), String::new()), ("permit-pty".into(), String::new())],
        }
    }

    fn connection(&self, login: &str, certificate: &str) -> io::Result<Value> {
        let authority = self.host_authority.public_key().to_openssh().map_err(io::Error::other)?;
        Ok(json!({
            "endpoint": "127.0.0.1",
            "port": self.gateway.as_ref().map_or(1, Gateway::port),
            "ssh_username": login,
            "user_certificate": certificate,
            "host_trust": {
                "kind": "cert_authority",
                "host_pattern": "127.0.0.1",
                "public_key": authority.trim_end(),
            },
        }))
    }

    /// Sessions whose end is reached are `expired`.
    pub(super) fn pass_time(&self, time: Duration) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.clock.advance(time);
        self.tell_gateway(&state)
    }

    /// What is over logs in no more.
    pub(super) fn tell_gateway(&self, state: &State) -> io::Result<()> {
        let Some(gateway) = &self.gateway else { return Ok(()) };
        let now = state.clock.now();
        let over = state.sessions.iter().filter(|session| session.is_over(now));
        gateway.revoke(&over.map(|session| session.serial).collect::<Vec<_>>())
    }
}

impl fmt::Debug for Dedalus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedalus").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}
