//! Why a provider could not do what was asked.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::{FieldError, SessionId, Target};

/// What a caller can do next. Each kind is one next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Next step: mend the words you typed.
    Usage,
    /// Next step: set the setting that is named.
    Config,
    /// Next step: log in again, or give another key (401).
    Unauthenticated,
    /// Next step: ask an administrator for the right (403).
    Forbidden,
    /// Next step: check that the thing exists and is spelled right (404, 410).
    NotFound,
    /// Next step: decide what happens to what is there already (409).
    Conflict,
    /// Next step: wait and try again (408, 429, 5xx, network, proxy).
    Unavailable,
    /// Next step: allow more time; the answer did not come or the target was not ready by the deadline.
    TimedOut,
    /// Next step: read the provider's words: it says that the target failed, expired or ended.
    Failed,
    /// Next step: report a bug to the provider: its answer is malformed, contradicts itself or is not
    /// safe to act on (also 3xx, 400, 405, 422).
    Protocol,
    /// Next step: choose another way: this provider cannot do this.
    Unsupported,
    /// Next step: mend this machine: a file, a directory or a program is missing or not usable.
    Local,
}

/// Something that may still live at the provider after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// What it belongs to.
    pub target: Target,
    /// Its id, where it is known.
    pub session: Option<SessionId>,
    /// Until when it may live and how to end it, one sentence for the user.
    pub until: Cow<'static, str>,
}

/// Why a provider could not do what was asked.
///
/// The message names the field or the HTTP status and never a secret; remote text in it is escaped
/// and capped. The source is kept. Each provider has a private error of its own and one `From` to this.
#[derive(Debug)]
pub struct ProviderError {
    kind: ErrorKind,
    message: String,
    field: Option<Cow<'static, str>>,
    retryable: bool,
    left_behind: Option<Box<LeftBehind>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ProviderError {
    /// An error with a message of one line. Only `Unavailable` starts out as retryable.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retryable = kind == ErrorKind::Unavailable;
        Self { kind, message: message.into(), field: None, retryable, left_behind: None, source: None }
    }

    /// The user typed a value that does not fit.
    pub fn usage(field: FieldError) -> Self {
        Self::from_field(ErrorKind::Usage, field)
    }

    /// A setting holds a value that does not fit.
    pub fn config(field: FieldError) -> Self {
        Self::from_field(ErrorKind::Config, field)
    }

    /// A provider sent a value that does not fit.
    pub fn protocol(field: FieldError) -> Self {
        Self::from_field(ErrorKind::Protocol, field)
    }

    /// This provider cannot do this; `what` says what and why.
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, what)
    }

    fn from_field(kind: ErrorKind, field: FieldError) -> Self {
        Self::new(kind, field.to_string()).with_field(field.field()).with_source(field)
    }

    /// The same error, naming the field or setting at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same error with the provider's own word on whether a repeat can help.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same error, saying what may still live at the provider.
    #[must_use]
    pub fn with_left_behind(mut self, left_behind: LeftBehind) -> Self {
        self.left_behind = Some(Box::new(left_behind));
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller can do next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The field or setting at fault, as the user or the vendor's document spells it.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// What may still live at the provider.
    pub fn left_behind(&self) -> Option<&LeftBehind> {
        self.left_behind.as_deref()
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let Some(left) = &self.left_behind else { return Ok(()) };
        match &left.session {
            Some(id) => write!(f, "; session {id} of {} may still live: {}", left.target, left.until),
            None => write!(f, "; a session of {} may still live: {}", left.target, left.until),
        }
    }
}

impl Error for ProviderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_keeps_its_name_and_its_source() {
        let error = ProviderError::protocol(FieldError::new("host_pattern", "one pattern", "a,b\n"));
        assert_eq!(error.to_string(), r#"host_pattern: expected one pattern, found "a,b\n""#);
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("host_pattern")));
        assert!(error.source().is_some());
    }

    #[test]
    fn what_is_left_behind_is_in_the_message() {
        let left = LeftBehind {
            target: Target::parse("target", "m1").unwrap(),
            session: Some(SessionId::parse("id", "s1").unwrap()),
            until: "end it with anyssh revoke".into(),
        };
        let error = ProviderError::new(ErrorKind::TimedOut, "not ready").with_left_behind(left);
        assert_eq!(error.to_string(), "not ready; session s1 of m1 may still live: end it with anyssh revoke");
    }
}
