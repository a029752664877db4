//! Why a tunnel failed, as the helper told it.

use std::fmt;

use anyssh_core::ErrorKind;

/// Why a tunnel failed. ssh itself only says that the connection was closed (requirement N7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TunnelFailure {
    /// What the caller can do next.
    pub kind: ErrorKind,
    /// Whether the same dial may succeed later.
    pub retryable: bool,
    /// One line, escaped.
    pub message: String,
}

impl TunnelFailure {
    /// A failure with a message of one line.
    pub fn new(kind: ErrorKind, retryable: bool, message: impl Into<String>) -> Self {
        Self { kind, retryable, message: message.into() }
    }
}

impl fmt::Display for TunnelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
