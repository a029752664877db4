//! What went wrong, with whom, while doing what.

use std::fmt;

use anyssh_core::{ErrorKind, ProviderError, Target};
use anyssh_openssh::{
    HostKeyError, LaunchError, NotAuthenticated, PlanError, ProgramError, Reason, TrustError, TunnelFailure,
};

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reading words and settings, before anything was asked of a provider.
    Configure,
    /// Making a session.
    Create,
    /// Asking whether a session is good.
    Validate,
    /// Putting a new credential in place of an old one.
    Regenerate,
    /// Ending a session.
    Revoke,
    /// Listing targets.
    Targets,
    /// Running `ssh`.
    Connect,
    /// Carrying bytes between a transport and somebody's own streams.
    Tunnel,
}

impl Operation {
    /// The word used in messages and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Create => "create",
            Self::Validate => "validate",
            Self::Regenerate => "regenerate",
            Self::Revoke => "revoke",
            Self::Targets => "targets",
            Self::Connect => "connect",
            Self::Tunnel => "tunnel",
        }
    }
}

/// The kinds of failure, each with its word and its number (the exit status of every verb but connect).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The words typed do not fit.
    Usage,
    /// A setting or credential is missing or does not fit.
    Config,
    /// Not authenticated or not allowed.
    Auth,
    /// There is no such thing.
    NotFound,
    /// Something is there already.
    Conflict,
    /// Not available after retries.
    Unavailable,
    /// No answer, or never ready, by the deadline.
    Timeout,
    /// The provider says that it failed, expired or ended.
    Failed,
    /// The answer is malformed, contradicts itself or is not safe to act on.
    Protocol,
    /// Something on this machine.
    Local,
    /// Interrupted by this signal.
    Interrupted(i32),
}

impl Kind {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Auth => "auth",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Protocol => "protocol",
            Self::Local => "local",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// The number: 2 to 11, or 128 plus the signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Config => 3,
            Self::Auth => 4,
            Self::NotFound => 5,
            Self::Conflict => 6,
            Self::Unavailable => 7,
            Self::Timeout => 8,
            Self::Failed => 9,
            Self::Protocol => 10,
            Self::Local => 11,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(255),
        }
    }
}

impl From<ErrorKind> for Kind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage | ErrorKind::Unsupported => Self::Usage,
            ErrorKind::Config => Self::Config,
            ErrorKind::Unauthenticated | ErrorKind::Forbidden => Self::Auth,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::Failed => Self::Failed,
            ErrorKind::Protocol => Self::Protocol,
            ErrorKind::Local => Self::Local,
        }
    }
}

/// What went wrong, with which provider, while doing what, for which target.
///
/// `Display` is the cause alone, one line without secrets; the rest has accessors, and `source` is kept.
#[derive(Debug)]
pub struct Error(Box<Fields>);

/// Behind one pointer, so that a `Result` stays small.
#[derive(Debug)]
struct Fields {
    provider: String,
    operation: Operation,
    target: Option<Target>,
    cause: Cause,
    clean_up_failure: Option<Error>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{}", not_authenticated(.0))]
    NotAuthenticated(Box<NotAuthenticated>),
    #[error("timeout: the provider did not answer by the deadline")]
    CutOff,
    #[error("interrupted by signal {0}")]
    Interrupted(i32),
}

impl Error {
    pub(crate) fn new(provider: &str, operation: Operation, cause: impl Into<Cause>) -> Self {
        Self(Box::new(Fields {
            provider: provider.to_owned(),
            operation,
            target: None,
            cause: cause.into(),
            clean_up_failure: None,
        }))
    }

    #[must_use]
    pub(crate) fn with_target(mut self, target: &Target) -> Self {
        self.0.target = Some(target.clone());
        self
    }

    #[must_use]
    pub(crate) fn with_clean_up_failure(mut self, failure: Self) -> Self {
        self.0.clean_up_failure = Some(failure);
        self
    }

    /// The cause as a provider's error, for whoever speaks of these alone.
    pub(crate) fn into_provider_error(self) -> ProviderError {
        match self.0.cause {
            Cause::Provider(error) => error,
            cause => ProviderError::new(ErrorKind::TimedOut, cause.to_string()),
        }
    }

    /// Whether the provider missed its own deadline, so that its call was dropped half-way.
    pub(crate) fn was_cut_off(&self) -> bool {
        matches!(self.0.cause, Cause::CutOff)
    }

    /// Why the clean-up after this failure failed too: something may still live at the provider.
    pub fn clean_up_failure(&self) -> Option<&Self> {
        self.0.clean_up_failure.as_ref()
    }

    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.0.provider
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// For which target, where that was known.
    pub fn target(&self) -> Option<&Target> {
        self.0.target.as_ref()
    }

    /// The kind of failure.
    pub fn kind(&self) -> Kind {
        match &self.0.cause {
            Cause::Provider(error) => error.kind().into(),
            Cause::Launch(error) => launch_kind(error),
            Cause::Trust(error) => trust_kind(error),
            Cause::NotAuthenticated(ended) => not_authenticated_kind(ended),
            Cause::CutOff => Kind::Timeout,
            Cause::Interrupted(signal) => Kind::Interrupted(*signal),
        }
    }

    /// The field or setting at fault.
    pub fn field(&self) -> Option<&str> {
        match &self.0.cause {
            Cause::Provider(error) => error.field(),
            _ => None,
        }
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        match &self.0.cause {
            Cause::Provider(error) => error.is_retryable(),
            _ => match self.tunnel_failure() {
                Some(failure) => failure.retryable,
                None => matches!(self.kind(), Kind::Unavailable),
            },
        }
    }

    /// The provider's own error, where it was the provider that failed.
    pub fn provider_error(&self) -> Option<&ProviderError> {
        match &self.0.cause {
            Cause::Provider(error) => Some(error),
            _ => None,
        }
    }

    /// Why `ssh` could not be launched, where that was the reason.
    pub fn launch_error(&self) -> Option<&LaunchError> {
        match &self.0.cause {
            Cause::Launch(error) => Some(error),
            _ => None,
        }
    }

    /// Why the host could not be trusted, where that was the reason.
    pub fn trust_error(&self) -> Option<&TrustError> {
        match &self.0.cause {
            Cause::Trust(error) => Some(error),
            _ => None,
        }
    }

    /// Why the tunnel that carries ssh's bytes failed, where that was the reason.
    pub fn tunnel_failure(&self) -> Option<&TunnelFailure> {
        match &self.0.cause {
            Cause::NotAuthenticated(ended) => match &ended.reason {
                Reason::Tunnel(failure) => Some(failure),
                _ => None,
            },
            Cause::Trust(TrustError::HostKey(HostKeyError::Tunnel { failure, .. })) => Some(failure),
            _ => None,
        }
    }

    /// How `ssh` ended, where it was not let in.
    pub fn not_authenticated(&self) -> Option<&NotAuthenticated> {
        match &self.0.cause {
            Cause::NotAuthenticated(ended) => Some(ended),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.cause.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.cause)
    }
}

fn launch_kind(error: &LaunchError) -> Kind {
    match error {
        LaunchError::Plan(PlanError::UserFixed { .. } | PlanError::CommandWithoutSession) => Kind::Usage,
        LaunchError::Plan(PlanError::NoHostKey | PlanError::WebSocketHost(_)) => Kind::Protocol,
        LaunchError::TimedOut | LaunchError::Program(ProgramError::TimedOut(_)) => Kind::Timeout,
        _ => Kind::Local,
    }
}

fn trust_kind(error: &TrustError) -> Kind {
    match error {
        TrustError::NeedsYes(_) | TrustError::SaidNo(_) => Kind::Config,
        TrustError::NotTheExpected { .. } | TrustError::Changed { .. } => Kind::Protocol,
        TrustError::FingerprintForAuthority => Kind::Usage,
        TrustError::NoAnswer(_) | TrustError::HostKey(HostKeyError::TimedOut { .. }) => Kind::Timeout,
        TrustError::HostKey(HostKeyError::NotRead { .. }) => Kind::Unavailable,
        TrustError::HostKey(HostKeyError::Tunnel { failure, .. }) => failure.kind.into(),
        TrustError::HostKey(HostKeyError::Malformed(_)) => Kind::Protocol,
        _ => Kind::Local,
    }
}

fn not_authenticated_kind(ended: &NotAuthenticated) -> Kind {
    if let Some(signal) = ended.interrupted_by {
        return Kind::Interrupted(signal);
    }
    match &ended.reason {
        Reason::Tunnel(failure) => failure.kind.into(),
        Reason::Connection => Kind::Unavailable,
        Reason::HostKey | Reason::UnexpectedPrompt(_) => Kind::Protocol,
        Reason::Refused | Reason::AskedAgain(_) => Kind::Auth,
        _ => Kind::Failed,
    }
}

fn not_authenticated(ended: &NotAuthenticated) -> String {
    let why = match &ended.reason {
        Reason::Connection => "no SSH connection",
        Reason::HostKey => "the server did not show a host key that is trusted",
        Reason::Refused => "the server refused the credential",
        Reason::Tunnel(failure) => return format!("no tunnel to the SSH server: {failure}"),
        Reason::UnexpectedPrompt(prompt) => {
            return format!("the server asked something else than the password, and got no answer: {prompt}");
        }
        Reason::AskedAgain(prompt) => {
            return format!("the server did not take the password; it asked again, and got no second answer: {prompt}");
        }
        _ => "ssh ended before it was let in",
    };
    if ended.message.is_empty() { why.to_owned() } else { format!("{why}: {}", ended.message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C5: a full disk at home is not the server's to answer for, and no later try helps.
    #[test]
    fn what_fails_here_while_a_host_key_is_read_is_local() {
        let full = TrustError::HostKey(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        assert_eq!(trust_kind(&full), Kind::Local);
        let silent = HostKeyError::NotRead { host: "h".into(), message: String::new() };
        assert_eq!(trust_kind(&silent.into()), Kind::Unavailable);
    }
}
