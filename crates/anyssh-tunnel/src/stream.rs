//! A dialled transport, as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyssh_core::escape;
use anyssh_http::UpgradedStream;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;

use crate::web_socket::{Close, WebSocket};

/// The bytes of a session's transport, both ways. Reading and writing may happen in two tasks
/// ([`tokio::io::split`]).
///
/// Over TCP `shutdown` ends one direction. Over a WebSocket it sends a close frame, after which the server
/// may still send what it has: it says itself when it is done.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(BufReader<TcpStream>),
    WebSocket(Box<WebSocket<UpgradedStream>>),
}

impl Stream {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self(Kind::Tcp(BufReader::with_capacity(TCP_BUFFER, stream)))
    }

    pub(crate) fn web_socket(stream: WebSocket<UpgradedStream>) -> Self {
        Self(Kind::WebSocket(Box::new(stream)))
    }

    /// How the server closed a WebSocket, once it did with a close frame.
    pub fn closed(&self) -> Option<&Close> {
        match &self.0 {
            Kind::Tcp(_) => None,
            Kind::WebSocket(stream) => stream.closed(),
        }
    }

    /// Text that came through, fit to be shown.
    pub(crate) fn shown(&self, text: &[u8]) -> String {
        match &self.0 {
            Kind::Tcp(_) => escape::printable_bytes(text, escape::MESSAGE_CAP),
            Kind::WebSocket(stream) => stream.shown(text),
        }
    }

    /// Whether the other direction may stay open for as long as the server likes after `shutdown`.
    pub(crate) fn has_half_close(&self) -> bool {
        matches!(self.0, Kind::Tcp(_))
    }
}

impl AsyncBufRead for Stream {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_fill_buf(cx),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).poll_fill_buf(cx),
        }
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).consume(count),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).consume(count),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::WebSocket(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

const TCP_BUFFER: usize = 128 * 1024;
