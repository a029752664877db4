//! A server with a thread of its own, for callers whose own runtime may stand still.

use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use anyssh_core::secrecy::SecretString;
use tokio::sync::oneshot;

use crate::children::Children;
use crate::server::{Server, ServerConfig};
use crate::web_socket_bridge::{BridgeConfig, WebSocketBridge};

/// A [`Server`] that runs in a thread and a runtime of its own. It serves while its caller waits for
/// `ssh` without polling anything, and it needs no runtime to be started or dropped.
///
/// Dropping it kills what the server started and waits until the port is closed.
pub struct ServerThread {
    port: u16,
    bridge_port: Option<u16>,
    children: Arc<Children>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ServerThread {
    /// Starts a server and returns when it listens.
    ///
    /// # Errors
    /// When no port, no thread or no runtime can be had.
    pub fn start(config: ServerConfig) -> io::Result<Self> {
        Self::run(config, None)
    }

    /// Starts a server and a [`WebSocketBridge`] in front of it that asks for this token.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_behind_bridge(config: ServerConfig, bearer: SecretString) -> io::Result<Self> {
        Self::run(config, Some(bearer))
    }

    fn run(config: ServerConfig, bearer: Option<SecretString>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (told, started) = mpsc::channel();
        let run = move || {
            if let Err(error) = serve(config, bearer, stopped, &told) {
                let _ = told.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name("ssh-server".into()).spawn(run)?;
        let (port, bridge_port, children) = started.recv().map_err(io::Error::other)??;
        Ok(Self { port, bridge_port, children, stop: Some(stop), thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the WebSocket bridge on 127.0.0.1, if there is one.
    pub fn bridge_port(&self) -> Option<u16> {
        self.bridge_port
    }
}

/// What the thread tells when the server listens, or cannot.
type Started = io::Result<(u16, Option<u16>, Arc<Children>)>;

/// Serves until `stopped` is used or dropped, which says the same.
fn serve(
    config: ServerConfig,
    bearer: Option<SecretString>,
    stopped: oneshot::Receiver<()>,
    told: &mpsc::Sender<Started>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(config).await?;
        let bridge = bearer.map(|token| WebSocketBridge::start(BridgeConfig::new(server.addr()).with_bearer(token)));
        let bridge = bridge.transpose()?;
        let bridge_port = bridge.as_ref().map(WebSocketBridge::port);
        let _ = told.send(Ok((server.port(), bridge_port, server.children())));
        let _ = stopped.await;
        server.stop().await;
        Ok(())
    })
}

impl Drop for ServerThread {
    fn drop(&mut self) {
        self.children.kill_all();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there was reported over there.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ServerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerThread").field("port", &self.port).finish_non_exhaustive()
    }
}
