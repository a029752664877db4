//! What is sent to a server: whole masked frames, at most one of data at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::frame::{LONGEST_CONTROL, LONGEST_HEAD, Opcode, write};

/// The longest message that is sent. Servers are known to take 64 KiB.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// Frames that wait to be sent. Bounded: one of data, and one of each kind of control.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    frames: Vec<u8>,
    sent: usize,
    pong: Option<Vec<u8>>,
    ping: bool,
    close: Closing,
    unflushed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    No,
    Asked,
    Written,
}

impl Outbound {
    /// Whether no more data is taken before something is sent.
    pub(crate) fn is_full(&self) -> bool {
        self.sent < self.frames.len()
    }

    /// Takes the start of `bytes` as one message; how many it took.
    pub(crate) fn data(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(LONGEST_MESSAGE);
        if count > 0 {
            self.frame(Opcode::Binary, &bytes[..count]);
        }
        count
    }

    /// Answers a ping. Of several that wait only the last is answered (RFC 6455 §5.5.3).
    pub(crate) fn answer(&mut self, payload: Vec<u8>) {
        self.pong = Some(payload);
    }

    /// Asks the other side whether it is there.
    pub(crate) fn ping(&mut self) {
        self.ping = true;
    }

    /// Ends the stream after what is already taken.
    pub(crate) fn close(&mut self) {
        if self.close == Closing::No {
            self.close = Closing::Asked;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.close != Closing::No
    }

    /// Sends all there is.
    pub(crate) fn poll_sent(
        &mut self,
        mut connection: Pin<&mut impl AsyncWrite>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.frames.len() {
                let count = ready!(connection.as_mut().poll_write(cx, &self.frames[self.sent..]))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += count;
                self.unflushed = true;
            }
            self.frames.clear();
            self.sent = 0;
            self.control();
            if self.frames.is_empty() {
                break;
            }
        }
        if self.unflushed {
            // TLS keeps what it encrypted until it is flushed.
            ready!(connection.poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the control frames that wait, between frames of data.
    fn control(&mut self) {
        if self.close == Closing::Written {
            // Nothing follows a close frame (RFC 6455 §5.5.1).
            (self.pong, self.ping) = (None, false);
            return;
        }
        if let Some(payload) = self.pong.take() {
            self.frame(Opcode::Pong, &payload);
        }
        if std::mem::take(&mut self.ping) {
            self.frame(Opcode::Ping, &[]);
        }
        if self.close == Closing::Asked {
            self.close = Closing::Written;
            self.frame(Opcode::Close, &NORMAL.to_be_bytes());
        }
    }

    fn frame(&mut self, opcode: Opcode, payload: &[u8]) {
        if self.frames.capacity() == 0 {
            self.frames.reserve_exact(LONGEST_MESSAGE + 4 * LONGEST_HEAD + LONGEST_CONTROL as usize);
        }
        // Unpredictable, so that nobody can choose what stands on the wire (RFC 6455 §10.3).
        write(&mut self.frames, opcode, payload, rand::random());
    }
}

/// Normal closure (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;
