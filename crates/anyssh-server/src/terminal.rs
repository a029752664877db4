//! Commands with a terminal (RFC 4254 §6.2).
//!
//! The terminal comes from portable-pty, which sets the controlling terminal without unsafe code of
//! ours. Its two ends block, so each has a thread; both end when the command does.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use portable_pty::{CommandBuilder, MasterPty, PtySize, PtySystem as _};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use tokio::sync::{mpsc, oneshot};

use crate::Account;
use crate::children::{Children, Extent, Started};
use crate::command::Job;
use crate::exit::Exit;
use crate::inflow::Inflow;
use crate::outlet::{Outlet, Stream};

const BUFFER: usize = 32 * 1024;

/// A terminal that a client asked for and that no command uses yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PtyRequest {
    /// The client's `TERM`.
    pub(crate) term: String,
    /// Its size.
    pub(crate) size: PtySize,
}

/// A command that runs with a terminal.
pub(crate) struct Terminal {
    master: Arc<Master>,
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    leader: Pid,
    started: Started,
}

/// Our end of the terminal, for what is not reading or writing.
pub(crate) struct Master(Mutex<Box<dyn MasterPty + Send>>);

impl Master {
    /// Gives the terminal another size; its foreground processes get a SIGWINCH.
    pub(crate) fn resize(&self, size: PtySize) {
        // A terminal whose command has ended has no size.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).resize(size);
    }

    fn foreground(&self) -> Option<Pid> {
        Pid::from_raw(self.0.lock().unwrap_or_else(PoisonError::into_inner).process_group_leader()?)
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Master(..)")
    }
}

/// A size as the protocol has it; nothing has more than 65535 columns.
pub(crate) fn size(columns: u32, rows: u32, pixel_width: u32, pixel_height: u32) -> PtySize {
    let cut = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    PtySize { rows: cut(rows), cols: cut(columns), pixel_width: cut(pixel_width), pixel_height: cut(pixel_height) }
}

impl Terminal {
    /// Starts a command in a session of its own, with a new terminal as its controlling terminal.
    pub(crate) fn start(
        job: &Job,
        account: &Account,
        environment: Vec<(OsString, OsString)>,
        request: &PtyRequest,
        children: &Arc<Children>,
    ) -> io::Result<Self> {
        let pair = portable_pty::unix::UnixPtySystem::default().openpty(request.size).map_err(io::Error::other)?;
        let mut command = builder(job, account);
        command.env_clear();
        environment.into_iter().for_each(|(name, value)| command.env(name, value));
        command.env("TERM", &request.term);
        if let Some(name) = pair.master.tty_name() {
            command.env("SSH_TTY", name);
        }
        command.cwd(account.directory());
        let (reader, writer) = (pair.master.try_clone_reader(), pair.master.take_writer());
        let (reader, writer) = (reader.map_err(io::Error::other)?, writer.map_err(io::Error::other)?);
        let child = pair.slave.spawn_command(command).map_err(io::Error::other)?;
        let id = child.process_id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let leader = id.ok_or(io::ErrorKind::NotFound)?;
        let started = children.add(leader, Extent::Session);
        Ok(Self { master: Arc::new(Master(Mutex::new(pair.master))), reader, writer, leader, started })
    }

    /// For signals that the client sends.
    pub(crate) fn started(&self) -> Started {
        self.started.clone()
    }

    /// For changes of size.
    pub(crate) fn master(&self) -> Arc<Master> {
        Arc::clone(&self.master)
    }

    /// Moves bytes until the command has ended, or until the client hangs up: then the command gets
    /// the SIGHUP of a terminal that is gone.
    pub(crate) async fn run(self, inflow: Inflow, outlet: Outlet, hung_up: oneshot::Receiver<()>) {
        let (output, mut from_terminal) = mpsc::channel(4);
        let (ended, exit) = oneshot::channel();
        let (reader, leader, started) = (self.reader, self.leader, self.started.clone());
        thread::spawn(move || {
            read_all(reader, &output);
            drop(output);
            let status = wait(leader);
            started.leader_ended();
            let _ = ended.send(status);
        });
        thread::spawn(move || write_all(self.writer, inflow));
        let pump = async {
            while let Some(bytes) = from_terminal.recv().await {
                outlet.send(Stream::Stdout, &bytes).await.ok()?;
            }
            exit.await.ok()
        };
        let finished = tokio::select! {
            exit = pump => exit,
            _ = hung_up => None,
        };
        match finished {
            Some(exit) => outlet.finish(exit).await,
            None => hang_up(&self.master, &self.started),
        }
    }
}

fn builder(job: &Job, account: &Account) -> CommandBuilder {
    match job {
        // It starts what SHELL says, as a login shell.
        Job::Shell => CommandBuilder::new_default_prog(),
        Job::Exec(_) | Job::Program(_) => {
            let (program, _, arguments) = job.words(account);
            let mut command = CommandBuilder::new(program);
            command.args(arguments);
            command
        }
    }
}

/// What the kernel does when a modem hangs up (termios(3)): SIGHUP, then SIGCONT for those that are
/// stopped.
fn hang_up(master: &Master, started: &Started) {
    if let Some(foreground) = master.foreground() {
        let _ = kill_process_group(foreground, Signal::HUP);
        let _ = kill_process_group(foreground, Signal::CONT);
    }
    started.signal(Signal::HUP);
    started.signal(Signal::CONT);
}

/// Ends when all that had the terminal open have closed it, which the end of the session's leader
/// does for them, or when nobody takes the output any more.
fn read_all(mut reader: Box<dyn Read + Send>, output: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if output.blocking_send(buffer[..count].to_vec()).is_err() => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn write_all(mut writer: Box<dyn Write + Send>, mut inflow: Inflow) {
    while let Some(bytes) = inflow.blocking_next() {
        if writer.write_all(&bytes).is_err() {
            return;
        }
    }
}

fn wait(leader: Pid) -> Exit {
    loop {
        match waitpid(Some(leader), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Exit::from(status),
            Err(rustix::io::Errno::INTR) | Ok(None) => {}
            Err(_) => return Exit::Status(255),
        }
    }
}
