//! How a command ended, in SSH's words.

use russh::Sig;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With a status, 0 to 255.
    Status(u32),
    /// By a signal.
    Signal(i32),
}

impl From<std::process::ExitStatus> for Exit {
    fn from(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            // A status that is neither a code nor a signal cannot come from wait.
            None => Self::Status(status.code().and_then(|code| u32::try_from(code).ok()).unwrap_or(255)),
        }
    }
}

impl From<rustix::process::WaitStatus> for Exit {
    fn from(status: rustix::process::WaitStatus) -> Self {
        match status.terminating_signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Status(status.exit_status().and_then(|code| u32::try_from(code).ok()).unwrap_or(255)),
        }
    }
}

/// The name of a signal without `SIG` (RFC 4254 §6.10); one that the RFC does not list gets a private
/// name, as OpenSSH's `sshd` does.
pub(crate) fn signal_name(signal: i32) -> Sig {
    use rustix::process::Signal;
    let listed = [
        (Signal::ABORT, Sig::ABRT),
        (Signal::ALARM, Sig::ALRM),
        (Signal::FPE, Sig::FPE),
        (Signal::HUP, Sig::HUP),
        (Signal::ILL, Sig::ILL),
        (Signal::INT, Sig::INT),
        (Signal::KILL, Sig::KILL),
        (Signal::PIPE, Sig::PIPE),
        (Signal::QUIT, Sig::QUIT),
        (Signal::SEGV, Sig::SEGV),
        (Signal::TERM, Sig::TERM),
        (Signal::USR1, Sig::USR1),
    ];
    let name = listed.into_iter().find(|(number, _)| number.as_raw() == signal).map(|(_, name)| name);
    name.unwrap_or_else(|| Sig::Custom(format!("SIG{signal}@anyssh")))
}

/// The signal that a client asks to have sent, if it is one that the RFC lists.
pub(crate) fn signal_number(name: &Sig) -> Option<rustix::process::Signal> {
    use rustix::process::Signal;
    Some(match name {
        Sig::ABRT => Signal::ABORT,
        Sig::ALRM => Signal::ALARM,
        Sig::FPE => Signal::FPE,
        Sig::HUP => Signal::HUP,
        Sig::ILL => Signal::ILL,
        Sig::INT => Signal::INT,
        Sig::KILL => Signal::KILL,
        Sig::PIPE => Signal::PIPE,
        Sig::QUIT => Signal::QUIT,
        Sig::SEGV => Signal::SEGV,
        Sig::TERM => Signal::TERM,
        Sig::USR1 => Signal::USR1,
        Sig::Custom(name) if name == "USR2" => Signal::USR2,
        Sig::Custom(_) => return None,
    })
}
