//! From a [`Session`](anyssh_core::Session) to a running OpenSSH.
//!
//! Two steps with a value between them. [`plan`] is pure: it turns a session and what the user asked
//! for into a [`Plan`]: the words for ssh's command line, its environment and the private files it
//! reads. `Launcher` does it: it writes the files into a private directory, spawns `ssh`, answers its
//! one password prompt, passes signals, restores the terminal, waits, and leaves nothing behind.

mod arguments;
mod environment;
mod files;
mod flag_error;
mod flags;
mod forward;
mod helper_program;
mod known_hosts;
mod launch_options;
mod option_owned;
mod option_table;
mod outcome;
mod plan;
mod plan_error;
mod quote;
mod remote_command;
mod route;
mod ssh_option;

pub use flag_error::FlagError;
pub use flags::{LogLevel, SshFlags, Terminal, X11};
pub use forward::Forward;
pub use helper_program::{Helper, HelperError};
pub use known_hosts::known_hosts;
pub use launch_options::LaunchOptions;
pub use outcome::{ExitStatus, NotAuthenticated, Outcome, Reason};
pub use plan::{Askpass, Plan, PrivateFile, Tunnel, needs_helper, plan};
pub use plan_error::{HelperUse, PlanError};
pub use quote::PathError;
pub use remote_command::RemoteCommand;
pub use ssh_option::SshOption;
