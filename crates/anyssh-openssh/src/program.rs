//! Which `ssh` is run, and how old it is (requirement P5).

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use rustix::fs::{Access, access};
use tokio::io::AsyncReadExt as _;

use anyssh_core::Deadline;
use anyssh_core::escape::printable_bytes;

/// An `ssh` program, by its absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshProgram {
    path: PathBuf,
}

/// The version of an OpenSSH: 9.2 for `OpenSSH_9.2p1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SshVersion {
    /// Before the dot.
    pub major: u32,
    /// After the dot.
    pub minor: u32,
}

impl SshVersion {
    /// The first with `SSH_ASKPASS_REQUIRE`, without which a password cannot be handed over.
    pub const WITH_ASKPASS_REQUIRE: Self = Self { major: 8, minor: 4 };
}

impl fmt::Display for SshVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why there is no usable `ssh`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// Nothing of that name in any directory of `PATH`.
    #[error("there is no `ssh` in PATH")]
    NotFound,
    /// The path is not absolute, or no program.
    #[error("{0}: not an absolute path of a program that we may run")]
    NotAProgram(PathBuf),
    /// It did not say its version by the deadline.
    #[error("{0}: `ssh -V` did not answer by the deadline")]
    TimedOut(PathBuf),
    /// It did not say its version as OpenSSH does.
    #[error("{path}: `ssh -V` does not say an OpenSSH version: {said}")]
    NoVersion {
        /// The program.
        path: PathBuf,
        /// What it said, or why it could not be asked; escaped.
        said: String,
    },
}

impl SshProgram {
    /// The first `ssh` in the value of `PATH`. Empty and relative entries are skipped: they would run
    /// a file that somebody left in the working directory.
    ///
    /// # Errors
    ///
    /// [`ProgramError::NotFound`].
    pub fn find(path_variable: Option<&OsStr>) -> Result<Self, ProgramError> {
        let entries = path_variable.unwrap_or_default().as_bytes().split(|&b| b == b':');
        entries
            .map(|entry| Path::new(OsStr::from_bytes(entry)).join("ssh"))
            .find_map(|path| Self::at(path).ok())
            .ok_or(ProgramError::NotFound)
    }

    /// The `ssh` at this absolute path.
    ///
    /// # Errors
    ///
    /// [`ProgramError::NotAProgram`].
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, ProgramError> {
        let path = path.into();
        let is_program = path.is_absolute() && path.is_file() && access(&path, Access::EXEC_OK).is_ok();
        if is_program { Ok(Self { path }) } else { Err(ProgramError::NotAProgram(path)) }
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks it for its version (`ssh -V`), by the deadline.
    ///
    /// # Errors
    ///
    /// [`ProgramError::NoVersion`] for anything that does not start with `OpenSSH_`,
    /// [`ProgramError::TimedOut`] for nothing by the deadline.
    pub async fn version(&self, deadline: Deadline) -> Result<SshVersion, ProgramError> {
        self.version_without(deadline, &[]).await
    }

    /// The same, without these variables in its environment.
    pub(crate) async fn version_without(
        &self,
        deadline: Deadline,
        hidden: &[String],
    ) -> Result<SshVersion, ProgramError> {
        let asked = tokio::time::timeout(deadline.remaining(Instant::now()), self.say_version(hidden));
        let said = match asked.await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => error.to_string().into_bytes(),
            Err(_) => return Err(ProgramError::TimedOut(self.path.clone())),
        };
        parse_version(&said)
            .ok_or_else(|| ProgramError::NoVersion { path: self.path.clone(), said: printable_bytes(&said, 80) })
    }

    async fn say_version(&self, hidden: &[String]) -> std::io::Result<Vec<u8>> {
        let mut command = tokio::process::Command::new(&self.path);
        for name in hidden {
            command.env_remove(name);
        }
        command.arg("-V").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut said = Vec::new();
        if let Some(stderr) = child.stderr.take() {
            stderr.take(VERSION_CAP).read_to_end(&mut said).await?;
        }
        child.wait().await?;
        Ok(said)
    }
}

fn parse_version(said: &[u8]) -> Option<SshVersion> {
    // Some builds name themselves first: "OpenSSH_for_Windows_9.5p1".
    let text = std::str::from_utf8(said).ok()?.strip_prefix("OpenSSH_")?;
    let numbers = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '_');
    let (major, rest) = numbers.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SshVersion { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

const VERSION_CAP: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_the_wild_are_read_and_others_refused() {
        let version = |major, minor| Some(SshVersion { major, minor });
        assert_eq!(parse_version(b"OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19"), version(9, 2));
        assert_eq!(parse_version(b"OpenSSH_for_Windows_9.5p1, LibreSSL 3.8.2"), version(9, 5));
        assert_eq!(parse_version(b"OpenSSH_10.0p2"), version(10, 0));
        for said in ["", "Dropbear v2022.83", "OpenSSH_", "OpenSSH_9", "OpenSSH_x.y", "usage: ssh"] {
            assert_eq!(parse_version(said.as_bytes()), None, "{said}");
        }
        assert!(version(8, 3) < Some(SshVersion::WITH_ASKPASS_REQUIRE));
        assert!(version(10, 0) > Some(SshVersion::WITH_ASKPASS_REQUIRE));
    }

    /// P5: an `ssh` in the working directory or in a relative entry is never run.
    #[test]
    fn empty_and_relative_entries_of_path_are_skipped() {
        let planted = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/true", planted.path().join("ssh")).unwrap();
        let absolute = planted.path().to_str().unwrap();
        let cwd = std::path::absolute(".").unwrap();
        let up = "../".repeat(cwd.components().count());
        let relative = format!("{up}{}", absolute.trim_start_matches('/'));
        assert!(Path::new(&relative).join("ssh").is_file(), "the relative entry does lead there");
        assert!(SshProgram::find(Some(format!("{relative}::.").as_ref())).is_err());
        let found = SshProgram::find(Some(format!("::{relative}:/nowhere:{absolute}").as_ref())).unwrap();
        assert_eq!(found.path(), planted.path().join("ssh"));
        assert!(SshProgram::find(None).is_err());
    }
}
