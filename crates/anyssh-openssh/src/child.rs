//! The ssh process: started, watched for its end and for stops, never left behind.

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, getpid, kill_process, waitid, waitpid};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::sync::Mutex;

use crate::outcome::ExitStatus;
use crate::terminal::{self, SavedTerminal};

/// A running ssh. Dropping it kills it and waits for it.
#[derive(Debug)]
pub(crate) struct SshProcess {
    pid: Pid,
    child: Child,
    ended: OnceLock<ExitStatus>,
    changes: Mutex<SignalStream>,
}

impl SshProcess {
    /// Starts `command`.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        // Registered before the start, so that no end is missed.
        let changes = Mutex::new(signal(SignalKind::child())?);
        let child = command.spawn()?;
        Ok(Self { pid: Pid::from_child(&child), child, ended: OnceLock::new(), changes })
    }

    /// The reading ends of its output, where that is piped.
    pub(crate) fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits until it ends. When it is stopped on `terminal`, as by `~^Z`, we stop with it: a parent
    /// that only waits would keep the terminal from the shell.
    pub(crate) async fn end(&self, terminal: Option<&SavedTerminal>) -> io::Result<ExitStatus> {
        let mut changes = self.changes.lock().await;
        loop {
            if let Some(status) = self.reap()? {
                return Ok(status);
            }
            if let Some(terminal) = terminal
                && self.is_stopped()?
            {
                // Ctrl-Z and `fg` reach ssh and us one after the other: look twice, or we would stop
                // ourselves again although ssh already goes on.
                tokio::time::sleep(SECOND_LOOK).await;
                if self.is_stopped()? {
                    self.stop_along(terminal);
                }
                continue;
            }
            // One signal may stand for many changes; the poll is for systems that drop some.
            let _ = tokio::time::timeout(POLL, changes.recv()).await;
        }
    }

    /// Hands the terminal back to the shell as it was and stops, until the shell lets us go on.
    fn stop_along(&self, terminal: &SavedTerminal) {
        let of_ssh = terminal.restore();
        // This call returns when somebody sends CONT. STOP, because TSTP is ours to be caught.
        let _ = kill_process(getpid(), Signal::STOP);
        // An ssh that stopped itself sets the terminal again by itself, perhaps already has.
        if let Some(settings) = of_ssh {
            terminal::set(&settings);
        }
        self.send(Signal::CONT);
    }

    /// How it ended, if it did. From then on its pid is no longer used.
    fn reap(&self) -> io::Result<Option<ExitStatus>> {
        if self.ended.get().is_none() {
            // Without UNTRACED: a stop is looked at with `waitid`, which leaves it to be seen again.
            if let Some((_, status)) = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::NOHANG))? {
                return Ok(Some(*self.ended.get_or_init(|| read_status(status))));
            }
        }
        Ok(self.ended.get().copied())
    }

    fn is_stopped(&self) -> io::Result<bool> {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(self.pid), options))?;
        Ok(status.is_some_and(|status| status.stopped()))
    }

    /// Sends it a signal; nothing if it ended.
    pub(crate) fn send(&self, signal: Signal) {
        // Not reaped yet, so the pid is still its own.
        if self.ended.get().is_none() {
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for SshProcess {
    fn drop(&mut self) {
        if self.ended.get().is_none() {
            self.send(Signal::KILL);
            let _ = rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
        }
    }
}

fn read_status(status: rustix::process::WaitStatus) -> ExitStatus {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitStatus::Exited(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => ExitStatus::Killed(signal.unwrap_or(Signal::KILL.as_raw())),
    }
}

const POLL: Duration = Duration::from_secs(1);
const SECOND_LOOK: Duration = Duration::from_millis(50);
