//! What an RPC can fail with: the protocol's own codes, and what a caller can do about each.

use std::fmt;

use anyssh_core::{ErrorKind, FieldError, ProviderError};
use anyssh_http::HttpError;

use crate::auth::AuthError;

/// The codes of the Connect protocol ("Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Canceled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// The code of this name, as error bodies spell it.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "canceled" => Self::Canceled,
            "unknown" => Self::Unknown,
            "invalid_argument" => Self::InvalidArgument,
            "deadline_exceeded" => Self::DeadlineExceeded,
            "not_found" => Self::NotFound,
            "already_exists" => Self::AlreadyExists,
            "permission_denied" => Self::PermissionDenied,
            "resource_exhausted" => Self::ResourceExhausted,
            "failed_precondition" => Self::FailedPrecondition,
            "aborted" => Self::Aborted,
            "out_of_range" => Self::OutOfRange,
            "unimplemented" => Self::Unimplemented,
            "internal" => Self::Internal,
            "unavailable" => Self::Unavailable,
            "data_loss" => Self::DataLoss,
            "unauthenticated" => Self::Unauthenticated,
            _ => return None,
        })
    }

    /// What an answer means that does not say so itself ("HTTP to Error Code").
    pub(crate) fn from_status(status: u16) -> Self {
        match status {
            400 => Self::Internal,
            // 407 is what a gateway says whose own token is over.
            401 | 407 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 | 405 | 415 | 501 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    fn kind(self) -> ErrorKind {
        match self {
            Self::Unauthenticated => ErrorKind::Unauthenticated,
            Self::PermissionDenied => ErrorKind::Forbidden,
            Self::NotFound => ErrorKind::NotFound,
            Self::AlreadyExists | Self::Aborted => ErrorKind::Conflict,
            Self::Canceled
            | Self::Unknown
            | Self::DeadlineExceeded
            | Self::ResourceExhausted
            | Self::Internal
            | Self::Unavailable => ErrorKind::Unavailable,
            Self::InvalidArgument
            | Self::FailedPrecondition
            | Self::OutOfRange
            | Self::Unimplemented
            | Self::DataLoss => ErrorKind::Protocol,
        }
    }
}

/// Why an RPC has no answer that can be used.
#[derive(Debug)]
pub(crate) struct RpcError {
    /// The protocol's code, where an answer came.
    code: Option<Code>,
    /// What the caller can do next.
    kind: ErrorKind,
    message: String,
    /// The server's own words, escaped and capped.
    server_message: Option<String>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Http(HttpError),
    /// There is no token, or an answer does not say what it should.
    Other(Box<ProviderError>),
    /// An error that the server told inside a stream.
    Told,
}

impl RpcError {
    /// The error that a stream ended with; the words are escaped already.
    pub(crate) fn told(call: &str, code: Code, word: &str, message: &str) -> Self {
        let shown = if message.is_empty() { word.to_owned() } else { format!("{word}: {message}") };
        Self {
            code: Some(code),
            kind: code.kind(),
            message: format!("{call}: {shown}"),
            server_message: Some(message.to_owned()),
            cause: Cause::Told,
        }
    }

    /// An answer that could be read and does not say what it should.
    pub(crate) fn answered_wrongly(error: FieldError) -> Self {
        ProviderError::protocol(error).into()
    }

    /// The protocol's code, if there was an answer that is an error.
    pub(crate) fn code(&self) -> Option<Code> {
        self.code
    }

    /// The server's own words, escaped and capped.
    pub(crate) fn server_message(&self) -> &str {
        self.server_message.as_deref().unwrap_or_default()
    }

    /// What the caller can do next.
    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the server may have done what it was asked for, although no answer says so.
    pub(crate) fn may_have_arrived(&self) -> bool {
        matches!(&self.cause, Cause::Http(error) if error.may_have_arrived())
    }

    /// Whether the server has no such method, in any of the ways in which servers say so.
    pub(crate) fn is_unimplemented(&self) -> bool {
        self.code == Some(Code::Unimplemented)
    }

    /// Whether there was too much of it, in the answer or in the request.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(&self.cause, Cause::Http(error) if error.is_too_large())
    }

    /// Whether another token may help. Some servers say so in words only.
    pub(crate) fn wants_another_token(&self) -> bool {
        let says_so = || {
            let words = self.server_message().to_ascii_lowercase();
            words.contains("unauthorized") || words.contains("unauthenticated")
        };
        match self.code {
            Some(Code::Unauthenticated) => true,
            Some(Code::Unknown | Code::Internal | Code::Unavailable) => says_so(),
            _ => false,
        }
    }
}

impl From<HttpError> for RpcError {
    fn from(error: HttpError) -> Self {
        // A 2xx that is not what it should be, or no answer at all, has no code.
        let answered = error.status().filter(|status| !(200..400).contains(status));
        let told = error.code().and_then(Code::from_word);
        let code = answered.map(|status| told.unwrap_or(Code::from_status(status)));
        let kind = match code {
            // A status that says nothing in the protocol still has its own meaning in HTTP: 413 is not 503.
            Some(Code::Unknown | Code::Internal) if told.is_none() => error.kind(),
            Some(code) => code.kind(),
            None => error.kind(),
        };
        let server_message = error.server_message().map(str::to_owned);
        Self { code, kind, message: error.to_string(), server_message, cause: Cause::Http(error) }
    }
}

impl From<AuthError> for RpcError {
    fn from(error: AuthError) -> Self {
        ProviderError::from(error).into()
    }
}

impl From<ProviderError> for RpcError {
    fn from(error: ProviderError) -> Self {
        let (kind, message) = (error.kind(), error.to_string());
        Self { code: None, kind, message, server_message: None, cause: Cause::Other(Box::new(error)) }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}

impl From<RpcError> for ProviderError {
    fn from(error: RpcError) -> Self {
        let kind = error.kind();
        let message = error.message;
        match error.cause {
            Cause::Other(error) => *error,
            Cause::Http(error) => {
                let field = error.field().map(str::to_owned);
                let converted = Self::new(kind, message).with_retryable(error.is_retryable()).with_source(error);
                match field {
                    Some(field) => converted.with_field(field),
                    None => converted,
                }
            }
            Cause::Told => Self::new(kind, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_protocol_is_known_and_others_are_not() {
        let words = "canceled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied \
                     resource_exhausted failed_precondition aborted out_of_range unimplemented internal unavailable \
                     data_loss unauthenticated";
        assert!(words.split_whitespace().all(|word| Code::from_word(word).is_some()));
        assert!(["", "NOT_FOUND", "teapot"].iter().all(|word| Code::from_word(word).is_none()));
    }
}
