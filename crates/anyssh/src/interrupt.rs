//! Signals to this process, as a cancellation and, for an impatient user, as an end.

use std::io;

use anyssh_sdk::{Cancel, CancelTrigger};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The handlers for SIGINT, SIGQUIT, SIGTERM and SIGHUP. From now on these no longer kill the process. One that
/// we were started to ignore (`nohup`, `&` in a script) has none: it stays ignored.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: Option<Signal>,
    quit: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
    trigger: CancelTrigger,
}

impl Interrupts {
    /// Installs the handlers; needs a running runtime.
    pub(crate) fn install() -> io::Result<(Self, Cancel)> {
        let (trigger, cancel) = Cancel::pair();
        let interrupts = Self {
            interrupt: unless_ignored(SignalKind::interrupt())?,
            quit: unless_ignored(SignalKind::quit())?,
            terminate: unless_ignored(SignalKind::terminate())?,
            hang_up: unless_ignored(SignalKind::hangup())?,
            trigger,
        };
        Ok((interrupts, cancel))
    }

    /// Pulls the cancellation at the first signal and completes at a second Ctrl-C or Ctrl-\\: then whoever waits
    /// for clean-up waits no longer.
    pub(crate) async fn second_interrupt(mut self) {
        let mut seen = 0;
        while seen < 2 {
            let number = tokio::select! {
                () = received(&mut self.interrupt) => 2,
                () = received(&mut self.quit) => 3,
                () = received(&mut self.terminate) => 15,
                () = received(&mut self.hang_up) => 1,
            };
            self.trigger.cancel(number);
            seen += usize::from(matches!(number, 2 | 3));
        }
    }
}

fn unless_ignored(kind: SignalKind) -> io::Result<Option<Signal>> {
    if anyssh_openssh::is_ignored(kind.as_raw_value()) { Ok(None) } else { signal(kind).map(Some) }
}

async fn received(stream: &mut Option<Signal>) {
    let received = match stream {
        Some(stream) => stream.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}
