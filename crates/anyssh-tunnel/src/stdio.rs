//! A program's own standard streams, read and written without a thread in between where that is possible.
//!
//! `ssh` gives its ProxyCommand two pipes; other programs give sockets, terminals or files. Pipes and
//! sockets are used directly: that is faster than a thread that blocks, and it can be cancelled. A pipe is
//! opened anew where the system allows it, so that other programs which hold the same one are not made
//! non-blocking.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;

use anyssh_core::{ErrorKind, ProviderError};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use tokio::io::{AsyncRead, AsyncWrite, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// Where a tunnel's bytes come from and go to on this side.
pub struct Stdio {
    pub(crate) input: Box<dyn AsyncRead + Send + Unpin>,
    pub(crate) output: Box<dyn AsyncWrite + Send + Unpin>,
    pub(crate) reader: Reader,
    restored: Vec<Restored>,
    of_process: bool,
}

impl Stdio {
    /// Standard input and output of this process. Nothing else may use them meanwhile. Needs a tokio
    /// runtime with I/O.
    ///
    /// # Errors
    /// Of kind `Local` when they cannot be used.
    pub fn of_process() -> Result<Self, ProviderError> {
        Self::open().map_err(|error| {
            let message = format!("standard input or output cannot be used: {error}");
            ProviderError::new(ErrorKind::Local, message).with_source(error)
        })
    }

    /// Any two streams, for tests and for programs that are no ProxyCommand.
    pub fn new(
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self {
            input: Box::new(input),
            output: Box::new(output),
            reader: Reader(None),
            restored: Vec::new(),
            of_process: false,
        }
    }

    /// Lets go of both streams: whoever reads the output sees its end now, and not when this process ends.
    /// Those of a process lead nowhere afterwards. `ssh` hangs up its ProxyCommand (SIGHUP) when it sees that end.
    pub fn hang_up(&mut self) {
        (self.input, self.output, self.reader) =
            (Box::new(tokio::io::empty()), Box::new(tokio::io::sink()), Reader(None));
        self.restored.clear();
        if self.of_process
            && let Ok(nowhere) = File::options().read(true).write(true).open("/dev/null")
        {
            // Where that fails, the end of the process does the same a little later.
            let _ = rustix::stdio::dup2_stdin(&nowhere);
            let _ = rustix::stdio::dup2_stdout(&nowhere);
        }
    }

    /// Waits until nobody reads the output any more, which is known of pipes alone: for ever with anything else.
    /// It keeps the output open, so drop it before [`hang_up`](Self::hang_up).
    pub fn reader_gone(&self) -> impl Future<Output = ()> + Send + 'static {
        let reader = self.reader.clone();
        async move { reader.gone().await }
    }

    fn open() -> io::Result<Self> {
        let mut restored = Vec::new();
        let (stdin, stdout) = (io::stdin(), io::stdout());
        let input: Box<dyn AsyncRead + Send + Unpin> = match kind(stdin.as_fd())? {
            FileType::Fifo => Box::new(receiver(stdin.as_fd(), STDIN, &mut restored)?),
            FileType::Socket => Box::new(socket(stdin.as_fd(), &mut restored)?),
            _ => Box::new(tokio::io::stdin()),
        };
        let mut reader = Reader(None);
        let output: Box<dyn AsyncWrite + Send + Unpin> = match kind(stdout.as_fd())? {
            FileType::Fifo => {
                reader.0 = sender(stdout.as_fd(), STDOUT, &mut restored).ok().map(Arc::new);
                Box::new(sender(stdout.as_fd(), STDOUT, &mut restored)?)
            }
            FileType::Socket => Box::new(socket(stdout.as_fd(), &mut restored)?),
            _ => Box::new(tokio::io::stdout()),
        };
        Ok(Self { input, output, reader, restored, of_process: true })
    }
}

impl fmt::Debug for Stdio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stdio(..)")
    }
}

/// Where a pipe is opened anew: proc_pid_fd(5). Not every system has it.
const STDIN: &str = "/proc/self/fd/0";
const STDOUT: &str = "/proc/self/fd/1";

fn kind(descriptor: BorrowedFd<'_>) -> io::Result<FileType> {
    Ok(FileType::from_raw_mode(fstat(descriptor)?.st_mode))
}

fn receiver(stdin: BorrowedFd<'_>, anew: &str, restored: &mut Vec<Restored>) -> io::Result<pipe::Receiver> {
    if let Ok(own) = pipe::OpenOptions::new().open_receiver(anew) {
        return Ok(own);
    }
    restored.extend(Restored::of(stdin)?);
    pipe::Receiver::from_owned_fd(stdin.try_clone_to_owned()?)
}

fn sender(stdout: BorrowedFd<'_>, anew: &str, restored: &mut Vec<Restored>) -> io::Result<pipe::Sender> {
    if let Ok(own) = pipe::OpenOptions::new().open_sender(anew) {
        return Ok(own);
    }
    restored.extend(Restored::of(stdout)?);
    pipe::Sender::from_owned_fd(stdout.try_clone_to_owned()?)
}

fn socket(descriptor: BorrowedFd<'_>, restored: &mut Vec<Restored>) -> io::Result<UnixStream> {
    restored.extend(Restored::of(descriptor)?);
    let stream = StdUnixStream::from(descriptor.try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Whoever reads our output, where that is a pipe: a second writing end of it, which is only looked at.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Option<Arc<pipe::Sender>>);

impl Reader {
    /// Waits until nobody reads any more; for ever if that cannot be known.
    pub(crate) async fn gone(&self) {
        match &self.0 {
            Some(pipe) if pipe.ready(Interest::ERROR).await.is_ok() => {}
            _ => std::future::pending().await,
        }
    }
}

/// A descriptor whose flags are put back at the end: its file may be shared with other programs.
struct Restored {
    descriptor: OwnedFd,
    flags: OFlags,
}

impl Restored {
    /// `None` if it never waits already.
    fn of(descriptor: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        let flags = fcntl_getfl(descriptor)?;
        if flags.contains(OFlags::NONBLOCK) {
            return Ok(None);
        }
        Ok(Some(Self { descriptor: descriptor.try_clone_to_owned()?, flags }))
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = fcntl_setfl(&self.descriptor, self.flags);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn waits(descriptor: impl AsFd) -> bool {
        !fcntl_getfl(descriptor.as_fd()).unwrap().contains(OFlags::NONBLOCK)
    }

    /// N6: a pipe that cannot be opened anew is used as it is, and waits again afterwards.
    #[tokio::test]
    async fn a_pipe_that_cannot_be_opened_anew_is_used_and_its_flags_are_put_back() {
        let (from, to) = io::pipe().unwrap();
        let mut restored = Vec::new();
        let nowhere = "/nowhere/self/fd/0";
        let mut input = receiver(from.as_fd(), nowhere, &mut restored).unwrap();
        let mut output = sender(to.as_fd(), nowhere, &mut restored).unwrap();
        assert!(!waits(&from) && !waits(&to));
        output.write_all(b"bytes").await.unwrap();
        let mut got = [0; 5];
        input.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"bytes");
        drop((input, output, restored));
        assert!(waits(&from) && waits(&to));
    }
}
