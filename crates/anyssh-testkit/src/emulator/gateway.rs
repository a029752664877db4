//! An SSH gateway: the real `sshd` with authorities, where each session is a login name of its own.
//!
//! The names come from `libnss_wrapper.so` (nss_wrapper(1)), so no account has to be made and nobody has
//! to be root: every name is the user who runs the test. `sshd -i` is started for each connection and
//! reads its files anew, so a new name or a revocation counts from the next connection on.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use rustix::process::{getgid, getuid};
use ssh_key::certificate::CertType;
use ssh_key::{PrivateKey, PublicKey};
use tempfile::TempDir;

use super::certificate::CertificateSpec;
use super::krl;
use crate::file::put;
use crate::keys::key;
use crate::missing::{self, Missing};
use crate::sshd::{Sshd, SshdConfig};

/// A running gateway on 127.0.0.1. Dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Gateway {
    sshd: Sshd,
    dir: TempDir,
    users: PublicKey,
}

impl Gateway {
    /// Starts a gateway that trusts `users` and whose host key is certified by `hosts` for 127.0.0.1.
    pub(super) fn start(users: &PublicKey, hosts: &PrivateKey, lines: &str) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let wrapper = missing::nss_wrapper()?;
        let (passwd, group) = (dir.path().join("passwd"), dir.path().join("group"));
        // The names that sshd itself looks for have to be there too.
        put(&passwd, std::fs::read("/etc/passwd")?, 0o600)?;
        put(&group, std::fs::read("/etc/group")?, 0o600)?;
        put(&dir.path().join(REVOKED), krl::of_serials(users, &[])?, 0o600)?;
        let host_key = key(HOST_KEY);
        let certificate = host_certificate(host_key.public_key(), hosts).sign()?;
        let config = SshdConfig::new(host_key)
            .with_lines(&format!("{lines}\nRevokedKeys {}", dir.path().join(REVOKED).display()))
            .with_user_authority(users)
            .with_host_certificate(&certificate)
            .with_environment("LD_PRELOAD", &wrapper.to_string_lossy())
            .with_environment("NSS_WRAPPER_PASSWD", &passwd.to_string_lossy())
            .with_environment("NSS_WRAPPER_GROUP", &group.to_string_lossy());
        Ok(Self { sshd: Sshd::start(config)?, dir, users: users.clone() })
    }

    /// What a gateway needs that is not on this machine: for tests that are left out then.
    pub fn missing() -> Option<Missing> {
        missing::sshd().and(missing::nss_wrapper()).err()
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
        replace(&self.dir.path().join(REVOKED), &krl::of_serials(&self.users, serials)?)
    }

    /// From now on somebody else stands there: another host key, certified by an authority that nobody knows.
    pub(super) fn replace_host_key(&self) -> io::Result<()> {
        let (host_key, authority) = (key(STRANGER), key(STRANGERS_AUTHORITY));
        let certificate = host_certificate(host_key.public_key(), &authority).sign()?;
        self.sshd.replace_host_key(&host_key, &certificate)
    }
}

/// The seed of the gateway's host key, and those of somebody in its place.
const HOST_KEY: u8 = 203;
const STRANGER: u8 = 204;
const STRANGERS_AUTHORITY: u8 = 205;

/// The file with the revoked certificates.
const REVOKED: &str = "revoked";

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

/// Puts a file in the place of another one at once: `sshd` may be reading it.
fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let new = file.with_extension("next");
    put(&new, content, 0o600)?;
    std::fs::rename(new, file)
}
