//! A server under test and the real `ssh` as its client.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::ssh_key::{LineEnding, PrivateKey};
use anyssh_server::{Account, LoginPolicy, PasswordLogin, Server, ServerConfig};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

pub(crate) const USER: &str = "me";
pub(crate) const PASSWORD: &str = "correct horse'\"$x";

/// Longer than anything here takes, so that a hang is a failure and not a wait.
const PATIENCE: Duration = Duration::from_secs(60);

const BY_PASSWORD: [&str; 2] =
    ["-oPreferredAuthentications=password,keyboard-interactive", "-oPubkeyAuthentication=no"];

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// A certificate for `key(1)`, as `change` makes it, signed by `key(signer)`; valid for an hour.
pub(crate) fn certificate(signer: u8, change: impl FnOnce(&mut Builder)) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    certificate_between(signer, now - 60, now + 3600, change)
}

pub(crate) fn certificate_between(signer: u8, from: u64, to: u64, change: impl FnOnce(&mut Builder)) -> String {
    let mut builder = Builder::new(vec![7; 16], key(1).public_key().key_data().clone(), from, to).unwrap();
    builder.cert_type(CertType::User).unwrap();
    change(&mut builder);
    builder.sign(&key(signer)).unwrap().to_openssh().unwrap()
}

/// A server, and a directory with what the client needs.
pub(crate) struct Pair {
    pub(crate) server: Server,
    pub(crate) home: TempDir,
    credential: Vec<String>,
}

impl Pair {
    /// A server that accepts `USER` with `PASSWORD`, and a client that knows it.
    pub(crate) async fn with_password() -> Self {
        Self::password_client(PasswordLogin::new(USER, PASSWORD.into()), PASSWORD).await
    }

    pub(crate) async fn password_client(login: impl LoginPolicy, password: &str) -> Self {
        Self::with_askpass(Self::start(login, &BY_PASSWORD).await, password)
    }

    /// A server of this configuration, which accepts `USER` with `PASSWORD`, and a client that knows it.
    pub(crate) async fn with_server(config: ServerConfig) -> Self {
        Self::with_askpass(Self::around(config, tempfile::tempdir().unwrap(), &BY_PASSWORD).await, PASSWORD)
    }

    fn with_askpass(pair: Self, password: &str) -> Self {
        pair.file("password", password, 0o600);
        pair.file("askpass", &format!("#!/bin/sh\ncat '{}'\n", pair.path("password").display()), 0o700);
        pair
    }

    /// A server with any policy, and a client that logs in with `key(1)` and this certificate.
    pub(crate) async fn certificate_client(login: impl LoginPolicy, certificate: &str) -> Self {
        let pair = Self::start(login, &["-oPreferredAuthentications=publickey"]).await;
        pair.file("key", &key(1).to_openssh(LineEnding::LF).unwrap(), 0o600);
        pair.file("key-cert.pub", &format!("{certificate}\n"), 0o600);
        pair
    }

    async fn start(login: impl LoginPolicy, credential: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut account = Account::new(USER, home.path(), "/bin/sh");
        account.extra.push(("MARK".into(), "from-account".into()));
        Self::around(ServerConfig::new(key(9), Arc::new(login), account), home, credential).await
    }

    async fn around(config: ServerConfig, home: TempDir, credential: &[&str]) -> Self {
        let server = Server::start(config).await.unwrap();
        let pair = Self { server, home, credential: credential.iter().map(|word| (*word).to_owned()).collect() };
        let host_key = key(9).public_key().to_openssh().unwrap();
        pair.file("known_hosts", &format!("[127.0.0.1]:{} {host_key}\n", pair.server.port()), 0o600);
        pair
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: &str, mode: u32) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The options that every client here is given; the environment it needs is set by `command`.
    pub(crate) fn options(&self) -> Vec<String> {
        let known_hosts = format!("-oUserKnownHostsFile={}", self.path("known_hosts").display());
        let identity = format!("-oIdentityFile={}", self.path("key").display());
        let fixed = ["-F", "none", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null"];
        let more = ["-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oNumberOfPasswordPrompts=1", "-oLogLevel=ERROR"];
        let words = fixed.into_iter().chain(more).map(str::to_owned).chain([known_hosts, identity]);
        words.chain(self.credential.clone()).collect()
    }

    /// A client; `flags` stand first, so that they win.
    pub(crate) fn command(&self, program: &str, flags: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", self.home.path());
        command.env("SSH_ASKPASS", self.path("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
        command.args(flags).args(self.options()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// `ssh`, with `flags` before the host and `words` behind it.
    pub(crate) fn ssh(&self, flags: &[&str], words: &[&str]) -> Command {
        let mut command = self.command("ssh", flags);
        let port = self.server.port().to_string();
        command.args(["-l", USER, "-p", &port, "--", "127.0.0.1"]).args(words);
        command
    }

    pub(crate) async fn run(&self, line: &str) -> Output {
        output(self.ssh(&[], &[line])).await
    }

    pub(crate) async fn run_with_input(&self, line: &str, input: Vec<u8>) -> Output {
        let mut child = self.ssh(&[], &[line]).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writing = tokio::spawn(async move {
            // The command may end before it has read everything.
            let _ = stdin.write_all(&input).await;
        });
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("ssh hangs").unwrap();
        writing.await.unwrap();
        output
    }
}

pub(crate) async fn output(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the client hangs").unwrap()
}

/// Waits until something is so; there is no other sign of it.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
