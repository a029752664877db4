//! The program that ssh calls back: to ask for the password, and to carry its bytes. It is any program
//! whose `main` begins with [`run_if_asked`] or [`run_if_asked_with`].

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyssh_core::ErrorKind;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::askpass::LONGEST_SOCKET_PATH;
use crate::tunnel_failure::TunnelFailure;
use crate::tunnel_link::{Asked, TunnelLink, say};

/// The variable with the path of the socket to ask on.
pub(crate) const SOCKET: &str = "ANYSSH_HELPER";

/// The variable with the nonce to show there.
pub(crate) const NONCE: &str = "ANYSSH_HELPER_NONCE";

/// Answers ssh and ends the process, if it was started by `ssh` to ask something; else returns at once.
///
/// It answers for passwords alone. Asked to carry ssh's bytes over a WebSocket it fails and says so; a
/// program that can do that begins with [`run_if_asked_with`], or with `anyssh_sdk::helper::run_if_asked`.
///
/// Call it as the first thing in `main`, before threads, a runtime or a look at the arguments:
///
/// ```no_run
/// fn main() {
///     anyssh_openssh::helper::run_if_asked();
///     // … the program itself
/// }
/// ```
///
/// It acts only if a [`Launcher`](crate::Launcher) of the same user set two variables in ssh's
/// environment. Then there is exactly one argument: the prompt.
#[allow(clippy::needless_doctest_main, reason = "its place in main is what the example shows")]
pub fn run_if_asked() {
    run_if_asked_with(|link, runtime| {
        let why = "the helper program cannot dial: its main has to begin with anyssh_sdk::helper::run_if_asked";
        runtime.block_on(link.failed(&TunnelFailure::new(ErrorKind::Local, false, why)));
        1
    });
}

/// [`run_if_asked`] for a program that can also dial: `carry` does what the link orders, between standard
/// input and output, tells the link why it failed, and gives the exit status. Its runtime has one thread.
pub fn run_if_asked_with(carry: impl FnOnce(&TunnelLink, &Runtime) -> u8) {
    if let Some(asked) = Asked::read() {
        forbid_core_dumps();
        exit(carry_asked(&asked, carry).unwrap_or_else(|error| {
            say(&format!("the program that started ssh cannot be reached: {error}"));
            1
        }))
    }
    let Some(question) = question() else { return };
    forbid_core_dumps();
    let status = match question.ask().and_then(|answer| print(&answer)) {
        Ok(()) => 0,
        // stderr is the user's terminal; whoever serves the socket knows more and says it better.
        Err(_) => 1,
    };
    exit(status)
}

fn carry_asked(asked: &Asked, carry: impl FnOnce(&TunnelLink, &Runtime) -> u8) -> io::Result<u8> {
    let stream = asked.connect()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let link = TunnelLink::new(stream)?;
    drop(entered);
    Ok(carry(&link, &runtime))
}

/// What is in this process's memory from here on must not end up in a file.
fn forbid_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[allow(clippy::disallowed_methods, clippy::exit, reason = "called first in main: there is nothing to drop yet")]
fn exit(status: u8) -> ! {
    std::process::exit(status.into())
}

struct Question {
    socket: OsString,
    nonce: OsString,
    prompt: OsString,
}

#[allow(clippy::disallowed_methods, reason = "the environment is how ssh hands these to its askpass program")]
fn question() -> Option<Question> {
    let (socket, nonce) = (std::env::var_os(SOCKET)?, std::env::var_os(NONCE)?);
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next()?, arguments.next()) {
        (prompt, None) => Some(Question { socket, nonce, prompt }),
        _ => None,
    }
}

impl Question {
    /// Waits for the answer, or until the other side is gone: a helper that gives up earlier makes
    /// ssh send an empty password.
    fn ask(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let mut stream = connect(Path::new(&self.socket))?;
        stream.write_all(self.nonce.as_bytes())?;
        stream.write_all(OsStr::as_bytes(&self.prompt))?;
        stream.shutdown(Shutdown::Write)?;
        // Full size from the start, so that no copy is left where a smaller buffer was.
        let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_CAP));
        read_answer(&mut stream, &mut answer)?;
        if answer.is_empty() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(answer) }
    }
}

/// Connects, also where the path is too long for a socket's address: from inside its directory.
pub(crate) fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return UnixStream::connect(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    std::env::set_current_dir(directory)?;
    UnixStream::connect(name)
}

fn read_answer(stream: &mut UnixStream, answer: &mut Vec<u8>) -> io::Result<()> {
    let deadline = Instant::now() + ANSWER_TIME;
    let mut chunk = Zeroizing::new([0; 256]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        let count = stream.read(&mut chunk[..])?;
        if count == 0 {
            return Ok(());
        }
        if answer.len() + count > ANSWER_CAP {
            return Err(io::ErrorKind::InvalidData.into());
        }
        answer.extend_from_slice(&chunk[..count]);
    }
}

fn print(answer: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(answer)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// OpenSSH reads 1023 bytes at most (readpass.c).
const ANSWER_CAP: usize = 1023;

/// Longer than any launch waits before it kills ssh.
const ANSWER_TIME: Duration = Duration::from_secs(120);
