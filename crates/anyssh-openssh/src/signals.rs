//! The signals that are passed on to ssh (requirement P7).

use std::fs;
use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

/// The signals that end a foreground program: taken from their default action and passed on.
#[derive(Debug)]
pub(crate) struct Interrupts {
    hangup: Option<SignalStream>,
    interrupt: Option<SignalStream>,
    quit: Option<SignalStream>,
    terminate: Option<SignalStream>,
}

impl Interrupts {
    /// Starts to listen. A signal that we were started to ignore (`nohup`, `&` in a script) stays
    /// ignored, here and in ssh.
    pub(crate) fn listen() -> io::Result<Self> {
        let listen = |kind: SignalKind| -> io::Result<Option<SignalStream>> {
            if is_ignored(kind.as_raw_value()) { Ok(None) } else { signal(kind).map(Some) }
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            quit: listen(SignalKind::quit())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Nobody listens: a library's own signals stay its own.
    pub(crate) fn none() -> Self {
        Self { hangup: None, interrupt: None, quit: None, terminate: None }
    }

    /// The next one. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            () = received(&mut self.hangup) => Signal::HUP,
            () = received(&mut self.interrupt) => Signal::INT,
            () = received(&mut self.quit) => Signal::QUIT,
            () = received(&mut self.terminate) => Signal::TERM,
        }
    }
}

async fn received(stream: &mut Option<SignalStream>) {
    let signal = match stream {
        Some(stream) => stream.recv().await,
        None => None,
    };
    if signal.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Whether this process ignores a signal: it was started so, by `nohup` or as a script's `… &`.
///
/// A program with a handler of its own asks before it installs that: the handler would take the place
/// of the ignoring, here and in the `ssh` that is started later. The number is one of signal(7).
pub fn is_ignored(signal: i32) -> bool {
    (1..=64).contains(&signal) && ignored_signals() & (1 << (signal - 1)) != 0
}

/// The signals that this process ignores, one bit each (proc(5), `SigIgn`). Where there is no /proc
/// none is known to be ignored.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
