//! The refusal of an SSH flag.

use anyssh_core::escape;
use thiserror::Error;

use crate::ssh_option::SshOption;

/// Why an SSH flag that the user gave is not passed to ssh. What was found is shown escaped and capped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlagError {
    /// An option of ssh whose value is anyssh's to decide.
    #[error("-o {key}: {reason}")]
    Owned {
        /// The option, in the spelling of ssh_config(5).
        key: &'static str,
        /// What anyssh owns there.
        reason: &'static str,
    },
    /// An option that nothing is known about.
    #[error("-o {0}: anyssh owns host trust, login, transport and log; -o takes only {list}", list = allowed_keys())]
    Unknown(String),
    /// A value that does not fit its flag or option.
    #[error("{flag}: expected {expected}, found {found}")]
    Value {
        /// The flag as typed: `-L`, `-o Compression`.
        flag: String,
        /// What fits.
        expected: &'static str,
        /// What was given, quoted.
        found: String,
    },
    /// A remote command that cannot be sent.
    #[error("the remote command: {0}")]
    Command(&'static str),
}

impl FlagError {
    pub(crate) fn value(flag: impl Into<String>, expected: &'static str, found: &str) -> Self {
        Self::Value { flag: flag.into(), expected, found: escape::quoted(found) }
    }

    pub(crate) fn unknown(key: &str) -> Self {
        Self::Unknown(escape::printable(key, 80))
    }
}

fn allowed_keys() -> String {
    SshOption::keys().collect::<Vec<_>>().join(" ")
}
