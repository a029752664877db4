//! The bytes inside a WebSocket's binary messages (RFC 6455), as a byte stream.
//!
//! The framing is ours (docs/decisions/0011-own-websocket-framing.md): SSH needs the client's half of it without text, extensions or
//! whole messages, but with payload passed on as it arrives, so that neither a long message nor a long
//! frame costs memory. What comes from the server is bounded: 1 MiB for a frame, a number for frames
//! without data, one answer for any number of pings.

mod frame;
mod handshake;
mod inbound;
mod keep_alive;
mod outbound;
mod wakers;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use anyssh_core::{ErrorKind, ProviderError};
use anyssh_http::Secrets;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use inbound::{Inbound, Item};
use keep_alive::KeepAliveClock;
use outbound::Outbound;
use wakers::Wakers;

pub use frame::LARGEST_FRAME;
pub(crate) use handshake::upgrade;
pub use inbound::Close;
pub use keep_alive::KeepAlive;

/// A WebSocket after its handshake, over any connection. It ends for reading when the server closes it
/// or the connection ends. There is no half-close in a WebSocket: after `shutdown`, which sends a close
/// frame, the server may still send what it has.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    connection: S,
    inbound: Inbound,
    outbound: Outbound,
    clock: KeepAliveClock,
    closed: Option<Close>,
    ended: bool,
    wakers: Arc<Wakers>,
    /// Wakes reader and writer: whoever of them polls the connection's write side, it is for both.
    both: Waker,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A WebSocket on a connection that was switched to it. The `secrets` were sent on the way there.
    pub(crate) fn new(connection: S, secrets: Secrets, keep_alive: KeepAlive) -> Self {
        let wakers = Arc::new(Wakers::default());
        let both = Waker::from(Arc::clone(&wakers));
        Self {
            connection,
            inbound: Inbound::new(secrets),
            outbound: Outbound::default(),
            clock: KeepAliveClock::new(keep_alive),
            closed: None,
            ended: false,
            wakers,
            both,
        }
    }

    /// How the server closed it, once it did.
    pub(crate) fn closed(&self) -> Option<&Close> {
        self.closed.as_ref()
    }

    /// Text of the server's, fit to be shown.
    pub(crate) fn shown(&self, text: &[u8]) -> String {
        self.inbound.shown(text)
    }

    /// Takes in what is there until there is payload or the end.
    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            match self.inbound.next().map_err(|what| misbehaved(&what))? {
                Item::Payload => return Poll::Ready(Ok(())),
                Item::Nothing => ready!(self.poll_more(cx))?,
                Item::Ping(payload) => {
                    self.outbound.answer(payload);
                    // What cannot be sent any more does not undo what was received before.
                    let _ = self.send_now();
                }
                Item::Pong => {}
                Item::Close(close) => {
                    (self.closed, self.ended) = (Some(close), true);
                    self.outbound.close();
                    // Whether the answer still gets through changes nothing: the server is done.
                    let _ = self.send_now();
                }
            }
        }
    }

    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = ReadBuf::new(self.inbound.room());
        match Pin::new(&mut self.connection).poll_read(cx, &mut room) {
            Poll::Ready(read) => {
                read?;
                let count = room.filled().len();
                self.inbound.add(count);
                self.clock.heard();
                self.ended = count == 0;
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                self.wakers.set_reader(cx.waker());
                self.poll_clock();
                // Only here nothing of the server's is left that we could have heard.
                self.clock.check().map_err(|limit| silent(limit.as_secs()))?;
                Poll::Pending
            }
        }
    }

    /// Sends a ping when it is time for one.
    fn poll_clock(&mut self) {
        let mut cx = Context::from_waker(&self.both);
        if self.clock.poll_due(&mut cx) {
            self.outbound.ping();
            // One that cannot be sent is one that nobody answers.
            let _ = self.send_now();
        }
    }

    /// Sends what can be sent without waiting; whoever writes next sends the rest.
    fn send_now(&mut self) -> io::Result<()> {
        match self.poll_sent() {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn poll_sent(&mut self) -> Poll<io::Result<()>> {
        let mut cx = Context::from_waker(&self.both);
        self.outbound.poll_sent(Pin::new(&mut self.connection), &mut cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncBufRead for WebSocket<S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_payload(cx))?;
        Poll::Ready(Ok(if this.ended { &[] } else { this.inbound.payload() }))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        self.get_mut().inbound.consume(count);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let payload = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = payload.len().min(into.remaining());
        into.put_slice(&payload[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    /// Takes at most 64 KiB, as one binary message. No second one is taken before the first is sent.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wakers.set_writer(cx.waker());
        this.poll_clock();
        if this.ended || this.outbound.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if this.outbound.is_full() {
            ready!(this.poll_sent())?;
        }
        let count = this.outbound.data(bytes);
        this.send_now()?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.set_writer(cx.waker());
        this.poll_clock();
        this.poll_sent()
    }

    /// Sends a close frame; the connection stays open for what the server still sends.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.set_writer(cx.waker());
        this.outbound.close();
        this.poll_sent()
    }
}

fn misbehaved(what: &str) -> io::Error {
    let message = format!("the tunnel's server broke the WebSocket protocol: {what}");
    io::Error::new(io::ErrorKind::InvalidData, ProviderError::new(ErrorKind::Protocol, message))
}

fn silent(seconds: u64) -> io::Error {
    let message = format!("the tunnel's server did not answer a ping within {seconds} s");
    io::Error::new(io::ErrorKind::TimedOut, ProviderError::new(ErrorKind::Unavailable, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    fn pair(room: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(room);
        let mut secrets = Secrets::default();
        secrets.hide(&"Bearer hunter22".into());
        (WebSocket::new(ours, secrets, KeepAlive::default()), theirs)
    }

    async fn read_all(
        mut server: DuplexStream,
        bytes: &[u8],
        mut client: WebSocket<DuplexStream>,
    ) -> io::Result<Vec<u8>> {
        server.write_all(bytes).await.unwrap();
        drop(server);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.map(|_| read)
    }

    #[tokio::test]
    async fn fragments_empty_frames_and_pings_between_are_one_stream() {
        let (client, server) = pair(1024);
        let bytes = [
            &[0x02, 2, b'a', b'b'][..],
            &[0x89, 1, b'?'],
            &[0x00, 0],
            &[0x8a, 0],
            &[0x80, 3, b'c', b'd', b'e'],
            &[0x82, 1, b'f'],
            &[0x88, 2, 0x03, 0xe8],
            &[0xff; 7], // after the close frame nothing counts
        ];
        assert_eq!(read_all(server, &bytes.concat(), client).await.unwrap(), b"abcdef");
    }

    /// N5: each of these ends the tunnel with an error that names it.
    #[tokio::test]
    async fn hostile_frames_end_the_stream_and_are_named() {
        let flood = [0x89, 0].repeat(3000);
        for (bytes, name) in [
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 0x10, 0, 1][..], "the limit is 1048576"),
            (&[0xc2, 0][..], "reserved bits"),
            (&[0x82, 0x81, 0, 0, 0, 0, 0], "masked"),
            (&[0x80, 1, b'x'], "not begun"),
            (&[0x02, 1, b'x', 0x82, 1, b'y'], "inside another"),
            (&[0x81, 3, b'n', 0x1b, b'o'], r"text message in place of SSH's bytes: n\x1bo"),
            (b"\x81\x0dnot hunter22!", "bytes: not ***!"),
            (&[0x83, 0], "unknown type 0x3"),
            (&[0x88, 1, 9], "close frame of one byte"),
            (&[0x89, 0x7e, 1, 0], "control frame"),
            (&flood, "frames without data"),
        ] {
            let (client, server) = pair(64 * 1024);
            let error = read_all(server, bytes, client).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains(name), "{name}: {error}");
        }
    }

    /// S10: its words are escaped, and our own token is not among them.
    #[tokio::test]
    async fn a_close_frame_ends_the_stream_with_its_reason_and_is_answered() {
        let (mut client, mut server) = pair(1024);
        server.write_all(b"\x82\x01x\x88\x0f\x03\xf3bye hunter22\x07").await.unwrap();
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        let close = client.closed().unwrap();
        assert_eq!((read, close.code, close.reason.as_str()), (b"x".to_vec(), Some(1011), r"bye ***\x07"));
        assert!(!close.is_normal() && close.to_string() == r"close code 1011: bye ***\x07");
        assert_eq!(client.write(b"y").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut answer = [0; 8];
        server.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[..2], [0x88, 0x82]);
    }

    /// N5: while nothing can be sent, any number of pings costs one answer, the last one's.
    #[tokio::test]
    async fn pings_that_cannot_be_answered_are_answered_once() {
        let (mut client, mut server) = pair(40);
        client.write_all(&[1; 100]).await.unwrap();
        for number in 0..20 {
            server.write_all(&[0x89, 1, number]).await.unwrap();
            let nothing = tokio::time::timeout(Duration::from_millis(1), client.read_u8()).await;
            assert!(nothing.is_err());
        }
        let reading = tokio::spawn(async move {
            let mut sent = vec![0; 106 + 7];
            server.read_exact(&mut sent).await.unwrap();
            (sent, server)
        });
        client.flush().await.unwrap();
        let (sent, _server) = reading.await.unwrap();
        assert_eq!(sent[106..108], [0x8a, 0x81]);
        assert_eq!(sent[112] ^ sent[108], 19);
    }

    /// Reader and writer are different tasks here: what one of them puts off must wake the other.
    #[tokio::test]
    async fn a_stream_split_between_two_tasks_loses_no_wakeup() {
        let (client, server) = pair(50);
        let (mut reader, mut writer) = tokio::io::split(client);
        let (mut from_client, mut to_client) = tokio::io::split(server);
        let pings = tokio::spawn(async move {
            for _ in 0..200 {
                to_client.write_all(&[0x89, 1, b'?', 0x82, 1, b'x']).await.unwrap();
            }
            to_client.write_all(&[0x88, 0]).await.unwrap();
            to_client
        });
        let reading = tokio::spawn(async move {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).await.unwrap();
            read.len()
        });
        let draining = tokio::spawn(async move {
            let mut chunk = [0; 64];
            while from_client.read(&mut chunk).await.unwrap() > 0 {}
        });
        // Until the server closes.
        while writer.write_all(&[7; 1000]).await.is_ok() {}
        assert_eq!(reading.await.unwrap(), 200);
        drop((writer, pings.await.unwrap()));
        draining.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_tunnel_is_pinged_and_a_silent_one_ends() {
        let (mut client, mut server) = pair(1024);
        let start = tokio::time::Instant::now();
        let reading = tokio::spawn(async move { (client.read_u8().await.unwrap_err(), client) });
        let mut ping = [0; 6];
        server.read_exact(&mut ping).await.unwrap();
        assert_eq!((ping[..2].to_vec(), start.elapsed().as_secs()), (vec![0x89, 0x80], 20));
        server.write_all(&[0x8a, 0]).await.unwrap();
        server.read_exact(&mut ping).await.unwrap();
        assert_eq!((ping[0], start.elapsed().as_secs()), (0x89, 40));
        let (error, _client) = reading.await.unwrap();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 60));
        assert!(error.to_string().contains("did not answer a ping within 20 s"), "{error}");
    }
}
