//! An SSH gateway: the real `sshd` with authorities, where each session is a login name of its own.
//!
//! The names come from `libnss_wrapper.so` (nss_wrapper(1)), so no account has to be made and nobody has
//! to be root: every name is the user who runs the test. `sshd -i` is started for each connection and
//! reads its files anew, so a new name or a revocation counts from the next connection on.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{getgid, getuid};
use ssh_key::certificate::CertType;
use ssh_key::{PrivateKey, PublicKey};
use tempfile::TempDir;

use super::certificate::CertificateSpec;
use crate::file::put;
use crate::keys::key;
use crate::sshd::{Sshd, SshdConfig};

/// Where Debian, Fedora and Arch have it.
const WRAPPER_DIRECTORIES: &[&str] =
    &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
const WRAPPER: &str = "libnss_wrapper.so";

/// A running gateway on 127.0.0.1. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Gateway {
    sshd: Sshd,
    dir: TempDir,
}

impl Gateway {
    /// Starts a gateway that trusts `users` and whose host key is certified by `hosts` for 127.0.0.1.
    pub(super) fn start(users: &PublicKey, hosts: &PrivateKey, lines: &str) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let wrapper = wrapper()?;
        let (passwd, group) = (dir.path().join("passwd"), dir.path().join("group"));
        put(&dir.path().join("users.pub"), users.to_openssh().map_err(io::Error::other)?, 0o600)?;
        // The names that sshd itself looks for have to be there too.
        put(&passwd, std::fs::read("/etc/passwd")?, 0o600)?;
        put(&group, std::fs::read("/etc/group")?, 0o600)?;
        revoke(dir.path(), &[])?;
        let host_key = key(HOST_KEY);
        let certificate = host_certificate(host_key.public_key(), hosts).sign()?;
        let config = SshdConfig::new(host_key)
            .with_lines(&format!("{lines}\nRevokedKeys {}", dir.path().join("revoked").display()))
            .with_user_authority(users)
            .with_host_certificate(&certificate)
            .with_environment("LD_PRELOAD", &wrapper)
            .with_environment("NSS_WRAPPER_PASSWD", &passwd.to_string_lossy())
            .with_environment("NSS_WRAPPER_GROUP", &group.to_string_lossy());
        Ok(Self { sshd: Sshd::start(config)?, dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.sshd.port()
    }

    /// What `sshd` has logged so far; empty as long as nobody connected.
    pub fn log(&self) -> String {
        self.sshd.log()
    }

    /// From now on this name is known.
    pub(super) fn add_login(&self, name: &str) -> io::Result<()> {
        let file = self.dir.path().join("passwd");
        let mut passwd = std::fs::read_to_string(&file)?;
        let (user, group, home) = (getuid().as_raw(), getgid().as_raw(), self.dir.path().display());
        let _ = writeln!(passwd, "{name}:x:{user}:{group}::{home}:/bin/sh");
        replace(&file, passwd.as_bytes())
    }

    /// From now on exactly the certificates with these serials are revoked.
    pub(super) fn revoke(&self, serials: &[u64]) -> io::Result<()> {
        revoke(self.dir.path(), serials)
    }
}

/// The seed of the gateway's host key.
const HOST_KEY: u8 = 203;

fn host_certificate(subject: &PublicKey, authority: &PrivateKey) -> CertificateSpec {
    CertificateSpec {
        subject: subject.clone(),
        authority: authority.clone(),
        kind: CertType::Host,
        serial: 1,
        key_id: "gateway".into(),
        principals: vec!["127.0.0.1".into()],
        valid_after: 0,
        // The tests of the year 2100 get another one.
        valid_before: 4_102_444_800,
        critical_options: Vec::new(),
        extensions: Vec::new(),
    }
}

/// Writes the key revocation list (ssh-keygen(1), "KEY REVOCATION LISTS").
fn revoke(dir: &Path, serials: &[u64]) -> io::Result<()> {
    let lines: String = serials.iter().map(|serial| format!("serial: {serial}\n")).collect();
    replace(&dir.join("serials"), lines.as_bytes())?;
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-k", "-f", "revoked.new", "-s", "users.pub", "serials"]).current_dir(dir);
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    std::fs::rename(dir.join("revoked.new"), dir.join("revoked"))
}

/// Puts a file in the place of another one at once: `sshd` may be reading it.
fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let new = file.with_extension("next");
    put(&new, content, 0o600)?;
    std::fs::rename(new, file)
}

fn wrapper() -> io::Result<String> {
    let candidates = WRAPPER_DIRECTORIES.iter().map(|directory| format!("{directory}/{WRAPPER}"));
    candidates.into_iter().find(|path| Path::new(path).exists()).ok_or_else(|| {
        let text = format!("no {WRAPPER}, which gives each session its login name: apt-get install libnss-wrapper");
        io::Error::new(io::ErrorKind::NotFound, text)
    })
}
