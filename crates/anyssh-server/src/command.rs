//! Commands without a terminal: three pipes and an exit status.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;

use crate::Account;
use crate::children::{Children, Extent, Started};
use crate::exit::Exit;
use crate::inflow::Inflow;
use crate::outlet::{Outlet, Stream};

/// As much as fits in one packet that OpenSSH takes.
const BUFFER: usize = 32 * 1024;

/// Where distributions put the program behind the `sftp` subsystem.
const SFTP_SERVERS: [&str; 4] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
];

/// What a client asks to have run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// The login shell.
    Shell,
    /// A command line for the shell.
    Exec(Vec<u8>),
    /// A program by its path.
    Program(PathBuf),
}

impl Job {
    /// The program of a subsystem, if there is one on this machine.
    pub(crate) fn subsystem(name: &str) -> Option<Self> {
        let found = SFTP_SERVERS.into_iter().map(PathBuf::from).find(|path| name == "sftp" && path.is_file())?;
        Some(Self::Program(found))
    }

    /// Program, name under which it is started, arguments. A login shell's name starts with `-`
    /// (sh(1), "Invocation"), as `sshd` starts it.
    pub(crate) fn words(&self, account: &Account) -> (OsString, OsString, Vec<OsString>) {
        let shell = account.shell.clone().into_os_string();
        match self {
            Self::Shell => {
                let mut name = OsString::from("-");
                name.push(account.shell.file_name().unwrap_or(OsStr::new("sh")));
                (shell, name, Vec::new())
            }
            Self::Exec(line) => (shell.clone(), shell, vec!["-c".into(), OsStr::from_bytes(line).to_owned()]),
            Self::Program(path) => (path.clone().into(), path.clone().into(), Vec::new()),
        }
    }
}

/// A command that runs with three pipes.
#[derive(Debug)]
pub(crate) struct Piped {
    child: Child,
    started: Started,
}

impl Piped {
    /// Starts a command in a process group of its own.
    pub(crate) fn start(
        job: &Job,
        account: &Account,
        environment: Vec<(OsString, OsString)>,
        children: &Arc<Children>,
    ) -> io::Result<Self> {
        let (program, name, arguments) = job.words(account);
        let child = Command::new(program)
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .current_dir(account.directory())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { child, started: children.add(leader, Extent::Group) })
    }

    /// For signals that the client sends.
    pub(crate) fn started(&self) -> Started {
        self.started.clone()
    }

    /// Moves bytes until the command has ended and nobody holds its output any more, as `sshd` does,
    /// or until the client hangs up: then the command gets a SIGHUP. (`sshd` sends none to a command
    /// without a terminal, and leaves it running.)
    pub(crate) async fn run(mut self, inflow: Inflow, outlet: Outlet, hung_up: oneshot::Receiver<()>) {
        if let Some(stdin) = self.child.stdin.take() {
            tokio::spawn(feed(stdin, inflow));
        }
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let finished = tokio::select! {
            exit = finish(&mut self.child, stdout, stderr, &outlet) => exit.ok(),
            _ = hung_up => None,
        };
        match finished {
            Some(exit) => {
                self.started.leader_ended();
                outlet.finish(exit).await;
            }
            None => {
                self.started.signal(Signal::HUP);
                let _ = self.child.wait().await;
                self.started.leader_ended();
            }
        }
    }
}

async fn finish(
    child: &mut Child,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    outlet: &Outlet,
) -> io::Result<Exit> {
    if let (Some(stdout), Some(stderr)) = (stdout, stderr) {
        copy_output(stdout, stderr, outlet).await.map_err(io::Error::other)?;
    }
    Ok(Exit::from(child.wait().await?))
}

/// One loop for both streams: they share one window, and so one of them cannot wait for it unseen.
async fn copy_output(mut stdout: ChildStdout, mut stderr: ChildStderr, outlet: &Outlet) -> Result<(), russh::Error> {
    let (mut out, mut err) = (vec![0; BUFFER], vec![0; BUFFER]);
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            count = read(&mut stdout, &mut out), if out_open => {
                out_open = count > 0;
                outlet.send(Stream::Stdout, &out[..count]).await?;
            }
            count = read(&mut stderr, &mut err), if err_open => {
                err_open = count > 0;
                outlet.send(Stream::Stderr, &err[..count]).await?;
            }
        }
    }
    Ok(())
}

/// A pipe that cannot be read has ended.
async fn read(pipe: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> usize {
    pipe.read(buffer).await.unwrap_or(0)
}

/// Ends when the input ends or when the command closes its end; what comes later is dropped.
async fn feed(mut stdin: ChildStdin, mut inflow: Inflow) {
    while let Some(bytes) = inflow.next().await {
        if stdin.write_all(&bytes).await.is_err() {
            break;
        }
    }
}
