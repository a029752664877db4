//! From a [`Session`](anyssh_core::Session) to a running OpenSSH.
//!
//! Two steps with a value between them. [`plan`] is pure: it turns a session and what the user asked
//! for into a [`Plan`]: the words for ssh's command line, its environment and the private files it
//! reads. [`Launcher`] does it: it writes the files into a private directory, spawns `ssh`, answers its
//! one password prompt, passes signals, restores the terminal, waits, and leaves nothing behind.

mod arguments;
mod askpass;
mod capture;
mod child;
mod environment;
mod files;
mod flag_error;
mod flags;
mod forward;
mod gateway_text;
pub mod helper;
mod helper_program;
mod host_key;
mod known_hosts;
mod late_port;
mod launch_dir;
mod launch_error;
mod launch_options;
mod launcher;
mod log;
mod log_line;
mod option_owned;
mod option_table;
mod outcome;
mod pins;
mod plan;
mod plan_error;
mod program;
mod quote;
mod remote_command;
mod route;
mod run;
mod signals;
mod ssh_option;
mod terminal;
mod trust;
mod trust_policy;
mod tunnel_failure;
mod tunnel_link;
mod tunnel_server;
mod tunnel_wire;

// Private directories are a package of their own, since providers keep files too.
pub use anyssh_private_dir::{DirectoryError, PrivateDir};
pub use flag_error::FlagError;
pub use flags::{LogLevel, SshFlags, Terminal, X11};
pub use forward::Forward;
pub use helper_program::{Helper, HelperError};
pub use host_key::HostKeyError;
pub use known_hosts::known_hosts;
pub use launch_error::LaunchError;
pub use launch_options::LaunchOptions;
pub use launcher::{Launcher, Output, Show};
pub use outcome::{ExitStatus, NotAuthenticated, Outcome, Reason};
pub use pins::{Pin, PinError, PinStore};
pub use plan::{Askpass, Plan, PrivateFile, Tunnel, needs_helper, plan};
pub use plan_error::{HelperUse, PlanError};
pub use program::{ProgramError, SshProgram, SshVersion};
pub use quote::PathError;
pub use remote_command::RemoteCommand;
pub use signals::is_ignored;
pub use ssh_option::SshOption;
pub use trust::TrustResolver;
pub use trust_policy::{Answer, AskUser, HostKeyPolicy, HostKeyQuestion, NewKey, TrustError};
pub use tunnel_failure::TunnelFailure;
pub use tunnel_link::{TunnelLink, TunnelOrder};
pub use tunnel_server::{Headers, RefreshHeaders};
