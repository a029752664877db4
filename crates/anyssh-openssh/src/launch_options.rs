//! What a launch is asked for beside its session.

use std::time::Duration;

use crate::flags::SshFlags;
use crate::remote_command::RemoteCommand;

/// What a launch is asked for beside its session: the user's flags, the remote command, limits.
///
/// ```
/// use std::time::Duration;
/// use anyssh_openssh::{LaunchOptions, RemoteCommand, SshFlags};
/// let options = LaunchOptions::new()
///     .with_flags(SshFlags { no_command: true, ..SshFlags::default() })
///     .with_connect_timeout(Duration::from_secs(10));
/// assert_eq!(options.remote_command, RemoteCommand::None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaunchOptions {
    /// What the user asked of ssh.
    pub flags: SshFlags,
    /// What runs at the far end.
    pub remote_command: RemoteCommand,
    /// Names of variables that ssh and its children do not get: the providers' credentials.
    pub hidden_environment: Vec<String>,
    /// How lines begin that a vendor's gateway writes in place of the machine. Where there are any, the
    /// beginning of ssh's stderr is read on its way; see [`Outcome::Ran`](crate::Outcome::Ran).
    pub gateway_markers: Vec<String>,
    /// How long ssh may take for TCP and the server's banner; whole seconds, at least one.
    pub connect_timeout: Duration,
}

impl LaunchOptions {
    /// A login shell without flags, with 30 seconds to connect.
    pub fn new() -> Self {
        Self {
            flags: SshFlags::default(),
            remote_command: RemoteCommand::None,
            hidden_environment: Vec::new(),
            gateway_markers: Vec::new(),
            connect_timeout: Duration::from_secs(30),
        }
    }

    /// The same with the user's flags.
    #[must_use]
    pub fn with_flags(mut self, flags: SshFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The same with a remote command.
    #[must_use]
    pub fn with_remote_command(mut self, remote_command: RemoteCommand) -> Self {
        self.remote_command = remote_command;
        self
    }

    /// The same with these variables kept from ssh and its children.
    #[must_use]
    pub fn with_hidden_environment(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hidden_environment = names.into_iter().map(Into::into).collect();
        self
    }

    /// The same with these beginnings of lines looked for.
    #[must_use]
    pub fn with_gateway_markers(mut self, markers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.gateway_markers = markers.into_iter().map(Into::into).collect();
        self
    }

    /// The same with another limit for connecting.
    #[must_use]
    pub fn with_connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }
}

impl Default for LaunchOptions {
    fn default() -> Self {
        Self::new()
    }
}
