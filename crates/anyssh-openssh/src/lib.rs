//! From a [`Session`](anyssh_core::Session) to a running OpenSSH.
//!
//! Two steps with a value between them. `plan` is pure: it turns a session and what the user asked
//! for into a [`Plan`]: the words for ssh's command line, its environment and the private files it
//! reads. `Launcher` does it: it writes the files into a private directory, spawns `ssh`, answers its
//! one password prompt, passes signals, restores the terminal, waits, and leaves nothing behind.

mod flags;
mod outcome;
mod plan;

pub use flags::LogLevel;
pub use outcome::{ExitStatus, NotAuthenticated, Outcome, Reason};
pub use plan::{Askpass, Plan, PrivateFile};
