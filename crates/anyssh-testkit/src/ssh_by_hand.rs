//! The real `ssh` as somebody runs it who was given a user name and a password.

use std::io;
use std::process::{Command, Output, Stdio};

use anyssh_core::HostKey;

use crate::file::put;
use crate::home::Home;

/// A login by hand to a server on 127.0.0.1 whose host key is known: whether a password still logs in,
/// without anything of ours in between.
///
/// ```no_run
/// use anyssh_testkit::emulator::{Emulator, Generation, Sandbox};
/// use anyssh_testkit::SshByHand;
///
/// let emulator = Emulator::leap0(Generation::Two).with_sandbox(Sandbox::new("sbx-1")).start_blocking()?;
/// let access = emulator.create_access("sbx-1");
/// let login = SshByHand {
///     user: access.id.clone(),
///     password: access.password.clone(),
///     port: emulator.ssh_port("sbx-1").unwrap_or_default(),
///     host_key: emulator.host_key("sbx-1").ok_or(std::io::ErrorKind::NotFound)?,
/// };
/// assert!(login.is_let_in()?);
/// emulator.delete_access(&access.id)?;
/// assert!(!login.is_let_in()?);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct SshByHand {
    /// Who logs in.
    pub user: String,
    /// With what.
    pub password: String,
    /// Where, on 127.0.0.1.
    pub port: u16,
    /// The one key that the server may show.
    pub host_key: HostKey,
}

impl SshByHand {
    /// `ssh` with this command for the far end, in a home that holds what it needs. No input.
    ///
    /// # Errors
    /// When the files cannot be written; a home is for one command.
    pub fn command(&self, home: &Home, remote: &str) -> io::Result<Command> {
        let directory = home.home();
        let (password, askpass) = (directory.join("password"), directory.join("askpass"));
        let known_hosts = directory.join("known_hosts");
        put(&password, &self.password, 0o600)?;
        put(&askpass, "#!/bin/sh\nexec cat \"$HOME/password\"\n", 0o700)?;
        put(&known_hosts, format!("[127.0.0.1]:{} {}\n", self.port, self.host_key.to_line()), 0o600)?;
        let mut command = home.command("ssh");
        command.args(["-F", "none", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null"]);
        command.args(["-oPubkeyAuthentication=no", "-oNumberOfPasswordPrompts=1", "-oIdentityAgent=none"]);
        command.arg(format!("-oUserKnownHostsFile={}", known_hosts.display()));
        command.args(["-p", &self.port.to_string(), "-l", &self.user, "--", "127.0.0.1", remote]);
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force").stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command at the far end.
    ///
    /// # Errors
    /// When `ssh` cannot be started.
    pub fn output(&self, remote: &str) -> io::Result<Output> {
        self.command(&Home::new()?, remote)?.output()
    }

    /// Whether a command can be run at the far end.
    ///
    /// # Errors
    /// As [`output`](Self::output).
    pub fn is_let_in(&self) -> io::Result<bool> {
        Ok(self.output("echo in")?.stdout == b"in\n")
    }
}

/// Without the password.
impl std::fmt::Debug for SshByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SshByHand").field("user", &self.user).field("port", &self.port).finish_non_exhaustive()
    }
}
