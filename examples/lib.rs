//! What the examples share: where `ssh` is and a private place for its files.

use std::io;

use anyssh_openssh::{ProgramError, SshProgram};
use tempfile::TempDir;

/// The `ssh` on the caller's `PATH`.
///
/// # Errors
/// When there is none.
#[allow(
    clippy::disallowed_methods,
    reason = "a program's main reads the environment; the library takes it as an argument"
)]
pub fn ssh() -> Result<SshProgram, ProgramError> {
    SshProgram::find(std::env::var_os("PATH").as_deref())
}

/// A directory that only we can read, gone at the end.
///
/// # Errors
/// When it cannot be made.
pub fn private_directory() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("anyssh-example-").tempdir()
}
