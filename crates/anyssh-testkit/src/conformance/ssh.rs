//! A login with the real `ssh`, with what a session says and nothing else.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyssh_core::{CallerKey, Credential, Host, HostTrust, Port, Session, Transport};
use secrecy::ExposeSecret as _;
use ssh_key::LineEnding;
use tempfile::TempDir;

use super::fixture::Login;
use crate::emulator::on_a_thread;
use crate::file::put;

/// Longer than any login takes that is not refused.
const PATIENCE: Duration = Duration::from_secs(30);

const OPTIONS: &[&str] = &[
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "NumberOfPasswordPrompts=1",
    "LogLevel=ERROR",
    "ConnectTimeout=10",
];

/// Logs in over TCP with the real `ssh` and runs `exit 0`.
///
/// # Errors
/// When that cannot be tried: no `ssh`, another transport than TCP, a host key that nobody told (a fixture
/// with such sessions has a login of its own), a key that only an agent has.
pub async fn log_in(session: &Session) -> io::Result<Login> {
    let session = session.clone();
    on_a_thread(move || log_in_blocking(&session)).await
}

fn log_in_blocking(session: &Session) -> io::Result<Login> {
    let directory = tempfile::tempdir()?;
    let Transport::Tcp { host, port } = &session.endpoint.transport else {
        return Err(unsupported("the session goes over a WebSocket"));
    };
    put(&directory.path().join("known_hosts"), known_hosts(&session.endpoint.host_trust, host, *port)?, 0o600)?;
    let mut command = Command::new("ssh");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").args(["-F", "none"]);
    command.args(OPTIONS.iter().flat_map(|option| ["-o", option]));
    command.arg(format!("-oUserKnownHostsFile={}", directory.path().join("known_hosts").display()));
    credential(&session.login.credential, &directory, &mut command)?;
    command.args(["-l", session.login.user.as_str(), "-p", &port.to_string(), "--", &host.to_string(), "exit 0"]);
    run(command)
}

fn known_hosts(trust: &HostTrust, host: &Host, port: Port) -> io::Result<String> {
    let name = if port == Port::SSH { host.to_string() } else { format!("[{host}]:{port}") };
    match trust {
        HostTrust::Pinned(keys) => Ok(keys.iter().map(|key| format!("{name} {}\n", key.to_line())).collect()),
        HostTrust::CertAuthority { key } => Ok(format!("@cert-authority {name} {}\n", key.to_line())),
        HostTrust::FirstUse(_) => Err(unsupported("nobody told the server's key")),
    }
}

fn credential(credential: &Credential, directory: &TempDir, command: &mut Command) -> io::Result<()> {
    let file = |name: &str| directory.path().join(name);
    let identity = |path: &Path| format!("-oIdentityFile={}", path.display());
    let private = |key: &ssh_key::PrivateKey| key.to_openssh(LineEnding::LF).map_err(io::Error::other);
    match credential {
        Credential::Certificate { key, certificate } => {
            put(&file("id"), private(key)?.as_bytes(), 0o600)?;
            put(&file("id-cert.pub"), format!("{}\n", certificate.to_line()), 0o600)?;
            command.arg(identity(&file("id"))).arg("-oBatchMode=yes");
        }
        Credential::CertificateOnly { certificate, key: CallerKey::File(path) } => {
            put(&file("id-cert.pub"), format!("{}\n", certificate.to_line()), 0o600)?;
            command.arg(identity(path)).arg(format!("-oCertificateFile={}", file("id-cert.pub").display()));
            command.arg("-oBatchMode=yes");
        }
        Credential::CertificateOnly { .. } => return Err(unsupported("only an agent has the key")),
        Credential::Key(key) => {
            put(&file("id"), private(key)?.as_bytes(), 0o600)?;
            command.arg(identity(&file("id"))).arg("-oBatchMode=yes");
        }
        Credential::KeyFile(path) => {
            command.arg(identity(path)).arg("-oBatchMode=yes");
        }
        Credential::Password(password) => {
            put(&file("password"), password.secret().expose_secret(), 0o600)?;
            put(&file("askpass"), format!("#!/bin/sh\ncat '{}'\n", file("password").display()), 0o700)?;
            command.env("SSH_ASKPASS", file("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
            command.arg("-oPubkeyAuthentication=no");
        }
    }
    Ok(())
}

fn run(mut command: Command) -> io::Result<Login> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { Login::LetIn } else { Login::Refused });
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "ssh hangs"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn unsupported(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, why.to_owned())
}
