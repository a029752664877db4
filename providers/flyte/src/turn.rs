//! One process at a time: a lock on a file of ours, which ends with whoever holds it (C2).

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, ProviderError};
use anyssh_private_dir::PrivateDir;
use rustix::fs::OFlags;
use tokio::time::{Instant, sleep};

/// How often it is looked whether the other one is done.
const PAUSE: Duration = Duration::from_millis(50);

/// Our turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _locked: File,
}

/// Waits until nobody else has the turn called `name`. `None` where there are no locks to be had: then two may
/// do the same at once.
///
/// # Errors
/// Of kind `TimedOut` when somebody else still has it at the deadline; `what` says what they are doing.
pub(crate) async fn take(
    directory: &PrivateDir,
    name: &str,
    what: &str,
    deadline: Deadline,
) -> Result<Option<Turn>, ProviderError> {
    let Ok(file) = open(directory, name) else { return Ok(None) };
    let end = Instant::from_std(deadline.instant());
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(Turn { _locked: file })),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if Instant::now() + PAUSE < end => sleep(PAUSE).await,
            Err(TryLockError::WouldBlock) => {
                let message = format!("another anyssh is {what}, and was not done in time");
                return Err(ProviderError::new(ErrorKind::TimedOut, message));
            }
        }
    }
}

/// The file is never removed: a lock on a file without a name would hold nobody back.
fn open(directory: &PrivateDir, name: &str) -> io::Result<File> {
    if let Err(error) = directory.create_file(name, b"")
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    directory.open_file(OsStr::new(name), OFlags::RDWR)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::within;

    /// C2: who waits ends by their own deadline, and has the turn once it is free.
    #[tokio::test]
    async fn one_at_a_time_has_the_turn() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = PrivateDir::open(&scratch.path().join("d")).unwrap();
        let first = take(&directory, "turn", "logging in", within(5)).await.unwrap().unwrap();
        let error = take(&directory, "turn", "logging in", within(0)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("is logging in"), "{error}");
        assert!(take(&directory, "other", "logging in", within(5)).await.unwrap().is_some());
        drop(first);
        assert!(take(&directory, "turn", "logging in", within(5)).await.unwrap().is_some());
    }

    /// Where there is no lock to be had, nothing waits.
    #[tokio::test]
    async fn what_cannot_be_locked_holds_nobody_back() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = PrivateDir::open(&scratch.path().join("d")).unwrap();
        directory.create_dir("turn").unwrap();
        assert!(take(&directory, "turn", "logging in", within(5)).await.unwrap().is_none());
    }
}
