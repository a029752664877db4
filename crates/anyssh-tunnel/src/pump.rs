//! Bytes between a stream and a program's own streams, until either side ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyssh_core::{ErrorKind, ProviderError, escape};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::{Duration, Instant, Sleep, sleep, timeout};

use crate::stdio::Stdio;
use crate::stream::Stream;
use crate::web_socket::Close;

/// Who ended a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Our side: its input was over, or nobody reads its output any more.
    Here,
    /// The server.
    There {
        /// Its close frame, where there was one.
        close: Option<Close>,
        /// How many bytes it had sent.
        received: u64,
    },
}

impl Ended {
    /// Whether it ended as it should: our side did, or the server after it had said something, in a normal way.
    pub fn is_good(&self) -> bool {
        match self {
            Self::Here => true,
            Self::There { close, received } => *received > 0 && close.as_ref().is_none_or(Close::is_normal),
        }
    }

    /// The server's end as an error, for whoever still needed it; `None` if our side ended.
    pub fn server_failure(&self) -> Option<ProviderError> {
        let Self::There { close, received } = self else { return None };
        let how = close.as_ref().map(|close| format!(" ({close})")).unwrap_or_default();
        let when = if *received == 0 { " before the SSH server said anything" } else { "" };
        let message = format!("the tunnel was ended by its server{when}{how}");
        Some(ProviderError::new(ErrorKind::Unavailable, message))
    }
}

/// Carries bytes both ways until either side ends, and then no longer.
///
/// When the server ends, everything it sent is written first, and the end follows at once. When the input
/// ends, everything read is sent, then the end: over TCP what the server still sends is awaited, over a
/// WebSocket its close frame, or two seconds without a byte. A reader of the output that goes away ends
/// the tunnel quietly.
///
/// # Errors
/// When the connection breaks, is silent, or carries what is no WebSocket; when our own streams fail.
pub async fn pump(stream: &mut Stream, stdio: &mut Stdio) -> Result<Ended, ProviderError> {
    let Stdio { input, output, reader, .. } = stdio;
    let half_close = stream.has_half_close();
    let mut pump = Pump::new(half_close);
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| pump.poll(cx, Pin::new(&mut *stream), Pin::new(&mut *input), Pin::new(&mut *output))) => ended,
        () = reader.gone() => Ok(End::Here),
    };
    let received = pump.received;
    match ended {
        Ok(End::There) => Ok(Ended::There { close: stream.closed().cloned(), received }),
        Ok(End::Here) => {
            goodbye(stream).await;
            Ok(Ended::Here)
        }
        Err(Broken::Stream(error)) => {
            // What came before is for the reader all the same; a file is written in another thread.
            let _ = timeout(GOODBYE, output.flush()).await;
            Err(broken(error))
        }
        Err(Broken::Own(error)) => {
            goodbye(stream).await;
            if is_gone(&error) {
                return Ok(Ended::Here);
            }
            let message = format!("standard input or output: {error}");
            Err(ProviderError::new(ErrorKind::Local, message).with_source(error))
        }
    }
}

/// A stream's error, with the words that it was made with or those of the system.
pub(crate) fn broken(error: io::Error) -> ProviderError {
    match error.downcast::<ProviderError>() {
        Ok(own) => own,
        Err(error) => {
            let why = escape::printable(&error.to_string(), escape::MESSAGE_CAP);
            ProviderError::new(ErrorKind::Unavailable, format!("the tunnel broke: {why}")).with_source(error)
        }
    }
}

/// A close frame, if the server takes it at once.
async fn goodbye(stream: &mut Stream) {
    let closing = poll_fn(|cx| Pin::new(&mut *stream).poll_shutdown(cx));
    let _ = timeout(GOODBYE, closing).await;
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Here,
    There,
}

#[derive(Debug)]
enum Broken {
    Stream(io::Error),
    Own(io::Error),
}

/// What was read and not sent yet, and how far the end is.
#[derive(Debug)]
struct Pump {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    sending: Sending,
    half_close: bool,
    received: u64,
    /// Set when our side is done: when to stop waiting for the server's.
    linger: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    Open,
    Closing,
    /// Closed, or broken: the server may still have sent something that explains it.
    Over,
}

impl Pump {
    fn new(half_close: bool) -> Self {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Self { buffer, start: 0, end: 0, sending: Sending::Open, half_close, received: 0, linger: None }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut Stream>,
        input: Pin<&mut (impl AsyncRead + ?Sized)>,
        output: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Poll<Result<End, Broken>> {
        self.poll_up(cx, stream.as_mut(), input)?;
        match (self.poll_down(cx, stream, output)?, &mut self.linger) {
            (Down::Ended(end), _) => Poll::Ready(Ok(end)),
            (Down::Silent, Some(linger)) => linger.as_mut().poll(cx).map(|()| Ok(End::Here)),
            // A slow reader of ours is not a silent server: nothing that came is dropped for it.
            (Down::Silent, None) | (Down::NoRoom, _) => Poll::Pending,
        }
    }

    /// From the input to the stream, as far as both go.
    fn poll_up(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut Stream>,
        mut input: Pin<&mut (impl AsyncRead + ?Sized)>,
    ) -> Result<(), Broken> {
        while self.sending == Sending::Open {
            if self.start < self.end {
                match stream.as_mut().poll_write(cx, &self.buffer[self.start..self.end]) {
                    Poll::Ready(Ok(count)) => self.start += count,
                    Poll::Ready(Err(_)) => self.sending = Sending::Over,
                    Poll::Pending => return Ok(()),
                }
                continue;
            }
            let mut room = ReadBuf::new(&mut self.buffer);
            match input.as_mut().poll_read(cx, &mut room) {
                Poll::Ready(Ok(())) => (self.start, self.end) = (0, room.filled().len()),
                Poll::Ready(Err(error)) => return Err(Broken::Own(error)),
                Poll::Pending => break,
            }
            if self.end == 0 {
                self.sending = Sending::Closing;
            }
        }
        let sent = match self.sending {
            Sending::Over => return Ok(()),
            Sending::Open => stream.as_mut().poll_flush(cx),
            Sending::Closing => stream.as_mut().poll_shutdown(cx),
        };
        match sent {
            Poll::Ready(Ok(())) if self.sending == Sending::Closing => {
                self.sending = Sending::Over;
                self.linger = (!self.half_close).then(|| Box::pin(sleep(LINGER)));
            }
            Poll::Ready(Err(_)) => self.sending = Sending::Over,
            _ => {}
        }
        Ok(())
    }

    /// From the stream to the output, as far as both go.
    fn poll_down(
        &mut self,
        cx: &mut Context<'_>,
        mut stream: Pin<&mut Stream>,
        mut output: Pin<&mut (impl AsyncWrite + ?Sized)>,
    ) -> Result<Down, Broken> {
        loop {
            let bytes = match stream.as_mut().poll_fill_buf(cx) {
                Poll::Ready(bytes) => bytes.map_err(Broken::Stream)?,
                // What is written has to arrive while nothing else happens.
                Poll::Pending => return flushed(output.as_mut().poll_flush(cx), Down::Silent),
            };
            if bytes.is_empty() {
                return flushed(output.as_mut().poll_flush(cx), Down::Ended(End::There));
            }
            match output.as_mut().poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Ok(Down::Ended(End::Here)),
                Poll::Ready(Ok(count)) => {
                    stream.as_mut().consume(count);
                    self.received += count as u64;
                }
                Poll::Ready(Err(error)) => return Err(Broken::Own(error)),
                Poll::Pending => return Ok(Down::NoRoom),
            }
            if let Some(linger) = &mut self.linger {
                linger.as_mut().reset(Instant::now() + LINGER);
            }
        }
    }
}

/// How far the way from the stream to the output went.
#[derive(Debug)]
enum Down {
    Ended(End),
    /// All there is was written.
    Silent,
    /// Our reader is slow.
    NoRoom,
}

/// `then`, once everything is written.
fn flushed(flush: Poll<io::Result<()>>, then: Down) -> Result<Down, Broken> {
    match flush {
        Poll::Ready(Ok(())) => Ok(then),
        Poll::Ready(Err(error)) => Err(Broken::Own(error)),
        Poll::Pending => Ok(Down::NoRoom),
    }
}

/// Whether the program on our side is gone: the end, and no error. A socket that is closed over bytes which
/// nobody read is reset.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

const BUFFER: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(2);
const GOODBYE: Duration = Duration::from_millis(500);
