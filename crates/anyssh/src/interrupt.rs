//! Signals to this process, as a cancellation and, for an impatient user, as an end.

use std::io;

use anyssh_sdk::{Cancel, CancelTrigger};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The handlers for SIGINT, SIGTERM and SIGHUP. From now on these no longer kill the process.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    trigger: CancelTrigger,
}

impl Interrupts {
    /// Installs the handlers; needs a running runtime.
    pub(crate) fn install() -> io::Result<(Self, Cancel)> {
        let (trigger, cancel) = Cancel::pair();
        let interrupts = Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            trigger,
        };
        Ok((interrupts, cancel))
    }

    /// Pulls the cancellation at the first signal and completes at a second Ctrl-C: then whoever waits
    /// for clean-up waits no longer.
    pub(crate) async fn second_interrupt(mut self) {
        let mut seen = 0;
        while seen < 2 {
            let number = tokio::select! {
                Some(()) = self.interrupt.recv() => 2,
                Some(()) = self.terminate.recv() => 15,
                Some(()) = self.hang_up.recv() => 1,
                else => return std::future::pending().await,
            };
            self.trigger.cancel(number);
            seen += usize::from(number == 2);
        }
    }
}
