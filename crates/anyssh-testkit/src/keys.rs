//! Keys and certificates that are the same in each run.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{PrivateKey, PublicKey};

/// An ed25519 key made from a number: the same number, the same key. For tests alone.
///
/// ```
/// assert_eq!(anyssh_testkit::key(7).public_key(), anyssh_testkit::key(7).public_key());
/// assert_ne!(anyssh_testkit::key(7).public_key(), anyssh_testkit::key(8).public_key());
/// ```
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// One line with a user certificate for `subject`, signed by `authority`, valid from a minute ago for an
/// hour.
///
/// # Errors
/// When the key cannot be certified.
pub fn user_certificate(subject: &PublicKey, authority: &PrivateKey, principal: &str) -> io::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let sign = || {
        let mut builder = Builder::new(vec![7; 16], subject.key_data().clone(), now.saturating_sub(60), now + 3600)?;
        builder.cert_type(CertType::User)?;
        builder.key_id("testkit")?;
        builder.valid_principal(principal)?;
        builder.extension("permit-pty", "")?;
        builder.sign(authority)?.to_openssh()
    };
    sign().map(|line: String| line.trim_end().to_owned()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_names_key_authority_and_principal() {
        let line = user_certificate(key(1).public_key(), &key(2), "me").unwrap();
        let certificate = ssh_key::Certificate::from_openssh(&line).unwrap();
        assert_eq!(certificate.public_key(), key(1).public_key().key_data());
        assert_eq!(certificate.signature_key(), key(2).public_key().key_data());
        assert_eq!(certificate.valid_principals(), ["me"]);
    }
}
