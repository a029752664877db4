//! Who logs in, and with what.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use ssh_key::{PrivateKey, PublicKey};

use crate::{FieldError, UserCertificate, UserName};

/// The longest password that OpenSSH's askpass channel carries, in bytes.
const LONGEST_PASSWORD: usize = 1023;

const PASSWORD: &str = "a password of 1 to 1023 bytes without CR, LF or NUL";

/// A user name and the secret that belongs to it.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name that logs in.
    pub user: UserName,
    /// The secret part.
    pub credential: Credential,
}

impl Login {
    /// A login with a password.
    pub fn password(user: UserName, password: Password) -> Self {
        Self { user, credential: Credential::Password(password) }
    }
}

/// The secret part of a session. `Debug` never shows it; private keys are shared, not copied.
#[derive(Clone)]
pub enum Credential {
    /// A private key of ours and the certificate that a user CA signed for it.
    Certificate {
        /// The key that the certificate is for.
        key: Arc<PrivateKey>,
        /// What the CA signed.
        certificate: UserCertificate,
    },
    /// A certificate for a key that the caller keeps.
    CertificateOnly {
        /// What the CA signed.
        certificate: UserCertificate,
        /// Where the caller keeps the key.
        key: CallerKey,
    },
    /// A password.
    Password(Password),
    /// A private key without a certificate.
    Key(Arc<PrivateKey>),
    /// A private key in a file that outlives the session.
    KeyFile(PathBuf),
}

/// The kinds of credential, for people and programs to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A user certificate and its key.
    Certificate,
    /// A password.
    Password,
    /// A private key.
    Key,
}

impl Credential {
    /// Which kind this is.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::Certificate { .. } | Self::CertificateOnly { .. } => CredentialKind::Certificate,
            Self::Password(_) => CredentialKind::Password,
            Self::Key(_) | Self::KeyFile(_) => CredentialKind::Key,
        }
    }
}

impl CredentialKind {
    /// The word used in JSON and messages: `certificate`, `password` or `key`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Password => "password",
            Self::Key => "key",
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { certificate, .. } => f.debug_tuple("Certificate").field(certificate).finish(),
            Self::CertificateOnly { certificate, key } => {
                f.debug_tuple("CertificateOnly").field(certificate).field(key).finish()
            }
            Self::Password(_) => f.write_str("Password(***)"),
            Self::Key(_) => f.write_str("Key(***)"),
            Self::KeyFile(path) => f.debug_tuple("KeyFile").field(path).finish(),
        }
    }
}

/// Where a caller keeps the private key of a pair of which we only know the public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKey {
    /// In this file, perhaps behind a passphrase that `ssh` asks for.
    File(PathBuf),
    /// In the agent behind `SSH_AUTH_SOCK`.
    Agent,
}

/// A password as a server hands it out: 1 to 1023 bytes without CR, LF or NUL.
///
/// The limits are those of OpenSSH's askpass channel (readpass.c): output ends at the first CR or LF
/// and at 1023 bytes, so anything else would silently be another password.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes a password over; the error names `field` and never shows the value.
    pub fn parse(field: &'static str, text: SecretString) -> Result<Self, FieldError> {
        let value = text.expose_secret();
        let fits = (1..=LONGEST_PASSWORD).contains(&value.len()) && !value.contains(['\r', '\n', '\0']);
        if fits { Ok(Self(text)) } else { Err(FieldError::secret(field, PASSWORD)) }
    }

    /// The password itself, still wrapped: only what hands it to `ssh` or to its vendor opens it.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// The key pair that a provider binds a session to.
#[derive(Clone)]
pub enum KeyPair {
    /// A pair made for this session alone; it goes with it.
    Fresh(Arc<PrivateKey>),
    /// The caller's own pair: we see its public half only.
    Caller {
        /// The half that goes to the provider.
        public_key: PublicKey,
        /// Where the other half is.
        key: CallerKey,
    },
}

impl KeyPair {
    /// The half that may go to a provider.
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Fresh(key) => key.public_key(),
            Self::Caller { public_key, .. } => public_key,
        }
    }

    /// This pair with the certificate that a provider signed for it.
    pub fn certified(&self, certificate: UserCertificate) -> Credential {
        match self {
            Self::Fresh(key) => Credential::Certificate { key: Arc::clone(key), certificate },
            Self::Caller { key, .. } => Credential::CertificateOnly { certificate, key: key.clone() },
        }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh(_) => f.write_str("Fresh(***)"),
            Self::Caller { key, .. } => f.debug_struct("Caller").field("key", key).finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_that_askpass_would_cut_are_refused_unseen() {
        for text in ["", "a\nb", "a\r", "a\0b", &"x".repeat(1024)] {
            let error = Password::parse("password", text.into()).unwrap_err();
            assert_eq!(error.to_string(), format!("password: expected {PASSWORD}"));
        }
        assert!(Password::parse("password", "x".repeat(1023).into()).is_ok());
    }

    proptest! {
        /// K6: whatever the password, `Debug` of what holds it does not show it.
        #[test]
        fn debug_never_shows_a_password(text in "[a-zA-Z0-9 '\"$`\\\\%]{8,40}") {
            let login = Login::password(UserName::parse("user", "me").unwrap(), Password::parse("p", text.as_str().into()).unwrap());
            let shown = format!("{login:?} {login:#?}");
            prop_assert!(!shown.contains(&text));
        }
    }
}
