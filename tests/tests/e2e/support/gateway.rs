//! An SSH server for the guest's sessions, which remembers who tried to log in.

use std::sync::{Arc, Mutex};

use anyssh_core::HostKey;
use anyssh_server::{
    Account, BridgeConfig, Decision, LoginPolicy, Method, PasswordLogin, Script, Server, ServerConfig, WebSocketBridge,
};
use anyssh_tests::guest::{Scenario, SessionPart, Trust};
use secrecy::SecretString;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use tokio::runtime::Runtime;

/// A running server with a password.
#[derive(Debug)]
pub(crate) struct Gateway {
    server: Server,
    key: PrivateKey,
    password: String,
    attempts: Arc<Mutex<usize>>,
    _runtime: Runtime,
}

impl Gateway {
    /// A server whose host key follows from `seed` and that lets `guest` in with this password.
    pub(crate) fn start(seed: u8, password: &str) -> Self {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let attempts = Arc::default();
        let login = Counted { login: PasswordLogin::new("guest", password.into()), attempts: Arc::clone(&attempts) };
        let config = ServerConfig::new(key.clone(), Arc::new(login), Account::nobody());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(config)).unwrap();
        Self { server, key, password: password.to_owned(), attempts, _runtime: runtime }
    }

    /// A scenario whose session leads here, with a host key that nobody told.
    pub(crate) fn first_use(&self) -> Scenario {
        let session =
            SessionPart { port: self.server.port(), password: self.password.clone(), ..SessionPart::default() };
        Scenario { session, ..Scenario::default() }
    }

    /// A scenario whose session leads here and knows the host key.
    pub(crate) fn pinned(&self) -> Scenario {
        let mut scenario = self.first_use();
        scenario.session.trust = Trust::Pinned(vec![self.key_line()]);
        scenario
    }

    /// A WebSocket in front of it that asks for this token.
    pub(crate) fn bridge(&self, token: &str, script: Script) -> WebSocketBridge {
        let _entered = self._runtime.enter();
        let config = BridgeConfig::new(self.server.addr()).with_bearer(token.into()).with_script(script);
        WebSocketBridge::start(config).unwrap()
    }

    /// A scenario whose session leads here through `bridge`.
    pub(crate) fn through(&self, bridge: &WebSocketBridge) -> Scenario {
        let mut scenario = self.pinned();
        scenario.session.web_socket = Some(bridge.url("/ssh?target_port=6060"));
        scenario
    }

    /// The host key as one line of a public key file.
    pub(crate) fn key_line(&self) -> String {
        HostKey::from_public_key(self.key.public_key()).unwrap().to_line()
    }

    /// `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> String {
        HostKey::from_public_key(self.key.public_key()).unwrap().fingerprint()
    }

    /// How often somebody sent a password.
    pub(crate) fn attempts(&self) -> usize {
        *self.attempts.lock().unwrap()
    }
}

/// A login that counts passwords.
#[derive(Debug)]
struct Counted {
    login: PasswordLogin,
    attempts: Arc<Mutex<usize>>,
}

impl LoginPolicy for Counted {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Password]
    }

    fn password(&self, user: &str, password: &SecretString) -> Decision {
        *self.attempts.lock().unwrap() += 1;
        self.login.password(user, password)
    }
}
