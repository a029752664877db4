//! Reads the host key of an endpoint before anything secret is sent there (requirement K4).
//!
//! The real `ssh` does it, so every key type and option it knows works here as in the launch that
//! follows. It gets a file of its own to write the key to and no way to log in, and is killed as soon
//! as the key is there. What it wrote is parsed; ssh's own word that it "added the host" is not
//! believed: on a full disk it says nothing and goes on.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, FieldError, HostKey, Session};

use crate::arguments::{KNOWN_HOSTS, LOG, route_options};
use crate::child::SshProcess;
use crate::flags::LogLevel;
use crate::known_hosts::host_name;
use crate::late_port::LatePort;
use crate::launch_dir::LaunchDir;
use crate::launch_options::LaunchOptions;
use crate::launcher::Launcher;
use crate::log::LogFollower;
use crate::plan::tunnel_of;
use crate::plan_error::PlanError;
use crate::quote::{PathError, path_option};
use crate::route::Route;
use crate::run::{HELPER_VARIABLES, serve_tunnel};
use crate::tunnel_failure::TunnelFailure;
use crate::tunnel_server::TunnelServer;
use anyssh_private_dir::DirectoryError;

/// Why the host key could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostKeyError {
    /// ssh ended without one; its last words.
    #[error("cannot read the host key of {host}: {}", if message.is_empty() { "ssh ended and wrote none" } else { message })]
    NotRead {
        /// Host and port.
        host: String,
        /// What ssh said, escaped; empty if nothing.
        message: String,
    },
    /// ssh wrote something else than one line with one key for this host.
    #[error("ssh wrote no usable host key: {0}")]
    Malformed(#[from] FieldError),
    /// No key by the deadline; why not so far.
    #[error("the deadline passed before the host key of {host} was read{}{message}", if message.is_empty() { "" } else { ": " })]
    TimedOut {
        /// Host and port.
        host: String,
        /// What ssh said the last time it ended, escaped; empty if it never did.
        message: String,
    },
    /// The tunnel to the server failed, as its helper says.
    #[error("cannot read the host key of {host}: {failure}")]
    Tunnel {
        /// Host and port.
        host: String,
        /// What the helper said.
        failure: TunnelFailure,
    },
    /// The session cannot be reached as it is: no helper, or a host that is none.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The private directory cannot be used.
    #[error("private directory: {0}")]
    Directory(#[from] DirectoryError),
    /// The private directory's path cannot be given to ssh.
    #[error("private directory: {0}")]
    Path(#[from] PathError),
    /// ssh could not be run.
    #[error("cannot run ssh: {0}")]
    Ssh(#[from] io::Error),
}

impl Launcher {
    /// Asks the SSH server of `session` for its host key. Nothing of the session's login but the user
    /// name is sent. A port that does not answer yet is tried again for some seconds, for up to a minute if
    /// the session says that it may open late.
    ///
    /// Not a proof of anything: who answers is only known once the key is agreed to and pinned.
    ///
    /// # Errors
    ///
    /// [`HostKeyError`]; by the deadline at the latest.
    pub async fn read_host_key(
        &self,
        session: &Session,
        options: &LaunchOptions,
        deadline: Deadline,
    ) -> Result<HostKey, HostKeyError> {
        let route = Route::of(&session.endpoint.transport, self.helper())?;
        let name = host_name(&route.host, route.port);
        let mut message = String::new();
        let reading = self.read_with_retries(session, options, &route, &mut message);
        match tokio::time::timeout(deadline.remaining(Instant::now()), reading).await {
            Ok(read) => read,
            Err(_) => Err(HostKeyError::TimedOut { host: name, message }),
        }
    }

    async fn read_with_retries(
        &self,
        session: &Session,
        options: &LaunchOptions,
        route: &Route<'_>,
        last_message: &mut String,
    ) -> Result<HostKey, HostKeyError> {
        let late_port = LatePort::of(session);
        let mut pauses = PAUSES.iter();
        loop {
            match self.read_once(session, options, route).await? {
                Reading::Key(key) => return Ok(key),
                Reading::Failed(failure) => match pauses.next() {
                    Some(pause) if failure.retryable => tokio::time::sleep(*pause).await,
                    _ => return Err(HostKeyError::Tunnel { host: host_name(&route.host, route.port), failure }),
                },
                Reading::Nothing { message, port_is_closed: true, .. } if late_port.is_awaited() => {
                    *last_message = message;
                    tokio::time::sleep(LATE_PORT_PAUSE).await;
                }
                Reading::Nothing { message, may_be_repeated, .. } => match pauses.next() {
                    Some(pause) if may_be_repeated => {
                        *last_message = message;
                        tokio::time::sleep(*pause).await;
                    }
                    _ => return Err(HostKeyError::NotRead { host: host_name(&route.host, route.port), message }),
                },
            }
        }
    }

    async fn read_once(
        &self,
        session: &Session,
        options: &LaunchOptions,
        route: &Route<'_>,
    ) -> Result<Reading, HostKeyError> {
        let directory = LaunchDir::create(self.base())?;
        let failed = |error| DirectoryError::new(directory.path(), error);
        directory.dir().create_file(KNOWN_HOSTS, b"").map_err(failed)?;
        let log = directory.dir().create_file(LOG, b"").map_err(failed)?;
        let mut command = Command::new(self.ssh().path());
        command.args(arguments(directory.path(), options, session.login.user.as_str(), route)?);
        for name in &options.hidden_environment {
            command.env_remove(name);
        }
        for name in ["SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE"].into_iter().chain(HELPER_VARIABLES) {
            command.env_remove(name);
        }
        let tunnel = tunnel_of(&session.endpoint.transport);
        let tunnel =
            tunnel.map(|tunnel| TunnelServer::listen(directory.dir(), tunnel, self.dialling(options))).transpose()?;
        // ssh runs its ProxyCommand through this, and so did we quote it.
        command.env("SHELL", "/bin/sh");
        command.envs(tunnel.as_ref().map(TunnelServer::environment).unwrap_or_default().iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = SshProcess::spawn(&mut command)?;
        let written = {
            let serving = serve_tunnel(tunnel.as_ref());
            tokio::pin!(serving);
            let written = tokio::select! {
                written = wait_for_line(&directory, &process) => written?,
                served = &mut serving => { served?; None }
            };
            drop(process);
            if let (None, Some(tunnel)) = (&written, &tunnel) {
                tokio::select! { biased; served = &mut serving => served?, () = tunnel.last_words() => {} }
            }
            written
        };
        if let Some(written) = written {
            return Ok(Reading::Key(parse(&written, &host_name(&route.host, route.port))?));
        }
        if let Some(failure) = tunnel.as_ref().and_then(TunnelServer::failure) {
            return Ok(Reading::Failed(failure));
        }
        let mut log = LogFollower::new(log, LogLevel::Quiet);
        log.drain(&mut |_| {})?;
        let (may_be_repeated, port_is_closed) = (log.ended_before_authentication_began(), log.port_is_closed());
        Ok(Reading::Nothing { message: log.message(), may_be_repeated, port_is_closed })
    }
}

enum Reading {
    Key(HostKey),
    Failed(TunnelFailure),
    Nothing { message: String, may_be_repeated: bool, port_is_closed: bool },
}

/// Waits until ssh wrote a whole line, or ended.
async fn wait_for_line(directory: &LaunchDir, process: &SshProcess) -> io::Result<Option<String>> {
    let ending = process.end(None);
    tokio::pin!(ending);
    let mut ended = false;
    loop {
        let bytes = directory.dir().read_file(KNOWN_HOSTS, CAP)?.unwrap_or_default();
        if bytes.ends_with(b"\n") {
            return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
        }
        if ended {
            return Ok(None);
        }
        tokio::select! {
            status = &mut ending => { status?; ended = true; }
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Reads `NAME TYPE BASE64\n`, one line and for this name.
fn parse(written: &str, name: &str) -> Result<HostKey, FieldError> {
    let line = written.strip_suffix('\n').unwrap_or(written);
    let Some(key) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')) else {
        return Err(FieldError::new("known_hosts", "one line for the host that was asked", line));
    };
    HostKey::parse("known_hosts", key)
}

/// The words after `ssh`. Ours come first, and of two values ssh takes the first.
fn arguments(
    directory: &Path,
    options: &LaunchOptions,
    user: &str,
    route: &Route<'_>,
) -> Result<Vec<OsString>, PathError> {
    let mut words: Vec<OsString> = ["-F", "none", "-E"].map(OsString::from).into();
    words.push(directory.join(LOG).into());
    words.push("-N".into());
    words.extend(["-o".into(), path_option("UserKnownHostsFile", &directory.join(KNOWN_HOSTS))?]);
    for option in route_options(route) {
        words.extend(["-o".into(), option]);
    }
    for option in LOCKED {
        words.extend(["-o", option].map(OsString::from));
    }
    // What the user needs to get through at all: address family, key exchange, ciphers.
    for option in options.flags.passed_options() {
        words.extend(["-o".into(), option.into()]);
    }
    let seconds = options.connect_timeout.as_secs().max(1);
    words.extend(["-o".into(), format!("ConnectTimeout={seconds}").into()]);
    words.extend(["-l".into(), user.into(), "-p".into(), route.port.to_string().into()]);
    words.extend(["--".into(), route.host.to_string().into()]);
    Ok(words)
}

const LOCKED: &[&str] = &[
    "StrictHostKeyChecking=accept-new",
    "GlobalKnownHostsFile=/dev/null",
    "HashKnownHosts=no",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CanonicalizeHostname=no",
    "BatchMode=yes",
    "PreferredAuthentications=none",
    "PubkeyAuthentication=no",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "HostbasedAuthentication=no",
    "GSSAPIAuthentication=no",
    "IdentityFile=none",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    "AddKeysToAgent=no",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "Tunnel=no",
    "RequestTTY=no",
    "LogLevel=VERBOSE",
];

const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_secs(1),
    Duration::from_secs(1),
];
const LATE_PORT_PAUSE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(15);
const CAP: usize = 64 * 1024;
