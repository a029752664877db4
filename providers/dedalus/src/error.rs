//! What can go wrong here besides the calls themselves, and what a caller can do about it.

use anyssh_core::{ErrorKind, FieldError, ProviderError, escape};

/// A private error for each provider; one `From` says what the caller's next step is. The texts of
/// servers in it are escaped where it is made or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("{field} is missing from {of}")]
    Missing { field: &'static str, of: &'static str },
    /// The value came, and something about it is wrong that takes a sentence.
    #[error("{field}: {why}")]
    Refused { field: &'static str, why: String },
    #[error("{field}: asked for {asked}, the answer is about {}", escape::quoted(found))]
    Mismatch { field: &'static str, asked: String, found: String },
    #[error("the session is {status}{}", words(code.as_deref(), message.as_deref()))]
    Ended { status: &'static str, code: Option<String>, message: Option<String> },
    #[error("the machine is {}, and it may not be woken", escape::quoted(phase))]
    NotRunning { phase: String },
    #[error("next_cursor: {why}")]
    Pages { why: &'static str },
    #[error("{0}")]
    LocalClock(String),
    #[error("{0}")]
    Unsupported(&'static str),
}

/// `: CODE: message`, as far as there is one, escaped and capped.
fn words(code: Option<&str>, message: Option<&str>) -> String {
    let words = [code, message].into_iter().flatten().map(str::trim).filter(|text| !text.is_empty());
    words.map(|text| format!(": {}", escape::printable(text, escape::MESSAGE_CAP))).collect()
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        let (kind, field) = match &error {
            Error::Field(refused) => (ErrorKind::Protocol, Some(refused.field())),
            Error::Missing { field, .. } | Error::Refused { field, .. } | Error::Mismatch { field, .. } => {
                (ErrorKind::Protocol, Some(*field))
            }
            Error::Pages { .. } => (ErrorKind::Protocol, Some("next_cursor")),
            Error::Ended { .. } => (ErrorKind::Failed, Some("status")),
            Error::NotRunning { .. } => (ErrorKind::Failed, Some("phase")),
            Error::LocalClock(_) => (ErrorKind::Local, Some("expires_at")),
            Error::Unsupported(_) => (ErrorKind::Unsupported, None),
        };
        let converted = Self::new(kind, error.to_string());
        match field {
            Some(field) => converted.with_field(field).with_source(error),
            None => converted.with_source(error),
        }
    }
}
