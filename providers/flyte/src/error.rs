//! What can go wrong on the way into a pod besides the calls themselves.

use std::fmt;

use anyssh_core::{ErrorKind, FieldError, ProviderError, escape};

use crate::Phase;
use crate::connect_rpc::RpcError;
use crate::route::RouteError;
use crate::target::ActionName;

/// Why there is no way into a run.
///
/// The two ends that a caller treats in their own way have variants of their own; everything else is a
/// [`ProviderError`], whose kind says what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum DebugError {
    /// The action is over: there is no pod to log in to, and there will be none.
    Terminal {
        /// The run.
        run: String,
        /// The action.
        action: String,
        /// How it ended.
        phase: Phase,
        /// The control plane's words on why, escaped; empty where it has none.
        reason: String,
    },
    /// It was not ready before the deadline.
    TimedOut {
        /// What was waited for.
        stage: Stage,
        /// What was last seen, escaped.
        last: String,
    },
    /// A call, a setting, a file or an answer.
    Other(ProviderError),
}

/// What is waited for on the way into a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The link to the debug server, which the control plane shows once the pod is placed.
    Link,
    /// The route to the pod: until the SSH server there has said its name.
    Route,
}

impl DebugError {
    pub(crate) fn terminal(action: &ActionName, phase: &Phase, reason: Option<&str>) -> Self {
        Self::Terminal {
            run: action.run.clone(),
            action: action.action.clone(),
            phase: phase.clone(),
            reason: escape::printable(reason.unwrap_or_default().trim(), escape::MESSAGE_CAP),
        }
    }

    /// The same without the names of the run and its action, for where they stand already.
    pub(crate) fn ending(&self) -> String {
        match self {
            Self::Terminal { phase, reason, .. } if reason.is_empty() => format!("it is over: {phase}"),
            Self::Terminal { phase, reason, .. } => format!("it is over: {phase}: {reason}"),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for DebugError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Terminal { run, action, .. } => write!(f, "run {run}, action {action}: {}", self.ending()),
            Self::TimedOut { stage, last } => write!(f, "{stage} before the timeout; last seen: {last}"),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "no link to the debug server",
            Self::Route => "no answer from the SSH server in the pod",
        })
    }
}

impl std::error::Error for DebugError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Other(error) => std::error::Error::source(error),
            Self::Terminal { .. } | Self::TimedOut { .. } => None,
        }
    }
}

impl From<DebugError> for ProviderError {
    fn from(error: DebugError) -> Self {
        match error {
            DebugError::Other(error) => error,
            DebugError::Terminal { .. } => Self::new(ErrorKind::Failed, error.to_string()).with_field("phase"),
            DebugError::TimedOut { .. } => Self::new(ErrorKind::TimedOut, error.to_string()),
        }
    }
}

impl From<ProviderError> for DebugError {
    fn from(error: ProviderError) -> Self {
        Self::Other(error)
    }
}

impl From<RpcError> for DebugError {
    fn from(error: RpcError) -> Self {
        Self::Other(error.into())
    }
}

impl From<RouteError> for DebugError {
    fn from(error: RouteError) -> Self {
        let kind = ErrorKind::Protocol;
        Self::Other(ProviderError::new(kind, error.to_string()).with_field(crate::route::FIELD).with_source(error))
    }
}

/// A local file of ours or Flyte's that cannot be used.
pub(crate) fn local(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    let message = format!("{what}: {}", escape::printable(&error.to_string(), escape::MESSAGE_CAP));
    ProviderError::new(ErrorKind::Local, message).with_source(error)
}

/// An answer about something else than was asked for (S8).
pub(crate) fn mismatch(field: &'static str, asked: &str, found: &str) -> ProviderError {
    const EXPECTED: &str = "what was asked for";
    let error = FieldError::new(field, EXPECTED, found);
    ProviderError::new(ErrorKind::Protocol, format!("{error}; asked for {}", escape::quoted(asked))).with_field(field)
}
