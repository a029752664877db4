//! What can go wrong here, and what a caller can do about it.

use std::io;

use anyssh_core::{ErrorKind, FieldError, ProviderError, ssh_key};

/// A private error for each provider; one `From` says what the caller's next step is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no target {0}, only certificate, password and tunnel")]
    NoSuchTarget(String),
    #[error("mock has no session {0}")]
    NoSuchSession(String),
    #[error("the deadline passed while mock was {0}")]
    TimedOut(&'static str),
    #[error("{message}")]
    Scripted { kind: ErrorKind, message: String },
    #[error("the SSH server could not be started")]
    Server(#[from] io::Error),
    #[error("the certificate could not be made")]
    Certificate(#[from] ssh_key::Error),
    #[error("mock made a value that does not fit: {0}")]
    Field(#[from] FieldError),
}

impl From<Error> for ProviderError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoSuchTarget(_) | Error::NoSuchSession(_) => ErrorKind::NotFound,
            Error::TimedOut(_) => ErrorKind::TimedOut,
            Error::Scripted { kind, .. } => *kind,
            Error::Server(_) => ErrorKind::Local,
            Error::Certificate(_) | Error::Field(_) => ErrorKind::Protocol,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
