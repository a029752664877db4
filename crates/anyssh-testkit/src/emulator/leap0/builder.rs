//! How an emulator of Leap0 is set up.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyssh_server::Method;

use super::Leap0Emulator;
use super::door::Door;
use super::generation::Generation;
use super::login::LiveLogin;
use super::sandbox::{LiveSandbox, Sandbox};
use super::state::{Leap0, State};
use crate::emulator::clock::Clock;
use crate::emulator::http::HttpThread;
use crate::emulator::setters::{keyed, listening};
use crate::emulator::start::on_a_thread;
use crate::keys::key;

/// What to start; [`Leap0Builder::start`] starts it, [`Leap0Builder::start_blocking`] where there is no runtime.
#[derive(Clone, Debug)]
#[must_use]
pub struct Leap0Builder {
    generation: Generation,
    port: u16,
    deadline: Duration,
    prefix: String,
    api_key: String,
    sandboxes: Vec<Sandbox>,
    passwords: VecDeque<String>,
    ssh_command: String,
    lifetime: Duration,
    keeps_id: bool,
    clock: Clock,
    ssh: Ssh,
    methods: Vec<Method>,
}

/// The SSH servers of the sandboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ssh {
    None,
    Open,
    Late,
}

/// The seed of the first sandbox's host key; each further one has the next.
const FIRST_HOST_KEY: u8 = 100;

impl Leap0Builder {
    pub(in crate::emulator) fn new(generation: Generation) -> Self {
        Self {
            generation,
            port: 0,
            deadline: Duration::from_secs(120),
            prefix: String::new(),
            api_key: "leap0-test-5f0e1d2c3b4a69788796a5b4c3d2e1f0".into(),
            sandboxes: Vec::new(),
            passwords: VecDeque::new(),
            ssh_command: "ssh -o StrictHostKeyChecking=accept-new -p {port} {id}@127.0.0.1".into(),
            lifetime: Duration::from_secs(3600),
            keeps_id: true,
            clock: Clock::default(),
            ssh: Ssh::Open,
            methods: vec![Method::Password, Method::KeyboardInteractive],
        }
    }

    /// One more sandbox. Without any there is [`Sandbox::default`].
    pub fn with_sandbox(mut self, sandbox: Sandbox) -> Self {
        self.sandboxes.push(sandbox);
        self
    }

    keyed!();

    listening! {
        port: "The control plane's port; without this the system chooses one.",
        deadline: "How long a client may keep a connection: then it may finish its request, and is cut off soon after. \
                   At the SSH servers it is the time for the login. Two minutes without this."
    }

    /// The password of the next credential that has none yet. When all are used, passwords are made up.
    pub fn with_password(mut self, password: &str) -> Self {
        self.passwords.push_back(password.to_owned());
        self
    }

    /// What `ssh_command` says: `{id}`, `{sandbox}` and `{port}` are put in. The vendor shows
    /// `ssh -o StrictHostKeyChecking=accept-new {id}@{sandbox}.DOMAIN`; here the port is named, and the
    /// host is loopback.
    pub fn with_ssh_command(mut self, command: &str) -> Self {
        self.ssh_command = command.to_owned();
        self
    }

    /// How long credentials live; an hour without this.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Regenerating gives another ID too. Whether the vendor's does is not documented.
    pub fn with_new_ids(mut self) -> Self {
        self.keeps_id = false;
        self
    }

    /// The emulator's clock runs ahead by so many seconds, or behind if they are negative.
    pub fn with_clock_ahead(mut self, seconds: i64) -> Self {
        self.clock = Clock::ahead(seconds);
        self
    }

    /// Passwords go by `keyboard-interactive` alone; without this, by `password` too.
    pub fn with_keyboard_interactive(mut self) -> Self {
        self.methods = vec![Method::KeyboardInteractive];
        self
    }

    /// The SSH ports refuse connections until [`Leap0Emulator::open_ssh_ports`].
    pub fn with_late_ssh_ports(mut self) -> Self {
        self.ssh = Ssh::Late;
        self
    }

    /// No SSH servers: for tests that only speak HTTP. Credentials point to port 1, where nobody listens.
    pub fn without_ssh(mut self) -> Self {
        self.ssh = Ssh::None;
        self
    }

    /// Starts it, without keeping the caller's thread waiting. Needs no runtime of a certain kind.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub async fn start(self) -> io::Result<Leap0Emulator> {
        on_a_thread(move || self.start_blocking()).await
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> io::Result<Leap0Emulator> {
        let sandboxes = if self.sandboxes.is_empty() { vec![Sandbox::default()] } else { self.sandboxes };
        let ids: Vec<String> = sandboxes.iter().map(|sandbox| sandbox.id().to_owned()).collect();
        let sandboxes = sandboxes.into_iter().map(LiveSandbox::new).collect();
        let state = Arc::new(Mutex::new(State::new(sandboxes, self.clock, self.passwords)));
        let door = |(sandbox, seed): (String, u8)| {
            let login = LiveLogin { sandbox, methods: self.methods.clone(), state: Arc::clone(&state) };
            Door::new(&login.sandbox.clone(), key(seed), Arc::new(login), self.deadline)
        };
        let with_ssh = ids.into_iter().filter(|_| self.ssh != Ssh::None);
        let doors = with_ssh.zip((FIRST_HOST_KEY..=u8::MAX).cycle()).map(door).collect::<io::Result<Vec<_>>>()?;
        let leap0 = Arc::new(Leap0 {
            generation: self.generation,
            api_key: self.api_key,
            lifetime: self.lifetime,
            keeps_id: self.keeps_id,
            ssh_command: self.ssh_command,
            doors,
            host_keys: AtomicU8::new(0),
            state,
        });
        let http = HttpThread::start_at(self.port, self.deadline, Arc::clone(&leap0), &self.prefix)?;
        let emulator = Leap0Emulator { http, leap0 };
        if self.ssh == Ssh::Open {
            emulator.open_ssh_ports()?;
        }
        Ok(emulator)
    }
}
