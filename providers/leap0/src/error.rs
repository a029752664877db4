//! What can go wrong here besides the calls themselves, and what a caller can do about it.

use anyssh_core::{ErrorKind, FieldError, ProviderError, escape};

/// A private error for each provider; one `From` says what the caller's next step is. The texts of
/// servers in it are escaped where it is made or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Field(#[from] FieldError),
    /// The value came, and something about it is wrong that takes a sentence.
    #[error("{field}: {why}")]
    Refused { field: &'static str, why: String },
    /// The value does not fit, and it cannot be shown.
    #[error("{field}: the value does not fit, and it is not shown, since it holds the password")]
    Hidden { field: &'static str },
    #[error("{field}: asked for {asked}, the answer is about {}", escape::quoted(found))]
    Mismatch { field: &'static str, asked: String, found: String },
    #[error("the sandbox is {state}{advice}")]
    Down { state: &'static str, advice: &'static str },
    #[error("the sandbox is {}, and it may not be woken", escape::quoted(state))]
    NotRunning { state: String },
    #[error("{why}")]
    Pages { why: &'static str },
    #[error("{0}")]
    LocalClock(String),
    #[error("{0}")]
    Unsupported(&'static str),
    /// Something may be there that nobody can find.
    #[error("{0}")]
    Lost(&'static str),
    /// The first generation, which keeps one credential for each sandbox.
    #[error(
        "the sandbox has a credential already, and Leap0 keeps one for each sandbox: \
         anyssh regenerate leap0 {sandbox} makes a new one, which cuts off whoever holds the old one at once"
    )]
    Taken { sandbox: String },
    #[error("the credential is alive: the API speaks another generation than ANYSSH_LEAP0_API says")]
    OtherGeneration,
    #[error("a credential is validated with its password, which is not known")]
    NoPassword,
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        let (kind, field) = match &error {
            Error::Field(refused) => (ErrorKind::Protocol, Some(refused.field())),
            Error::Refused { field, .. } | Error::Hidden { field } | Error::Mismatch { field, .. } => {
                (ErrorKind::Protocol, Some(*field))
            }
            Error::Down { .. } | Error::NotRunning { .. } => (ErrorKind::Failed, Some("state")),
            Error::Pages { .. } => (ErrorKind::Protocol, Some("total_items")),
            Error::LocalClock(_) => (ErrorKind::Local, Some("expires_at")),
            Error::Unsupported(_) => (ErrorKind::Unsupported, None),
            Error::Lost(_) => (ErrorKind::Unavailable, None),
            Error::Taken { .. } => (ErrorKind::Conflict, None),
            Error::OtherGeneration => (ErrorKind::Config, Some("ANYSSH_LEAP0_API")),
            Error::NoPassword => (ErrorKind::Usage, Some("password")),
        };
        // None of these ends differently by itself.
        let converted = Self::new(kind, error.to_string()).with_retryable(false);
        match field {
            Some(field) => converted.with_field(field).with_source(error),
            None => converted.with_source(error),
        }
    }
}
