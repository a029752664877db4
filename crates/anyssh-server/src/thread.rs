//! A server with a thread of its own, for callers whose own runtime may stand still.

use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::children::Children;
use crate::server::{Server, ServerConfig};

/// A [`Server`] that runs in a thread and a runtime of its own. It serves while its caller waits for
/// `ssh` without polling anything, and it needs no runtime to be started or dropped.
///
/// Dropping it kills what the server started and waits until the port is closed.
pub struct ServerThread {
    port: u16,
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
        let (stop, stopped) = oneshot::channel();
        let (told, started) = mpsc::channel();
        let run = move || {
            if let Err(error) = serve(config, stopped, &told) {
                let _ = told.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name("ssh-server".into()).spawn(run)?;
        let (port, children) = started.recv().map_err(io::Error::other)??;
        Ok(Self { port, children, stop: Some(stop), thread: Some(thread) })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// What the thread tells when the server listens, or cannot.
type Started = io::Result<(u16, Arc<Children>)>;

/// Serves until `stopped` is used or dropped, which says the same.
fn serve(config: ServerConfig, stopped: oneshot::Receiver<()>, told: &mpsc::Sender<Started>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(config).await?;
        let _ = told.send(Ok((server.port(), server.children())));
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
