//! Real parts for tests, ours and those of people who embed anyssh: a hermetic home, the real `sshd`,
//! hostile SSH servers, vendors' control planes ([`emulator`]), a stand-in for `ssh` that writes down how
//! it was called, a terminal, a scan for secrets in `/proc`, and the contract of providers as tests
//! ([`conformance`]).
//!
//! Nothing but [`conformance`] needs a runtime, so it serves plain tests and `#[tokio::test]` alike. All of it listens
//! on loopback ports that the system chooses, and ends when it is dropped.
//!
//! ```
//! use anyssh_testkit::Home;
//!
//! let home = Home::new()?;
//! let output = home.command("/bin/sh").args(["-c", "echo $HOME"]).output()?;
//! assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), home.home().to_string_lossy());
//! assert!(home.leftovers()?.is_empty());
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod conformance;
pub mod emulator;
mod fake_ssh;
mod file;
mod home;
mod hostile;
mod keys;
mod missing;
mod port;
mod proc_scan;
pub mod program;
mod relay;
mod spoiled;
mod ssh_by_hand;
mod sshd;
mod terminal;

pub use fake_ssh::{Answer, Call, FakeSsh, InstalledSsh, SeenFile};
pub use home::{Home, Leftover};
pub use hostile::{HostileServer, Trick};
pub use keys::{key, user_certificate};
pub use missing::{Missing, left_out};
pub use proc_scan::{Hit, Place, ProcScan};
pub use spoiled::spoiled;
pub use ssh_by_hand::SshByHand;
pub use sshd::{Sshd, SshdConfig};
pub use terminal::{Mode, Terminal};
