//! Why ssh could not be launched.

use std::io;
use std::path::PathBuf;

use crate::plan_error::PlanError;
use crate::program::{ProgramError, SshVersion};
use anyssh_private_dir::DirectoryError;

/// Why ssh could not be launched. What ssh itself reports is an [`Outcome`](crate::Outcome) instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The session and what was asked for do not make a command line.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The private directory cannot be made, trusted or written.
    #[error("private directory: {0}")]
    Directory(#[from] DirectoryError),
    /// `ssh` did not say its version.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// This OpenSSH has no `SSH_ASKPASS_REQUIRE`, the only way to hand it a password.
    #[error(
        "{path} is OpenSSH {version}; a session with a password needs {} or newer",
        SshVersion::WITH_ASKPASS_REQUIRE
    )]
    TooOld {
        /// The program.
        path: PathBuf,
        /// What it says it is.
        version: SshVersion,
    },
    /// The program that ssh is to call back is not there or may not be run.
    #[error("{0}: the helper program is not there, or may not be run")]
    NoHelper(PathBuf),
    /// `ssh` could not be started.
    #[error("cannot start {path}: {source}")]
    Spawn {
        /// The program.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The deadline passed before ssh could be started.
    #[error("the deadline passed before ssh was started")]
    TimedOut,
    /// The operating system refused something while ssh was running; ssh was ended.
    #[error("while ssh was running: {0}")]
    Running(#[source] io::Error),
}
