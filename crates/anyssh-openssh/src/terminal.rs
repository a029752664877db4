//! The terminal on stdin: as it was before ssh, and back to that afterwards (requirement P8).

use std::io;

use rustix::process::getpgrp;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// The settings of the terminal on stdin from before ssh was started. Restored on drop: an ssh that
/// was killed leaves the terminal raw.
#[derive(Debug)]
pub(crate) struct SavedTerminal {
    before: Termios,
}

impl SavedTerminal {
    /// The terminal on stdin, or `None` if stdin is none.
    pub(crate) fn save() -> Option<Self> {
        tcgetattr(io::stdin()).ok().map(|before| Self { before })
    }

    /// Back to how it was. Returns what was set, if that was something else.
    pub(crate) fn restore(&self) -> Option<Termios> {
        let now = tcgetattr(io::stdin()).ok()?;
        if same(&now, &self.before) {
            return None;
        }
        set(&self.before);
        Some(now)
    }
}

impl Drop for SavedTerminal {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Sets the terminal, if it is ours to set: a background process that tries is stopped by the kernel.
pub(crate) fn set(settings: &Termios) {
    if tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground == getpgrp()) {
        // A terminal that hung up has no settings any more.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, settings);
    }
}

fn same(left: &Termios, right: &Termios) -> bool {
    left.local_modes == right.local_modes
        && left.input_modes == right.input_modes
        && left.output_modes == right.output_modes
        && left.control_modes == right.control_modes
}
