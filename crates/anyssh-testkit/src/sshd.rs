//! The real `sshd`, run by whoever runs the tests.
//!
//! Each connection gets an `sshd -i` (sshd(8), "inetd mode") behind a listener of ours: so the port is
//! free for certain, and no daemon has to be found and ended.

use std::fs::DirBuilder;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, getuid, kill_process_group};
use ssh_key::{LineEnding, PrivateKey, PublicKey};
use tempfile::TempDir;

use crate::file::put;
use crate::missing::{self, Missing};

/// What is the same for all: only keys log in, as the user who runs the test, and nothing outside the
/// test's directory is read.
const BASE: &str = "UsePAM no\nStrictModes no\nPidFile none\nPasswordAuthentication no\n\
KbdInteractiveAuthentication no\nPermitRootLogin yes\nPrintMotd no\nSubsystem sftp internal-sftp\n\
AcceptEnv LANG LC_*\nLogLevel VERBOSE\nUseDNS no\n";

/// How an [`Sshd`] is set up.
///
/// ```
/// use anyssh_testkit::{Sshd, SshdConfig, key};
/// let config = SshdConfig::new(key(1)).with_user_authority(key(2).public_key());
/// # if Sshd::missing().is_none() {
/// let sshd = Sshd::start(config).unwrap();
/// assert_ne!(sshd.port(), 0);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SshdConfig {
    host_key: PrivateKey,
    files: Vec<(&'static str, String)>,
    lines: String,
    environment: Vec<(&'static str, String)>,
}

impl SshdConfig {
    /// A server with this host key that lets nobody in.
    pub fn new(host_key: PrivateKey) -> Self {
        Self { host_key, files: Vec::new(), lines: String::new(), environment: Vec::new() }
    }

    /// `TrustedUserCAKeys`: certificates of this authority log in.
    #[must_use]
    pub fn with_user_authority(self, authority: &PublicKey) -> Self {
        self.with_file("TrustedUserCAKeys", line(authority))
    }

    /// `AuthorizedKeysFile`: this key logs in.
    #[must_use]
    pub fn with_authorized_key(self, key: &PublicKey) -> Self {
        self.with_file("AuthorizedKeysFile", line(key))
    }

    /// `RevokedKeys`: this key, or certificates of this authority, do not log in.
    #[must_use]
    pub fn with_revoked_key(self, key: &PublicKey) -> Self {
        self.with_file("RevokedKeys", line(key))
    }

    /// `HostCertificate`: one line, for the host key.
    #[must_use]
    pub fn with_host_certificate(self, certificate: &str) -> Self {
        self.with_file("HostCertificate", format!("{}\n", certificate.trim_end()))
    }

    /// More lines as sshd_config(5) has them. Of two lines for the same word the first one counts, and
    /// these stand first.
    #[must_use]
    pub fn with_lines(mut self, lines: &str) -> Self {
        self.lines.push_str(lines);
        self.lines.push('\n');
        self
    }

    /// A variable for `sshd` itself. Without this its environment is empty.
    #[must_use]
    pub(crate) fn with_environment(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn with_file(mut self, keyword: &'static str, content: String) -> Self {
        self.files.push((keyword, content));
        self
    }

    /// Writes the configuration and the files it names.
    fn write(&self, dir: &Path) -> io::Result<PathBuf> {
        let host_key = self.host_key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        put(&dir.join("host_key"), host_key.as_bytes(), 0o600)?;
        let mut text = format!("{}{BASE}HostKey {}\n", self.lines, dir.join("host_key").display());
        for (keyword, content) in &self.files {
            put(&dir.join(keyword), content, 0o600)?;
            text.push_str(&format!("{keyword} {}\n", dir.join(keyword).display()));
        }
        if !self.files.iter().any(|(keyword, _)| *keyword == "AuthorizedKeysFile") {
            text.push_str("AuthorizedKeysFile none\n");
        }
        put(&dir.join("sshd_config"), text, 0o600)?;
        Ok(dir.join("sshd_config"))
    }
}

fn line(key: &PublicKey) -> String {
    // A key that was made from a key encodes.
    format!("{}\n", key.to_openssh().unwrap_or_default().trim_end())
}

/// A running `sshd` on loopback. Dropping it closes the port and ends its connections.
#[derive(Debug)]
pub struct Sshd {
    dir: TempDir,
    port: u16,
    over: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<Child>>>,
    thread: Option<JoinHandle<()>>,
}

impl Sshd {
    /// Starts a server.
    ///
    /// # Errors
    /// When there is no `sshd` (of kind `NotFound`, with a [`Missing`] in it), or when it refuses the
    /// configuration; the error has its words.
    pub fn start(config: SshdConfig) -> io::Result<Self> {
        let program = missing::sshd()?;
        make_privilege_separation_directory()?;
        let dir = tempfile::tempdir()?;
        let file = config.write(dir.path())?;
        check(&program, &file)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let (over, connections) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<Child>>>::default());
        let (stop, started, log) = (Arc::clone(&over), Arc::clone(&connections), dir.path().join("log"));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                // A connection that cannot be served is closed, which its client reports.
                if let Ok(child) = serve(stream, &program, (&file, &log), &config.environment) {
                    let mut running = started.lock().unwrap_or_else(PoisonError::into_inner);
                    // Those that ended meanwhile go now, so that a long run does not fill the process table.
                    running.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
                    running.push(child);
                }
            }
        });
        Ok(Self { dir, port, over, connections, thread: Some(thread) })
    }

    /// `sshd`, if it is not on this machine: for tests that are left out then.
    pub fn missing() -> Option<Missing> {
        missing::sshd().err()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Another host key and its certificate for whoever connects from now on.
    pub(crate) fn replace_host_key(&self, key: &PrivateKey, certificate: &str) -> io::Result<()> {
        let key = key.to_openssh(LineEnding::LF).map_err(io::Error::other)?;
        for (name, content) in [("host_key", key.as_bytes()), ("HostCertificate", certificate.as_bytes())] {
            let new = self.dir.path().join("next");
            put(&new, content, 0o600)?;
            std::fs::rename(new, self.dir.path().join(name))?;
        }
        Ok(())
    }

    /// What it has logged so far, at level `VERBOSE` unless the configuration says otherwise.
    pub fn log(&self) -> String {
        std::fs::read(self.dir.path().join("log"))
            .map_or(String::new(), |log| String::from_utf8_lossy(&log).into_owned())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // The thread waits for a connection; this is the last one.
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
        for mut child in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(group) =
                Pid::from_raw(child.id().cast_signed()).filter(|_| matches!(child.try_wait(), Ok(None)))
            {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait();
        }
    }
}

fn serve(
    stream: TcpStream,
    program: &Path,
    (config, log): (&Path, &Path),
    environment: &[(&'static str, String)],
) -> io::Result<Child> {
    stream.set_nodelay(true)?;
    let (input, output) = (OwnedFd::from(stream.try_clone()?), OwnedFd::from(stream));
    let mut command = Command::new(program);
    command.arg("-i").arg("-f").arg(config).arg("-E").arg(log);
    command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null()).process_group(0).spawn()
}

/// `sshd -t` (sshd(8)): a bad configuration is told at once and not by each connection.
fn check(program: &Path, config: &Path) -> io::Result<()> {
    let output = Command::new(program).arg("-t").arg("-f").arg(config).env_clear().output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// As root, sshd insists on this directory; distributions make it when the service starts.
fn make_privilege_separation_directory() -> io::Result<()> {
    let path = Path::new("/run/sshd");
    if !getuid().is_root() || path.is_dir() {
        return Ok(());
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
