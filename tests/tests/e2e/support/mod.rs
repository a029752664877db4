//! A home of its own, the command under test in it, and an SSH server for the guest's sessions.

mod gateway;
mod home;
mod processes;
mod run;

use std::time::{Duration, Instant};

pub(crate) use gateway::Gateway;
pub(crate) use home::{Home, directory, file};
pub(crate) use processes::processes;
pub(crate) use run::{Anyssh, Ran, keys};

/// Longer than anything here takes, so that a hang is a failure and not a wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so; there is no other sign of it.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a private file.
pub(crate) fn write(path: &std::path::Path, text: &str) {
    file(path, text, 0o600);
}
