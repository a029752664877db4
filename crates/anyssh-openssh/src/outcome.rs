//! How a run of `ssh` ended.

use crate::tunnel_failure::TunnelFailure;

/// How a run of `ssh` ended. The line `Authenticated to` in ssh's log is the point of no return:
/// nothing is ever run again after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// ssh ended before it was let in; nothing ran at the target.
    NotAuthenticated(NotAuthenticated),
    /// ssh was let in and ended.
    Ran {
        /// How ssh ended.
        status: ExitStatus,
        /// The signal that we were sent meanwhile and passed on (1, 2, 3 or 15), if any.
        interrupted_by: Option<i32>,
        /// The line that a vendor's gateway wrote in place of the machine, escaped, if one of the
        /// [markers](crate::LaunchOptions::gateway_markers) was seen and the status is not 0. Looked for
        /// at the beginning of ssh's stderr; where output is collected, of its stdout too.
        gateway_said: Option<String>,
    },
}

/// How the ssh process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// With this status: the remote command's own, or 255 for all that ssh reports itself.
    Exited(u8),
    /// Killed by this signal.
    Killed(i32),
}

/// Why ssh was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAuthenticated {
    /// How ssh ended.
    pub status: ExitStatus,
    /// The signal that we were sent meanwhile and passed on, if any.
    pub interrupted_by: Option<i32>,
    /// What happened, by kind.
    pub reason: Reason,
    /// ssh's own last words, escaped and capped; one line.
    pub message: String,
}

/// The kinds of reasons why ssh was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No connection, or it ended before or during key exchange. Worth another try.
    Connection,
    /// The server's host key was not one of those trusted.
    HostKey,
    /// The server refused the credential.
    Refused,
    /// The server asked something else than the one password prompt; the escaped prompt.
    UnexpectedPrompt(String),
    /// The server asked for the password again after it had been given, as one does that refuses it; the
    /// escaped prompt.
    AskedAgain(String),
    /// The tunnel that carries ssh's bytes failed, as its helper says.
    Tunnel(TunnelFailure),
    /// Anything else.
    Other,
}
