//! Connections through the gateway, and how they are cut.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyssh_server::Cut;
use hyper::body::Bytes;
use tokio::io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::broadcast;

use super::pod::Place;
use crate::emulator::http::lock;
use crate::emulator::tls::Connection;

/// What tunnels are told.
#[derive(Debug)]
pub(super) struct Cuts {
    orders: broadcast::Sender<Order>,
    after: Mutex<Option<(u64, Cut)>>,
    open: AtomicUsize,
}

#[derive(Clone, Debug)]
enum Order {
    All(Cut),
    EndOf(Place),
}

/// What a close frame of a server begins with (RFC 6455 §5.5.1): FIN, opcode 8, no mask, two bytes of code.
const CLOSE_FRAME: [u8; 2] = [0x88, 2];

/// How long the client of a closed connection may take to close its own side.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Cuts {
    pub(super) fn new() -> Self {
        Self { orders: broadcast::Sender::new(16), after: Mutex::new(None), open: AtomicUsize::new(0) }
    }

    /// How many tunnels there are now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    pub(super) fn all(&self, cut: Cut) {
        // Nobody listens if no tunnel is open.
        let _ = self.orders.send(Order::All(cut));
    }

    /// The pod is gone.
    pub(super) fn end_of(&self, place: &Place) {
        let _ = self.orders.send(Order::EndOf(place.clone()));
    }

    /// Cuts each tunnel that is opened from now on when it has passed on so many bytes, both ways
    /// together.
    pub(super) fn set_after(&self, after: Option<(u64, Cut)>) {
        *lock(&self.after) = after;
    }

    /// Passes on between a client and a pod until one of them ends, or until it is cut.
    pub(super) async fn relay(&self, place: &Place, client: (Connection, Bytes), pod: (TcpStream, Vec<u8>)) {
        self.open.fetch_add(1, Ordering::AcqRel);
        let _open = Counted(&self.open);
        let ((mut client, from_client), (mut pod, from_pod)) = (client, pod);
        let cut = self.pass(place, (&mut client, &from_client), (&mut pod, &from_pod)).await;
        // What goes wrong with a connection that is to end is its end.
        let _ = apply(cut, client, pod).await;
    }

    async fn pass(&self, place: &Place, client: (&mut Connection, &[u8]), pod: (&mut TcpStream, &[u8])) -> Cut {
        let mut orders = self.orders.subscribe();
        let (limit, at_limit) = (*lock(&self.after)).map_or((u64::MAX, Cut::Fin), |(bytes, cut)| (bytes, cut));
        let left = AtomicU64::new(limit);
        let ((from_client, to_client), (from_pod, to_pod)) = (io::split(client.0), pod.0.split());
        let order = async {
            loop {
                match orders.recv().await {
                    Ok(Order::All(cut)) => return cut,
                    Ok(Order::EndOf(gone)) if gone == *place => return Cut::Fin,
                    Ok(Order::EndOf(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return Cut::Fin,
                }
            }
        };
        tokio::select! {
            cut = order => cut,
            ended = pump(client.1, from_client, to_pod, &left) => ended.map_or(Cut::Fin, |()| at_limit),
            ended = pump(pod.1, from_pod, to_client, &left) => ended.map_or(Cut::Fin, |()| at_limit),
        }
    }
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Passes on one way. `Ok` if the limit was reached, an error at the end.
async fn pump(
    early: &[u8],
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    left: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = early;
    loop {
        let (before, count) = (left.load(Ordering::Acquire), bytes.len() as u64);
        let allowed = usize::try_from(before).map_or(bytes.len(), |before| before.min(bytes.len()));
        left.fetch_sub(count.min(before), Ordering::AcqRel);
        to.write_all(&bytes[..allowed]).await?;
        to.flush().await?;
        if count >= before {
            return Ok(());
        }
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &buffer[..count];
    }
}

async fn apply(cut: Cut, mut client: Connection, pod: TcpStream) -> io::Result<()> {
    match cut {
        Cut::Rst => client.tcp().set_zero_linger(),
        Cut::Fin => close(client, pod).await,
        Cut::CloseFrame(code) => {
            client.write_all(&[CLOSE_FRAME, code.to_be_bytes()].concat()).await?;
            client.flush().await?;
            close(client, pod).await
        }
        // And what else may come: both stay open for as long as the emulator runs.
        _ => {
            let _held = (client, pod);
            std::future::pending().await
        }
    }
}

/// Says that nothing more comes, and takes what does still come: otherwise the system resets.
async fn close(mut client: Connection, pod: TcpStream) -> io::Result<()> {
    drop(pod);
    client.shutdown().await?;
    let mut nowhere = io::sink();
    let drained = io::copy(&mut client, &mut nowhere);
    tokio::time::timeout(LAST_WORDS, drained).await.map_or(Ok(()), |copied| copied.map(|_| ()))
}

/// A connection to a port of this machine.
pub(super) async fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
