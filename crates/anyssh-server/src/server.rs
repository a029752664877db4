//! The server: a port on loopback and the connections behind it.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyssh_core::ssh_key::{Certificate, PrivateKey};
use russh::Limits;
use russh::server::{Config, run_stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::children::Children;
use crate::connection::{Connection, Shared, method_set};
use crate::gate::{CloseOnDrop, Gate, GatedStream};
use crate::{Account, LoginPolicy};

/// More connections than this at once are closed as they come.
const MOST_CONNECTIONS: usize = 256;

/// OpenSSH's `MaxAuthTries`.
const MOST_LOGIN_ATTEMPTS: usize = 6;

/// What a server is made of.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Proves who the server is.
    pub host_key: PrivateKey,
    /// A certificate of a host CA for the host key; shown beside the plain key.
    pub host_certificate: Option<Certificate>,
    /// Decides who logs in.
    pub login: Arc<dyn LoginPolicy>,
    /// What commands run as, in their environment; the process's user stays the same.
    pub account: Account,
    /// How long a connection may take to log in, from its first byte: `sshd`'s `LoginGraceTime`.
    pub login_grace_time: Duration,
}

impl ServerConfig {
    /// A server with a plain host key and 30 seconds to log in.
    pub fn new(host_key: PrivateKey, login: Arc<dyn LoginPolicy>, account: Account) -> Self {
        Self { host_key, host_certificate: None, login, account, login_grace_time: Duration::from_secs(30) }
    }

    /// The same with a host certificate.
    #[must_use]
    pub fn with_host_certificate(mut self, certificate: Certificate) -> Self {
        self.host_certificate = Some(certificate);
        self
    }

    /// The same with another time to log in.
    #[must_use]
    pub fn with_login_grace_time(mut self, login_grace_time: Duration) -> Self {
        self.login_grace_time = login_grace_time;
        self
    }

    fn to_russh(&self) -> Config {
        let years = Duration::from_secs(u64::from(u32::MAX));
        let never = Limits { rekey_write_limit: usize::MAX, rekey_read_limit: usize::MAX, rekey_time_limit: years };
        Config {
            methods: method_set(&*self.login),
            keys: vec![self.host_key.clone()],
            certificates: self.host_certificate.iter().cloned().collect(),
            // There is no name to guess here, so a refusal need not take its time: each `ssh` starts with
            // a refused `none`, and would wait.
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            max_auth_attempts: MOST_LOGIN_ATTEMPTS,
            inactivity_timeout: None,
            nodelay: true,
            // A key exchange that russh starts can end a busy connection; OpenSSH starts its own in time.
            limits: never,
            ..Config::default()
        }
    }
}

/// A running server. Dropping it closes the port and the connections, and kills what they started.
pub struct Server {
    address: SocketAddr,
    children: Arc<Children>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(config: ServerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let russh = Arc::new(config.to_russh());
        let children = Arc::new(Children::default());
        let shared = Shared { login: config.login, account: config.account, children: Arc::clone(&children) };
        let rules = Rules { russh, shared: Arc::new(shared), login_grace_time: config.login_grace_time };
        let accepting = tokio::spawn(accept(listener, rules));
        Ok(Self { address, children, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends the server and waits until its port is closed; dropping it does the same a little later.
    pub async fn stop(mut self) {
        self.end();
        // That it was told to end is what it answers.
        let _ = (&mut self.accepting).await;
    }

    /// What it started, for whoever has to end that from another thread.
    pub(crate) fn children(&self) -> Arc<Children> {
        Arc::clone(&self.children)
    }

    fn end(&self) {
        self.children.kill_all();
        self.accepting.abort();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What each connection is held to.
#[derive(Clone)]
struct Rules {
    russh: Arc<Config>,
    shared: Arc<Shared>,
    login_grace_time: Duration,
}

/// Dropping this task's future drops the set, and that ends all connections.
async fn accept(listener: TcpListener, rules: Rules) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, client)) = accepted else {
                    // Out of file descriptors, most likely: give connections a moment to end.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                    let rules = rules.clone();
                    connections.spawn(async move {
                        serve(stream, client, rules).await;
                        drop(place);
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, client: SocketAddr, rules: Rules) {
    let Ok(server) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let gate = Arc::new(Gate::default());
    let _close = CloseOnDrop(Arc::clone(&gate));
    let (logged_in, login) = oneshot::channel();
    let stream = GatedStream { stream, gate: Arc::clone(&gate) };
    let connection = Connection::new(&rules.shared, gate, (client, server), logged_in);
    let setup = async {
        let session = run_stream(rules.russh, stream, connection).await.ok()?;
        login.await.ok()?;
        Some(session)
    };
    // Nobody hears of a connection that ends badly: what it is worth to its client, the client says.
    if let Ok(Some(session)) = timeout(rules.login_grace_time, setup).await {
        let _ = session.await;
    }
}
