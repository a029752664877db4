//! What is needed to run `ssh` for one session, as a value.

use std::ffi::OsString;
use std::fmt;

use anyssh_core::Password;
use anyssh_core::secrecy::{ExposeSecret, SecretSlice};

use crate::flags::LogLevel;

/// Everything that a launch writes, sets and passes; made by [`plan`](crate::plan), done by
/// [`Launcher`](crate::Launcher). `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The files to write into the private directory before ssh starts, 0600 each.
    pub files: Vec<PrivateFile>,
    /// The words after `ssh`. The paths in them point into the private directory.
    pub arguments: Vec<OsString>,
    /// What to add to ssh's environment.
    pub set_environment: Vec<(OsString, OsString)>,
    /// What to take out of ssh's environment: credentials of providers, foreign askpass settings.
    pub remove_environment: Vec<OsString>,
    /// The one question that may be answered, for a session with a password.
    pub askpass: Option<Askpass>,
    /// How much of ssh's log the user wants to see. The log file itself holds VERBOSE or more.
    pub log_level: LogLevel,
}

/// One file of the private directory.
#[derive(Clone)]
pub struct PrivateFile {
    /// Its name, without a path.
    pub name: &'static str,
    /// Its contents.
    pub contents: SecretSlice<u8>,
}

impl fmt::Debug for PrivateFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateFile({}, {} bytes)", self.name, self.contents.expose_secret().len())
    }
}

/// The prompts that may be answered with the password, one of them and once (requirement K2).
#[derive(Clone, Debug)]
pub struct Askpass {
    /// The exact prompts: `USER@HOST's password: ` and `(USER@HOST) Password: `.
    pub prompts: Vec<String>,
    /// The answer.
    pub password: Password,
}
