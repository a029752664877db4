//! A public key that speaks for a server: its host key, or the key of a host CA.

use std::fmt;

use ssh_key::{HashAlg, PublicKey};

use crate::FieldError;

/// No public key that OpenSSH makes comes near this; RSA with 16384 bits is about 2.8 KiB of text.
const LONGEST: usize = 16 * 1024;

const EXPECTED: &str = "one line \"TYPE BASE64\" with a plain public key (no certificate)";

/// A plain public key, read from one line and written back as `TYPE BASE64` without its comment.
///
/// A certificate is refused, also as a CA: an authority whose key was itself a certificate let
/// strangers in elsewhere (CVE-2025-49825).
#[derive(Clone, PartialEq, Eq)]
pub struct HostKey(PublicKey);

impl HostKey {
    /// Parses `TYPE BASE64 [COMMENT]`, exactly one line; the error names `field`.
    pub fn parse(field: &'static str, line: &str) -> Result<Self, FieldError> {
        let refused = || FieldError::new(field, EXPECTED, line);
        let line_fits = line.len() <= LONGEST && !line.contains(|c: char| c.is_control());
        // The type word decides before anything is decoded, so a certificate is never walked into.
        let type_word = line.split(' ').next().unwrap_or_default();
        if !line_fits || type_word.contains("-cert-v01") {
            return Err(refused());
        }
        let key = PublicKey::from_openssh(line).map_err(|_| refused())?;
        Self::from_public_key(&key).ok_or_else(refused)
    }

    /// The host key of a parsed public key, or `None` if it is a certificate.
    pub fn from_public_key(key: &PublicKey) -> Option<Self> {
        match key.key_data() {
            ssh_key::public::KeyData::Certificate(_) => None,
            data => Some(Self(PublicKey::new(data.clone(), ""))),
        }
    }

    /// The public key, without a comment.
    pub fn public_key(&self) -> &PublicKey {
        &self.0
    }

    /// `SHA256:…`, as `ssh-keygen -l` and `ssh` show it.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// `TYPE BASE64`, single blank, no comment, no newline: the end of a known_hosts line.
    pub fn to_line(&self) -> String {
        // Encoding a key that was decoded from the same format has no way to fail.
        self.0.to_openssh().unwrap_or_default().trim_end().to_owned()
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostKey({} {})", self.0.algorithm(), self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn the_line_comes_back_without_its_comment() {
        assert_eq!(HostKey::parse("k", &format!("{LINE} root@box")).unwrap().to_line(), LINE);
    }

    #[test]
    fn a_second_line_a_marker_or_a_certificate_is_refused() {
        let second = format!("{LINE}\n* {LINE}");
        let marker = format!("@cert-authority * {LINE}");
        let certificate = LINE.replace("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com");
        for line in
            [second.as_str(), &format!("{LINE}\n"), &marker, &certificate, "", "ssh-ed25519", "a\0b", "ssh-ed25519 !!!"]
        {
            assert_eq!(HostKey::parse("public_key", line).unwrap_err().field(), "public_key", "{line:?}");
        }
        assert!(HostKey::parse("k", &"x".repeat(LONGEST + 1)).is_err());
    }
}
