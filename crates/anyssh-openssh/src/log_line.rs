//! What one line of ssh's log means. ssh has no other way to say why it ended: its exit status is 255
//! for all reasons of its own (ssh(1), EXIT STATUS).

use crate::outcome::Reason;

/// What a line of ssh's log is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// The point of no return.
    Authenticated,
    /// Key exchange is over. Only in logs of level DEBUG1 or more.
    KeysExchanged,
    /// What ssh says at VERBOSE or more, but not at its default level, INFO.
    Detail,
    /// What ssh says at its default level.
    Said,
}

impl LineKind {
    /// Of one line, without its end.
    pub(crate) fn of(line: &str) -> Self {
        // OpenSSH: sshconnect2.c, ssh_userauth2 and input_userauth_success; `(via proxy)` behind a ProxyCommand.
        if line.starts_with("Authenticated to ") {
            return Self::Authenticated;
        }
        if line.starts_with("debug1: SSH2_MSG_NEWKEYS received") {
            return Self::KeysExchanged;
        }
        if VERBOSE_ONLY.iter().any(|prefix| line.starts_with(prefix)) { Self::Detail } else { Self::Said }
    }
}

/// How lines begin that ssh writes at VERBOSE or more and not at INFO.
const VERBOSE_ONLY: [&str; 7] = [
    "debug1: ",
    "debug2: ",
    "debug3: ",
    "Authenticated using ",
    "Transferred: sent ",
    "Bytes per second: sent ",
    "OpenSSH_",
];

/// The kind of reason that a line gives, if it gives one.
pub(crate) fn classify(line: &str) -> Option<Reason> {
    let says = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if says(&["Host key verification failed", "HOST IDENTIFICATION HAS CHANGED", "host key is known for"]) {
        return Some(Reason::HostKey);
    }
    if says(&["Permission denied (", "Too many authentication failures"]) {
        return Some(Reason::Refused);
    }
    let is_connection = says(&[
        "Connection refused",
        "Connection reset",
        "Connection closed",
        "Connection timed out",
        "Operation timed out",
        "No route to host",
        "Network is unreachable",
        "Broken pipe",
        "banner exchange",
        "kex_exchange_identification",
        "ssh_exchange_identification",
        "not responding",
        "Could not resolve hostname",
    ]);
    is_connection.then_some(Reason::Connection)
}

/// Whether a line says that nobody listens at the port (OpenSSH: sshconnect.c, ssh_connect_direct).
pub(crate) fn is_closed_port(line: &str) -> bool {
    line.starts_with("ssh: connect to host ") && line.ends_with(": Connection refused")
}

/// The more telling of two reasons: ssh says why first and then that the connection is closed.
pub(crate) fn worse(before: Option<Reason>, now: Option<Reason>) -> Option<Reason> {
    let weight = |reason: &Option<Reason>| match reason {
        Some(Reason::HostKey) => 3,
        Some(Reason::Refused) => 2,
        Some(_) => 1,
        None => 0,
    };
    if weight(&now) > weight(&before) { now } else { before }
}
