//! The pod of an attempt: an SSH server behind a WebSocket bridge.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyssh_server::{Account, BridgeConfig, Decision, LoginPolicy, Method, Server, ServerConfig, WebSocketBridge};
use rustix::process::getuid;
use sha2::{Digest as _, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{PrivateKey, PublicKey};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Which pod: each attempt has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) run: String,
    pub(super) action: String,
    pub(super) attempt: usize,
}

impl Place {
    /// The host key of the pod, the same in each run of the tests. `changes` counts how often the keys
    /// of all pods were changed.
    pub(super) fn host_key(&self, changes: u32) -> PrivateKey {
        let seed = Sha256::digest(format!("{}/{}/{}/{changes}", self.run, self.action, self.attempt).as_bytes());
        PrivateKey::from(Ed25519Keypair::from_seed(&seed.into()))
    }
}

/// A pod. It starts when somebody connects for the first time, and ends when it is dropped.
pub(super) struct Pod {
    host_key: PrivateKey,
    authorized: Vec<PublicKey>,
    started: OnceCell<Started>,
}

struct Started {
    bridge: WebSocketBridge,
    _server: Server,
    _home: TempDir,
}

impl Pod {
    pub(super) fn new(host_key: PrivateKey, authorized: Vec<PublicKey>) -> Self {
        Self { host_key, authorized, started: OnceCell::new() }
    }

    /// The port of its bridge.
    pub(super) async fn port(&self) -> io::Result<u16> {
        let started = self.started.get_or_try_init(|| async {
            let home = tempfile::tempdir()?;
            let login = Arc::new(KeyLogin { authorized: self.authorized.clone() });
            let config = ServerConfig::new(self.host_key.clone(), login, account(home.path()));
            let server = Server::start(config).await?;
            let bridge = WebSocketBridge::start(BridgeConfig::new(server.addr()))?;
            Ok::<_, io::Error>(Started { bridge, _server: server, _home: home })
        });
        Ok(started.await?.bridge.port())
    }
}

/// The container's user, at home in a directory of the pod's own.
fn account(home: &Path) -> Account {
    let name = if getuid().is_root() { "root".to_owned() } else { "flyte".to_owned() };
    Account::new(name, home, "/bin/sh")
}

impl fmt::Debug for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pod").field("started", &self.started.initialized()).finish_non_exhaustive()
    }
}

/// Lets in whoever holds one of the keys, by whatever name: the vendor's server does not look at it.
#[derive(Debug)]
struct KeyLogin {
    authorized: Vec<PublicKey>,
}

impl LoginPolicy for KeyLogin {
    fn methods(&self) -> Vec<Method> {
        vec![Method::PublicKey]
    }

    fn public_key(&self, _user: &str, key: &PublicKey) -> Decision {
        Decision::accept_if(self.authorized.iter().any(|known| known.key_data() == key.key_data()))
    }
}
