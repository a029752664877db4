//! The SSH port of a sandbox: always the same number, whatever stands behind it.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use anyssh_core::HostKey;
use anyssh_server::{Account, LoginPolicy, ServerConfig, ServerThread};
use ssh_key::PrivateKey;

use super::sandbox::RUNNING;
use super::state::State;
use crate::emulator::http::lock;
use crate::port::Port;
use crate::relay::{Until, relay};

/// A port, and the SSH server behind it. Dropping it ends both.
pub(super) struct Door {
    sandbox: String,
    port: Port,
    server: Arc<Mutex<Option<Server>>>,
    login: Arc<dyn LoginPolicy>,
    /// For a login.
    grace_time: Duration,
}

/// A running server and what it is known by.
struct Server {
    key: Option<HostKey>,
    thread: ServerThread,
}

impl Server {
    fn start(key: PrivateKey, login: Arc<dyn LoginPolicy>, grace_time: Duration) -> io::Result<Self> {
        let public = HostKey::from_public_key(key.public_key());
        let config = ServerConfig::new(key, login, Account::nobody()).with_login_grace_time(grace_time);
        Ok(Self { key: public, thread: ServerThread::start(config)? })
    }
}

impl Door {
    /// A server with this host key behind a port that is not open yet.
    pub(super) fn new(
        sandbox: &str,
        key: PrivateKey,
        login: Arc<dyn LoginPolicy>,
        grace_time: Duration,
    ) -> io::Result<Self> {
        let server = Server::start(key, Arc::clone(&login), grace_time)?;
        let (port, server) = (Port::reserve()?, Arc::new(Mutex::new(Some(server))));
        Ok(Self { sandbox: sandbox.to_owned(), port, server, login, grace_time })
    }

    /// Lets connections through from now on, as long as the sandbox runs: in any other state they are
    /// closed at once.
    pub(super) fn open(&self, state: &Arc<Mutex<State>>) -> io::Result<()> {
        let (sandbox, server, state) = (self.sandbox.clone(), Arc::clone(&self.server), Arc::clone(state));
        self.port.open(move |client, _, _| {
            let upstream = lock(&server).as_ref().map(|server| server.thread.port());
            let upstream = upstream.filter(|_| is_up(&state, &sandbox)).ok_or(io::ErrorKind::NotConnected)?;
            relay(client, upstream, Until::TheEnd).map(drop)
        })
    }

    /// The sandbox it leads to.
    pub(super) fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// The number of the port on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.port.number()
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.port.count()
    }

    /// What the server shows, if it can be written as a host key.
    pub(super) fn host_key(&self) -> Option<HostKey> {
        lock(&self.server).as_ref().and_then(|server| server.key.clone())
    }

    /// Another server in the place of the one so far, whose connections end.
    pub(super) fn set_host_key(&self, key: PrivateKey) -> io::Result<()> {
        let next = Server::start(key, Arc::clone(&self.login), self.grace_time)?;
        // Ended outside of the lock.
        let last = lock(&self.server).replace(next);
        drop(last);
        Ok(())
    }

    /// Ends the connections that are open now.
    pub(super) fn cut(&self) {
        self.port.cut();
    }
}

/// A connection counts as a look: a sandbox on its way comes one step further.
fn is_up(state: &Mutex<State>, sandbox: &str) -> bool {
    let mut state = lock(state);
    let Some(sandbox) = state.sandbox(sandbox) else { return false };
    let is_up = sandbox.state() == RUNNING;
    sandbox.look();
    is_up
}

impl Drop for Door {
    fn drop(&mut self) {
        // The thread of the port holds the server too, until the port is gone.
        let last = lock(&self.server).take();
        drop(last);
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("sandbox", &self.sandbox).field("port", &self.port).finish_non_exhaustive()
    }
}
