//! A WebSocket in front of a TCP server: what hosters put before a machine's SSH port.
//!
//! It does what such gateways do, and it can be told to misbehave, for tests of clients: see [`Script`].
//! Its framing is its own, so that a client that is tested with it is not tested with itself.

mod connection;
mod frames;
mod head;
mod script;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyssh_core::secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use connection::serve;

pub use script::{Act, Cut, Frames, Script};

/// More connections than this at once are closed as they come.
const MOST_CONNECTIONS: usize = 256;

/// How long to wait where no connection could be taken.
const NO_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(20);

/// What a bridge is made of.
#[derive(Debug)]
#[non_exhaustive]
pub struct BridgeConfig {
    /// The TCP server behind it.
    pub upstream: SocketAddr,
    /// The token that has to be shown as `Authorization: Bearer TOKEN`; none is asked for without one.
    pub bearer: Option<SecretString>,
    /// What it does instead of working.
    pub script: Script,
    /// Where it listens; a free port of 127.0.0.1 unless a test needs the port beforehand.
    pub listener: Option<std::net::TcpListener>,
}

impl BridgeConfig {
    /// A bridge that lets everybody through to `upstream`.
    pub fn new(upstream: SocketAddr) -> Self {
        Self { upstream, bearer: None, script: Script::new(), listener: None }
    }

    /// The same for those who show this token.
    #[must_use]
    pub fn with_bearer(mut self, token: SecretString) -> Self {
        self.bearer = Some(token);
        self
    }

    /// The same, misbehaving as the script says.
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// The same on a port that was opened before: connections wait in its queue until the bridge starts.
    #[must_use]
    pub fn with_listener(mut self, listener: std::net::TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }
}

/// A running bridge. Dropping it closes its port and its connections.
///
/// ```
/// use std::net::SocketAddr;
/// use anyssh_server::{BridgeConfig, WebSocketBridge};
///
/// # fn main() -> std::io::Result<()> {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let ssh_server = SocketAddr::from(([127, 0, 0, 1], 2222));
/// let bridge = WebSocketBridge::start(BridgeConfig::new(ssh_server).with_bearer("t0ken".into()))?;
/// assert!(bridge.url("/ssh").starts_with("ws://127.0.0.1:"));
/// # Ok(())
/// # })
/// # }
/// ```
pub struct WebSocketBridge {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What all connections of a bridge know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) upstream: SocketAddr,
    pub(crate) bearer: Mutex<Option<SecretString>>,
    pub(crate) script: Script,
    pub(crate) requests: Mutex<Vec<String>>,
    pub(crate) open: AtomicUsize,
    /// How connections that are open are to be cut; changes when they are.
    pub(crate) cuts: watch::Sender<Option<Cut>>,
}

impl WebSocketBridge {
    /// Starts a bridge. Needs a tokio runtime with I/O and time, in which it runs.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(config: BridgeConfig) -> io::Result<Self> {
        let listener = match config.listener {
            Some(listener) => listener,
            None => std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        };
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: config.upstream,
            bearer: Mutex::new(config.bearer),
            script: config.script,
            requests: Mutex::default(),
            open: AtomicUsize::new(0),
            cuts: watch::channel(None).0,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, accepting })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A URL of it: `path` begins with `/` and may have a query.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Asks for another token from now on. Connections that are open stay.
    pub fn replace_bearer(&self, token: SecretString) {
        *self.shared.bearer.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// The first line of each request so far, without its query.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many tunnels are open.
    pub fn open_tunnels(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Cuts all tunnels that are open, like this.
    pub fn cut_tunnels(&self, how: Cut) {
        self.shared.cuts.send_replace(Some(how));
    }
}

impl Drop for WebSocketBridge {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for WebSocketBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketBridge").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Ends all connections when it is dropped.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // No file descriptors left: somebody gives some back sooner or later.
                let Ok((stream, _)) = accepted else { sleep(NO_DESCRIPTORS_PAUSE).await; continue };
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    // How a connection ends is the client's to see.
                    let _ = serve(stream, &shared).await;
                    drop(place);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
