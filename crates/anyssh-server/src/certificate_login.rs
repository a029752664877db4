//! Logging in with a certificate of one authority.

use std::time::{SystemTime, UNIX_EPOCH};

use anyssh_core::ssh_key::certificate::CertType;
use anyssh_core::ssh_key::{Certificate, HashAlg, PublicKey};

use crate::{Decision, LoginPolicy, Method};

/// Accepts user certificates (draft-miller-ssh-cert) that one authority signed and that name the
/// user among their principals.
///
/// It is stricter than `sshd`: a certificate without principals and one with any critical option is
/// refused, because nothing here could hold to the option.
#[derive(Debug)]
pub struct CertificateLogin {
    user: String,
    authority: PublicKey,
}

impl CertificateLogin {
    /// Accepts certificates of `authority` with `user` among the principals.
    pub fn new(user: impl Into<String>, authority: PublicKey) -> Self {
        Self { user: user.into(), authority }
    }

    fn fits(&self, user: &str, certificate: &Certificate, now: u64) -> bool {
        // `validate_at` proves signature, authority and time, and nothing else.
        let signed = certificate.signature_key() == self.authority.key_data()
            && certificate.validate_at(now, [&self.authority.fingerprint(HashAlg::Sha256)]).is_ok();
        signed
            && certificate.cert_type() == CertType::User
            && certificate.critical_options().is_empty()
            && user == self.user
            && certificate.valid_principals().iter().any(|principal| principal == user)
    }
}

impl LoginPolicy for CertificateLogin {
    fn methods(&self) -> Vec<Method> {
        vec![Method::PublicKey]
    }

    fn certificate(&self, user: &str, certificate: &Certificate) -> Decision {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Decision::accept_if(self.fits(user, certificate, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyssh_core::ssh_key::PrivateKey;
    use anyssh_core::ssh_key::certificate::Builder;
    use anyssh_core::ssh_key::private::Ed25519Keypair;

    const NOW: u64 = 1_000_000;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn certificate(change: impl FnOnce(&mut Builder), signer: &PrivateKey) -> Certificate {
        let mut builder =
            Builder::new(vec![7; 16], key(1).public_key().key_data().clone(), NOW - 10, NOW + 10).unwrap();
        change(&mut builder);
        builder.sign(signer).unwrap()
    }

    fn principal(name: &'static str) -> impl FnOnce(&mut Builder) {
        move |builder| {
            builder.valid_principal(name).unwrap();
        }
    }

    fn login() -> CertificateLogin {
        CertificateLogin::new("me", key(2).public_key().clone())
    }

    #[test]
    fn a_certificate_of_the_authority_for_the_user_logs_in_while_it_is_valid() {
        let good = certificate(principal("me"), &key(2));
        assert!(login().fits("me", &good, NOW));
        assert!(!login().fits("me", &good, NOW - 11) && !login().fits("me", &good, NOW + 11));
        assert!(!login().fits("you", &good, NOW));
    }

    #[test]
    fn another_authority_principal_type_or_a_critical_option_is_refused() {
        let wildcard = |builder: &mut Builder| {
            builder.all_principals_valid().unwrap();
        };
        let host = |builder: &mut Builder| {
            builder.cert_type(CertType::Host).unwrap();
            builder.valid_principal("me").unwrap();
        };
        let forced = |builder: &mut Builder| {
            builder.valid_principal("me").unwrap();
            builder.critical_option("force-command", "true").unwrap();
        };
        assert!(!login().fits("me", &certificate(principal("me"), &key(3)), NOW), "another authority");
        assert!(!login().fits("me", &certificate(principal("you"), &key(2)), NOW), "another principal");
        assert!(!login().fits("me", &certificate(wildcard, &key(2)), NOW), "no principal");
        assert!(!login().fits("me", &certificate(host, &key(2)), NOW), "a host certificate");
        assert!(!login().fits("me", &certificate(forced, &key(2)), NOW), "a critical option");
    }
}
