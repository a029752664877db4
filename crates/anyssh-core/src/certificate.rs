//! An OpenSSH user certificate, read so that no text can hurt the reader.

use std::fmt;

use base64ct::{Base64, Encoding as _};
use ssh_key::Certificate;
use ssh_key::certificate::CertType;

use crate::FieldError;

/// Larger certificates are refused before they are decoded.
const LONGEST: usize = 16 * 1024;

const EXPECTED: &str = "one line with an OpenSSH user certificate of at most 16 KiB";
const USER_TYPE: &str = "a certificate of type user, not host";

/// A user certificate (draft-miller-ssh-cert): one line, type *user*, not nested, at most 16 KiB.
///
/// Parsing proves the form only. Whether it is for our key, valid now, for the right principal and
/// properly signed is a separate check, made by the provider that got it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCertificate(Certificate);

impl UserCertificate {
    /// Parses one line; the error names `field`.
    pub fn parse(field: &'static str, line: &str) -> Result<Self, FieldError> {
        let refused = || FieldError::new(field, EXPECTED, line);
        let line = line.strip_suffix('\n').unwrap_or(line);
        if line.len() > LONGEST || line.contains(|c: char| c.is_control()) || !is_flat(line) {
            return Err(refused());
        }
        let certificate = Certificate::from_openssh(line).map_err(|_| refused())?;
        if certificate.cert_type() != CertType::User {
            return Err(FieldError::new(field, USER_TYPE, "a host certificate"));
        }
        Ok(Self(certificate))
    }

    /// The decoded certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.0
    }

    /// `TYPE BASE64`, no comment, no newline.
    pub fn to_line(&self) -> String {
        let mut plain = self.0.clone();
        plain.set_comment("");
        // Encoding a certificate that was decoded from the same format has no way to fail.
        plain.to_openssh().unwrap_or_default().trim_end().to_owned()
    }
}

impl fmt::Debug for UserCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserCertificate")
            .field("key_id", &crate::escape::printable(self.0.key_id(), 80))
            .field("principals", &self.0.valid_principals())
            .field("valid_before", &self.0.valid_before())
            .finish_non_exhaustive()
    }
}

/// Whether the blob names a certificate type just once. Twice means an authority that is itself a
/// certificate. The decoder follows such nesting without a limit, so it must never see it; nor text
/// that it would decode in part before it finds out that the base64 is broken.
fn is_flat(line: &str) -> bool {
    const MARKER: &[u8] = b"-cert-v01@openssh.com";
    let Some(blob) = line.split(' ').nth(1).and_then(|text| Base64::decode_vec(text).ok()) else { return false };
    blob.windows(MARKER.len()).filter(|window| *window == MARKER).count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::certificate::Builder;
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::{PrivateKey, PublicKey};

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
    }

    fn certificate(kind: CertType) -> String {
        let subject = PublicKey::new(key(1).public_key().key_data().clone(), "");
        let mut builder = Builder::new(vec![7; 16], subject.key_data().clone(), 1, u64::MAX - 1).unwrap();
        builder.cert_type(kind).unwrap();
        builder.valid_principal("me").unwrap();
        builder.sign(&key(2)).unwrap().to_openssh().unwrap()
    }

    #[test]
    fn a_user_certificate_comes_back_as_it_was() {
        let line = certificate(CertType::User);
        assert_eq!(UserCertificate::parse("user_certificate", &line).unwrap().to_line(), line.trim_end());
    }

    #[test]
    fn host_certificates_second_lines_and_other_text_are_refused() {
        let good = certificate(CertType::User);
        let host = certificate(CertType::Host);
        let long = "x".repeat(LONGEST + 1);
        for line in [host.as_str(), &format!("{good}\n{good}"), &format!("{good}\r"), &long, "", "ssh-ed25519 AAAA"] {
            assert_eq!(UserCertificate::parse("user_certificate", line).unwrap_err().field(), "user_certificate");
        }
    }

    #[test]
    fn a_blob_that_names_a_certificate_type_twice_is_nested() {
        let good = certificate(CertType::User);
        assert!(is_flat(&good));
        // The marker twice, encoded by hand: what a certificate-signed-by-a-certificate begins with.
        let twice = b"-cert-v01@openssh.com-cert-v01@openssh.com";
        let twice = Base64::encode_string(twice);
        assert!(!is_flat(&format!("x {twice}")));
        assert!(!is_flat(&format!("x {twice}!")), "broken at its end, and still decoded in part");
    }
}
