//! How an emulator of Dedalus is set up.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::DedalusEmulator;
use super::machine::Machine;
use super::pages::Pages;
use super::session::Lifetimes;
use super::state::{Dedalus, State};
use crate::emulator::clock::Clock;
use crate::emulator::gateway::Gateway;
use crate::emulator::http::HttpThread;
use crate::emulator::setters::{keyed, listening};
use crate::emulator::start::on_a_thread;
use crate::emulator::wake::Wake;
use crate::keys::key;

/// What to start; [`DedalusBuilder::start`] starts it, [`DedalusBuilder::start_blocking`] where there is no runtime.
#[derive(Clone, Debug)]
#[must_use]
pub struct DedalusBuilder {
    port: u16,
    deadline: Duration,
    prefix: String,
    api_key: String,
    organisation: String,
    machines: Vec<Machine>,
    wake: Wake,
    pages: Pages,
    lifetimes: Lifetimes,
    clock: Clock,
    create_takes: Duration,
    gateway: Option<String>,
}

/// The seeds of the authorities.
const USER_AUTHORITY: u8 = 201;
const HOST_AUTHORITY: u8 = 202;

impl DedalusBuilder {
    pub(in crate::emulator) fn new() -> Self {
        Self {
            port: 0,
            deadline: Duration::from_secs(120),
            prefix: String::new(),
            api_key: "dsk-test-0f1e2d3c4b5a69788796a5b4c3d2e1f0".into(),
            organisation: "0199b1c2-1111-7000-8000-0000000000aa".into(),
            machines: Vec::new(),
            wake: Wake::default(),
            pages: Pages::Plain,
            lifetimes: Lifetimes::default(),
            clock: Clock::default(),
            create_takes: Duration::ZERO,
            gateway: Some(String::new()),
        }
    }

    /// One more machine. Without any there is [`Machine::default`].
    pub fn with_machine(mut self, machine: Machine) -> Self {
        self.machines.push(machine);
        self
    }

    /// The organisation of the key; a request that names another one is refused.
    pub fn with_organisation(mut self, id: &str) -> Self {
        self.organisation = id.to_owned();
        self
    }

    keyed!();

    listening! {
        port: "The control plane's port; without this the system chooses one.",
        deadline: "How long a client may keep a connection: then it may finish its request, and is cut off soon after. \
                   At the gateway it is the time for the login, in whole seconds. Two minutes without this."
    }

    /// How sessions come up; [`Wake::default`] without this.
    pub fn with_wake(mut self, wake: Wake) -> Self {
        self.wake = wake;
        self
    }

    /// How lists are cut into pages.
    pub fn with_pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// How long sessions live, and their certificates with them; an hour without this.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes = Lifetimes { session: lifetime, certificate: lifetime };
        self
    }

    /// How long certificates live, if it is another time than their session.
    pub fn with_certificate_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetimes.certificate = lifetime;
        self
    }

    /// The emulator's clock runs ahead by so many seconds, or behind if they are negative. What it signs
    /// is valid by this clock; `sshd` goes by the true one.
    pub fn with_clock_ahead(mut self, seconds: i64) -> Self {
        self.clock = Clock::ahead(seconds);
        self
    }

    /// Each create takes so long. Meanwhile its idempotency key is in flight.
    pub fn with_slow_create(mut self, time: Duration) -> Self {
        self.create_takes = time;
        self
    }

    /// More lines for the gateway, as sshd_config(5) has them: such as
    /// `ForceCommand echo '[SSH_TUNNEL_NOT_READY]' >&2; exit 1`.
    pub fn with_gateway_lines(mut self, lines: &str) -> Self {
        self.gateway = Some(lines.to_owned());
        self
    }

    /// No `sshd`: for tests that only speak HTTP. Sessions point to port 1, where nobody listens.
    pub fn without_gateway(mut self) -> Self {
        self.gateway = None;
        self
    }

    /// Starts it, without keeping the caller's thread waiting. Needs no runtime of a certain kind.
    ///
    /// # Errors
    /// When there is no port or no thread to be had; with a gateway also without `sshd`, `ssh-keygen` or
    /// `libnss_wrapper.so`.
    pub async fn start(self) -> io::Result<DedalusEmulator> {
        on_a_thread(move || self.start_blocking()).await
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> io::Result<DedalusEmulator> {
        let (users, hosts) = (key(USER_AUTHORITY), key(HOST_AUTHORITY));
        let grace = format!("LoginGraceTime {}", self.deadline.as_secs().max(1));
        let gateway = self.gateway.map(|lines| format!("{lines}\n{grace}"));
        let gateway = gateway.map(|lines| Gateway::start(users.public_key(), &hosts, &lines)).transpose()?;
        let machines = if self.machines.is_empty() { vec![Machine::default()] } else { self.machines };
        let dedalus = Arc::new(Dedalus {
            api_key: self.api_key,
            organisation: self.organisation,
            user_authority: users,
            host_authority: hosts,
            gateway,
            lifetimes: self.lifetimes,
            create_takes: self.create_takes,
            state: State::new(machines, self.wake, self.pages, self.clock).into(),
        });
        let http = HttpThread::start_at(self.port, self.deadline, Arc::clone(&dedalus), &self.prefix)?;
        Ok(DedalusEmulator { http, dedalus })
    }
}
