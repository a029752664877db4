//! Why a call to a control plane has no answer that can be used.

use std::error::Error;
use std::fmt;

use anyssh_core::{ErrorKind, ProviderError};

use crate::RetryHint;

/// Why a call has no answer that can be used.
///
/// Its message is one line: the call, the HTTP status or the field at fault, the server's words. Remote
/// text in it is escaped and capped, and the secrets that were sent are replaced by `***` (S10).
pub struct HttpError(Box<Parts>);

struct Parts {
    kind: ErrorKind,
    message: String,
    status: Option<u16>,
    code: Option<String>,
    server_message: Option<String>,
    path: Option<String>,
    field: Option<String>,
    hint: RetryHint,
    may_have_arrived: bool,
    too_large: bool,
    attempts: u32,
    repeat: Repeat,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failure says about repeating the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// A repeat would end the same way.
    Useless,
    /// A repeat may succeed; the first may have been acted on.
    IfHarmless,
    /// A repeat may succeed; the first never left.
    NeverSent,
}

impl HttpError {
    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self(Box::new(Parts {
            kind,
            message,
            status: None,
            code: None,
            server_message: None,
            path: None,
            field: None,
            hint: RetryHint::default(),
            may_have_arrived: false,
            too_large: false,
            attempts: 0,
            repeat: Repeat::Useless,
            source: None,
        }))
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    pub(crate) fn with_server_words(mut self, code: Option<String>, message: Option<String>) -> Self {
        (self.0.code, self.0.server_message) = (code, message);
        self
    }

    pub(crate) fn with_place(mut self, path: Option<String>, field: Option<String>) -> Self {
        (self.0.path, self.0.field) = (path, field);
        self
    }

    pub(crate) fn with_hint(mut self, hint: RetryHint) -> Self {
        self.0.hint = hint;
        self
    }

    pub(crate) fn with_repeat(mut self, repeat: Repeat) -> Self {
        self.0.repeat = repeat;
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Marks that the server may have acted on the request.
    pub(crate) fn with_arrival(mut self, may_have_arrived: bool) -> Self {
        self.0.may_have_arrived |= may_have_arrived;
        self
    }

    /// Marks that one side would not take as much as the other had.
    pub(crate) fn with_too_large(mut self) -> Self {
        self.0.too_large = true;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.0.message.push_str(note);
        self
    }

    /// The same error once more; a source cannot be copied.
    pub(crate) fn without_source(&self) -> Self {
        Self::new(self.kind(), self.to_string()).with_repeat(self.repeat())
    }

    pub(crate) fn repeat(&self) -> Repeat {
        self.0.repeat
    }

    /// What the caller can do next.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The server's own code for the error (`IDEMPOTENCY_KEY_REUSED`), escaped and capped.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The server's own words, escaped and capped.
    pub fn server_message(&self) -> Option<&str> {
        self.0.server_message.as_deref()
    }

    /// Where in the JSON the fault is: `connection.port`, `items[3].id`.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The name of the field at fault: `port`.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// What the server said about trying again.
    pub fn hint(&self) -> RetryHint {
        self.0.hint
    }

    /// How many times the request was sent, or a connection for it was tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the server may have acted on the request: it was sent at least once, and no answer said
    /// that it was refused. After a create without an idempotency key, something may then live there
    /// that nobody knows the id of (N4): say so with [`ProviderError::with_left_behind`].
    pub fn may_have_arrived(&self) -> bool {
        self.0.may_have_arrived
    }

    /// Whether there was too much of it: the answer was larger than the call's cap, or the server said so of
    /// the request (413).
    pub fn is_too_large(&self) -> bool {
        self.0.too_large || self.0.status == Some(413)
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        let passing = self.0.kind == ErrorKind::Unavailable && self.0.repeat != Repeat::Useless;
        self.0.hint.repeat.unwrap_or(passing)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("field", &self.0.field)
            .field("hint", &self.0.hint)
            .field("may_have_arrived", &self.0.may_have_arrived)
            .field("attempts", &self.0.attempts)
            .finish_non_exhaustive()
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<HttpError> for ProviderError {
    fn from(error: HttpError) -> Self {
        let converted = Self::new(error.kind(), error.to_string()).with_retryable(error.is_retryable());
        let converted = match error.field() {
            Some(field) => converted.with_field(field.to_owned()),
            None => converted,
        };
        converted.with_source(error)
    }
}
