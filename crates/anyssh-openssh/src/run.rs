//! One run of ssh, from its private directory to its end.
//!
//! Values clean up in the reverse order of their making, on every way out, a panic and a dropped
//! future included: ssh is killed and reaped, then the terminal is restored, then the helper's socket
//! and the private directory go.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use anyssh_core::secrecy::ExposeSecret as _;

use crate::arguments::LOG;
use crate::askpass::{AskpassServer, UnexpectedPrompt};
use crate::capture::{Captured, capture};
use crate::child::SshProcess;
use crate::flags::LogLevel;
use crate::gateway_text::{self, StderrRelay};
use crate::helper;
use crate::launch_dir::LaunchDir;
use crate::launch_error::LaunchError;
use crate::launcher::{Launcher, Show};
use crate::log::LogFollower;
use crate::outcome::{ExitStatus, NotAuthenticated, Outcome, Reason};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::program::SshProgram;
use crate::signals::Interrupts;
use crate::terminal::SavedTerminal;
use crate::tunnel_failure::TunnelFailure;
use crate::tunnel_link;
use crate::tunnel_server::{Dialling, TunnelServer};
use anyssh_private_dir::DirectoryError;

/// What ssh reads from and writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Our own stdin, stdout and stderr.
    Inherit,
    /// No input; the output is collected.
    Capture,
}

/// How one run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) captured: Captured,
    /// Whether the connection ended before or during key exchange and nobody asked us to stop.
    pub(crate) may_be_repeated: bool,
    /// Whether nobody listened at the port.
    pub(crate) port_is_closed: bool,
}

/// Runs ssh once.
pub(crate) async fn run_once(
    ssh: &SshProgram,
    base: &Path,
    make_plan: &(dyn Fn(&Path) -> Result<Plan, PlanError> + Sync),
    dialling: &Dialling,
    streams: Streams,
    interrupts: &mut Interrupts,
    show: Show<'_>,
) -> Result<Ended, LaunchError> {
    let directory = LaunchDir::create(base)?;
    let plan = make_plan(directory.path())?;
    let log = write_files(&directory, &plan)?;
    let askpass = plan.askpass.clone().map(|askpass| AskpassServer::listen(directory.dir(), askpass)).transpose()?;
    let tunnel = plan.tunnel.clone();
    let tunnel = tunnel.map(|tunnel| TunnelServer::listen(directory.dir(), tunnel, dialling.clone())).transpose()?;
    // Only our own stdin is a terminal that ssh may change.
    let terminal = if streams == Streams::Inherit { SavedTerminal::save() } else { None };
    let mut command = command(ssh, &plan, askpass.as_ref(), tunnel.as_ref(), streams);
    let spawned = SshProcess::spawn(&mut command);
    let mut process = spawned.map_err(|source| LaunchError::Spawn { path: ssh.path().to_owned(), source })?;
    let mut watch = Watch { log: LogFollower::new(log, plan.log_level), interrupted_by: None, unexpected: None };
    let mut captured = Captured::default();
    let (stdout, stderr) = process.take_output();
    let (relay, output) = match streams {
        Streams::Inherit => (stderr.map(StderrRelay::start).transpose().map_err(LaunchError::Running)?, (None, None)),
        Streams::Capture => (None, (stdout, stderr)),
    };
    let status = {
        let capturing = capture(output, &mut captured, Launcher::OUTPUT_CAP);
        let running = Running {
            process: &process,
            terminal: terminal.as_ref(),
            askpass: askpass.as_ref(),
            tunnel: tunnel.as_ref(),
        };
        watch.until_end(running, capturing, interrupts, show).await.map_err(LaunchError::Running)?
    };
    let given = askpass.as_ref().is_some_and(AskpassServer::given);
    let failure = tunnel.as_ref().and_then(TunnelServer::failure);
    let may_be_repeated = watch.may_be_repeated() && !given && failure.as_ref().is_none_or(|failure| failure.retryable);
    let port_is_closed = watch.log.port_is_closed();
    let markers = &plan.gateway_markers;
    let gateway_said = match relay {
        Some(relay) => relay.end(markers).await,
        None => [&captured.stderr, &captured.stdout].into_iter().find_map(|text| gateway_text::find(markers, text)),
    };
    let outcome = watch.outcome(status, gateway_said, failure.as_ref());
    if let (Outcome::Ran { status: ExitStatus::Exited(SSH_FAILED), .. }, Some(failure)) = (&outcome, failure)
        && plan.log_level != LogLevel::Quiet
    {
        show(&format!("tunnel: {failure}"));
    }
    Ok(Ended { outcome, captured, may_be_repeated, port_is_closed })
}

/// Writes the plan's files and the empty log; returns the log, open.
fn write_files(directory: &LaunchDir, plan: &Plan) -> Result<std::fs::File, DirectoryError> {
    let failed = |error| DirectoryError::new(directory.path(), error);
    for file in &plan.files {
        directory.dir().create_file(file.name, file.contents.expose_secret()).map_err(failed)?;
    }
    directory.dir().create_file(LOG, b"").map_err(failed)
}

fn command(
    ssh: &SshProgram,
    plan: &Plan,
    askpass: Option<&AskpassServer>,
    tunnel: Option<&TunnelServer>,
    streams: Streams,
) -> Command {
    let mut command = Command::new(ssh.path());
    command.args(&plan.arguments);
    for name in &plan.remove_environment {
        command.env_remove(name);
    }
    // Of an outer anyssh: its nonce is no business of this ssh.
    for name in HELPER_VARIABLES {
        command.env_remove(name);
    }
    for (name, value) in &plan.set_environment {
        command.env(name, value);
    }
    let askpass = askpass.map(AskpassServer::environment).unwrap_or_default();
    let tunnel = tunnel.map(TunnelServer::environment).unwrap_or_default();
    for (name, value) in askpass.iter().chain(tunnel) {
        command.env(name, value);
    }
    if streams == Streams::Capture {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    } else if !plan.gateway_markers.is_empty() {
        command.stderr(Stdio::piped());
    }
    command
}

/// What is there while ssh runs.
struct Running<'a> {
    process: &'a SshProcess,
    terminal: Option<&'a SavedTerminal>,
    askpass: Option<&'a AskpassServer>,
    tunnel: Option<&'a TunnelServer>,
}

/// What is learned while ssh runs.
#[derive(Debug)]
struct Watch {
    log: LogFollower,
    interrupted_by: Option<Signal>,
    unexpected: Option<UnexpectedPrompt>,
}

impl Watch {
    /// Serves ssh until it ends.
    async fn until_end(
        &mut self,
        running: Running<'_>,
        capturing: impl Future<Output = io::Result<()>>,
        interrupts: &mut Interrupts,
        show: Show<'_>,
    ) -> io::Result<ExitStatus> {
        let Running { process, terminal, askpass, tunnel } = running;
        // These keep their place over the turns of the loop: half of an answer is not started anew.
        tokio::pin!(capturing);
        let ending = process.end(terminal);
        tokio::pin!(ending);
        let asking = serve(askpass);
        tokio::pin!(asking);
        let tunnelling = serve_tunnel(tunnel);
        tokio::pin!(tunnelling);
        let mut captured = false;
        let mut kill_at = None;
        let status = loop {
            tokio::select! {
                status = &mut ending => break status?,
                result = &mut capturing, if !captured => { result?; captured = true; }
                prompt = &mut asking, if self.unexpected.is_none() => {
                    // Not TERM: nothing of ssh's own may run before it is gone.
                    process.send(Signal::KILL);
                    self.unexpected = Some(prompt?);
                }
                served = &mut tunnelling => served?,
                signal = interrupts.next() => {
                    self.interrupted_by.get_or_insert(signal);
                    process.send(signal);
                    kill_at.get_or_insert(Instant::now() + GRACE);
                }
                () = tokio::time::sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                    process.send(Signal::KILL);
                    kill_at = None;
                }
                () = tokio::time::sleep(self.log.pause()) => self.log.read(show)?,
            }
        };
        if matches!(status, ExitStatus::Killed(_) | ExitStatus::Exited(SSH_FAILED)) {
            // Ctrl-C goes to ssh and to us, and ssh's end may be seen first.
            if let Ok(signal) = tokio::time::timeout(LATE_SIGNAL, interrupts.next()).await {
                self.interrupted_by.get_or_insert(signal);
            }
        }
        if let Some(tunnel) = tunnel {
            tokio::select! {
                biased;
                served = &mut tunnelling => served?,
                () = tunnel.last_words() => {}
            }
        }
        self.log.drain(show)?;
        if !captured {
            // A child of ssh may hold the other end open; what it says later is not ours.
            tokio::time::timeout(LAST_OUTPUT, capturing).await.unwrap_or(Ok(()))?;
        }
        Ok(status)
    }

    fn may_be_repeated(&self) -> bool {
        self.log.ended_before_authentication_began() && self.interrupted_by.is_none() && self.unexpected.is_none()
    }

    /// Reads off how ssh ended. Only a status that ssh gives for its own failures leaves it open
    /// whether it was let in; then its log decides.
    fn outcome(self, status: ExitStatus, gateway_said: Option<String>, failure: Option<&TunnelFailure>) -> Outcome {
        let interrupted_by = self.interrupted_by.map(Signal::as_raw);
        let is_remote = matches!(status, ExitStatus::Exited(code) if code != SSH_FAILED);
        if is_remote || self.log.authenticated() {
            let gateway_said = gateway_said.filter(|_| status != ExitStatus::Exited(0));
            return Outcome::Ran { status, interrupted_by, gateway_said };
        }
        let message = self.log.message();
        let reason = match (self.unexpected, self.log.reason(), failure) {
            (Some(unexpected), ..) if unexpected.is_second => Reason::AskedAgain(unexpected.prompt),
            (Some(unexpected), ..) => Reason::UnexpectedPrompt(unexpected.prompt),
            // What ssh decided itself is not the tunnel's doing, though that ended too.
            (None, Reason::Connection | Reason::Other, Some(failure)) => Reason::Tunnel(failure.clone()),
            (None, reason, _) => reason,
        };
        Outcome::NotAuthenticated(NotAuthenticated { status, interrupted_by, reason, message })
    }
}

async fn serve(askpass: Option<&AskpassServer>) -> io::Result<UnexpectedPrompt> {
    match askpass {
        Some(server) => server.serve().await,
        None => std::future::pending().await,
    }
}

pub(crate) async fn serve_tunnel(tunnel: Option<&TunnelServer>) -> io::Result<()> {
    match tunnel {
        Some(server) => server.serve().await,
        None => std::future::pending().await,
    }
}

/// What helpers find their launcher by.
pub(crate) const HELPER_VARIABLES: [&str; 4] = [helper::SOCKET, helper::NONCE, tunnel_link::SOCKET, tunnel_link::NONCE];

/// ssh(1), EXIT STATUS.
const SSH_FAILED: u8 = 255;
const LATE_SIGNAL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(5);
const LAST_OUTPUT: Duration = Duration::from_secs(1);
