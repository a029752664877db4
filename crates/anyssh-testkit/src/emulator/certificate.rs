//! Certificates that an authority signs, good ones and others.

use std::io;

use ssh_key::certificate::{Builder, CertType};
use ssh_key::{PrivateKey, PublicKey};

/// What is about to be signed. An emulator makes a good one; a test may change it before it is signed.
#[derive(Clone, Debug)]
pub struct CertificateSpec {
    /// The key that is certified.
    pub subject: PublicKey,
    /// Who signs.
    pub authority: PrivateKey,
    /// For users or for hosts.
    pub kind: CertType,
    /// Unique for this authority; `RevokedKeys` knows certificates by it.
    pub serial: u64,
    /// What `sshd` logs.
    pub key_id: String,
    /// The names it is for. None at all is a certificate for every name.
    pub principals: Vec<String>,
    /// Seconds since 1970.
    pub valid_after: u64,
    /// Seconds since 1970.
    pub valid_before: u64,
    /// Names and values, such as `force-command`.
    pub critical_options: Vec<(String, String)>,
    /// Names and values, such as `permit-pty` with an empty value.
    pub extensions: Vec<(String, String)>,
}

impl CertificateSpec {
    /// One line as in a `key-cert.pub`, without a line break.
    ///
    /// # Errors
    /// When it cannot be encoded, as when it ends before it begins.
    pub fn sign(&self) -> io::Result<String> {
        self.build().map(|line| line.trim_end().to_owned()).map_err(io::Error::other)
    }

    fn build(&self) -> ssh_key::Result<String> {
        let nonce = [self.serial.to_be_bytes(), [7; 8]].concat();
        let mut builder = Builder::new(nonce, self.subject.key_data().clone(), self.valid_after, self.valid_before)?;
        builder.serial(self.serial)?.cert_type(self.kind)?.key_id(self.key_id.as_str())?;
        for principal in &self.principals {
            builder.valid_principal(principal.as_str())?;
        }
        if self.principals.is_empty() {
            builder.all_principals_valid()?;
        }
        for (name, value) in &self.critical_options {
            builder.critical_option(name.as_str(), value.as_str())?;
        }
        for (name, value) in &self.extensions {
            builder.extension(name.as_str(), value.as_str())?;
        }
        builder.sign(&self.authority)?.to_openssh()
    }
}
