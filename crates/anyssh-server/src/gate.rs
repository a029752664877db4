//! Holding back a client that sends faster than commands read.
//!
//! russh grants a channel's window when bytes arrive, not when they are used, and its session loop
//! must never wait for a command, which may itself wait for the loop to take its output. So input is queued without a limit for each channel, and this gate, which stands
//! between the socket and russh, stops reading from the socket while too much is queued.
//!
//! There is one case in which it must go on reading: when output is stuck. The window adjustment or
//! the key exchange that frees the output may stand behind the input.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Above this, in bytes, reading stops unless output is stuck.
const ENOUGH: usize = 8 * 1024 * 1024;

/// Above this, in bytes, the connection ends: a client keeps sending to a command that does not read,
/// while it does not read the command's output. `sshd` would hold it back; russh 0.65 cannot.
const TOO_MUCH: usize = 512 * 1024 * 1024;

/// What is queued in one connection.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    queued: usize,
    stuck: usize,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Gate {
    /// This many bytes are waiting for a command now.
    pub(crate) fn add(&self, bytes: usize) {
        let mut state = self.state();
        state.queued += bytes;
        if state.queued > TOO_MUCH {
            state.close();
        }
    }

    /// This many bytes have been used, or nobody will.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.queued = state.queued.saturating_sub(bytes);
        if state.queued <= ENOUGH {
            state.wake_reader();
        }
    }

    /// Says that output is stuck until the value is dropped.
    pub(crate) fn stuck(self: &Arc<Self>) -> Stuck {
        let mut state = self.state();
        state.stuck += 1;
        state.wake_reader();
        Stuck(Arc::clone(self))
    }

    /// Ends the connection: reads find its end, writes fail.
    pub(crate) fn close(&self) {
        self.state().close();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self) {
        self.closed = true;
        self.wake_reader();
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// Output is stuck while this lives.
#[derive(Debug)]
pub(crate) struct Stuck(Arc<Gate>);

impl Drop for Stuck {
    fn drop(&mut self) {
        self.0.state().stuck -= 1;
    }
}

/// Closes the gate when it is dropped.
#[derive(Debug)]
pub(crate) struct CloseOnDrop(pub(crate) Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A socket behind a gate.
#[derive(Debug)]
pub(crate) struct GatedStream {
    pub(crate) stream: TcpStream,
    pub(crate) gate: Arc<Gate>,
}

impl AsyncRead for GatedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        {
            let mut state = self.gate.state();
            if state.closed {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
            if state.queued > ENOUGH && state.stuck == 0 {
                return Poll::Pending;
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for GatedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        {
            let mut state = self.gate.state();
            if state.closed {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            state.writer = Some(cx.waker().clone());
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
