//! One connection: a request, its answer, and the tunnel.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::frames::{BINARY, CLOSE, CONTINUATION, FrameHead, PING, PONG, TEXT, head};
use super::head::{RequestHead, refusal};
use super::{Act, Cut, Frames, Shared};

/// How long a client may take for its request.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// How long a client may take to close after us.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(128 * 1024, stream);
    let request = timeout(REQUEST_TIME, RequestHead::read(&mut stream)).await??;
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.line.clone());
    let act = shared.script.act();
    let answer = match &act {
        Act::Status(status) => Err(refusal(*status, "", "")),
        Act::Redirect(place) => Err(refusal(302, &format!("Location: {place}\r\n"), "")),
        Act::Page => Err(refusal(200, "Content-Type: text/plain\r\n", "ok")),
        Act::Hang => return std::future::pending().await,
        Act::Close => return Ok(()),
        Act::Reset => return reset(stream.get_ref()),
        Act::Late(wait) => {
            sleep(*wait).await;
            switch(&request, shared, None)
        }
        Act::WithHeader(line) => switch(&request, shared, Some(line)),
        Act::WrongAccept => switch(&request, shared, None).map(|answer| answer.replace("Accept: ", "Accept: x")),
        Act::Work | Act::Bytes(_) | Act::NoUpstream => switch(&request, shared, None),
    };
    let (Ok(text) | Err(text)) = &answer;
    stream.write_all(text.as_bytes()).await?;
    match (answer, act) {
        (Err(_), _) => finish(stream).await,
        (Ok(_), Act::NoUpstream) => Ok(()),
        (Ok(_), Act::Bytes(bytes)) => {
            stream.write_all(&bytes).await?;
            finish(stream).await
        }
        (Ok(_), _) => {
            // As with real gateways the answer is sent before anybody is reached.
            let Ok(upstream) = TcpStream::connect(shared.upstream).await else { return Ok(()) };
            upstream.set_nodelay(true)?;
            let _open = Counted::new(shared);
            tunnel(stream, upstream, shared).await
        }
    }
}

fn switch(request: &RequestHead, shared: &Shared, more: Option<&str>) -> Result<String, String> {
    let bearer = shared.bearer.lock().unwrap_or_else(PoisonError::into_inner);
    if !request.is_allowed(bearer.as_ref()) {
        return Err(refusal(401, "", ""));
    }
    request.switch(more).map_err(|status| refusal(status, "", ""))
}

/// Ends a connection so that what was written arrives.
async fn finish(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    stream.shutdown().await?;
    drain(&mut stream).await;
    Ok(())
}

/// Reads on until the client is done too: closing over unread bytes would reset the connection, and what was
/// written with it.
async fn drain(client: &mut (impl AsyncRead + Unpin)) {
    let mut rest = vec![0; 16 * 1024];
    let draining = async { while client.read(&mut rest).await.is_ok_and(|count| count > 0) {} };
    let _ = timeout(DRAIN_TIME, draining).await;
}

/// An RST in place of a FIN.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}

struct Counted<'a>(&'a Shared);

impl<'a> Counted<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How one direction ended.
enum End {
    /// Nothing more is to come; the other direction ends with it.
    Over,
    Cut(Cut),
}

async fn tunnel(stream: BufReader<TcpStream>, upstream: TcpStream, shared: &Shared) -> io::Result<()> {
    // Bytes that came with the request are in the buffer, so it goes along with the reading half.
    let early = stream.buffer().to_vec();
    let stream = stream.into_inner();
    let (client_read, mut client_write) = stream.into_split();
    let (upstream_read, upstream_write) = upstream.into_split();
    let mut from_client = BufReader::with_capacity(128 * 1024, io::Cursor::new(early).chain(client_read));
    let mut cuts = shared.cuts.subscribe();
    cuts.mark_unchanged();
    // Pongs go between the frames of data, so one task writes both.
    let (pongs, mut waiting) = mpsc::channel(16);
    let end = tokio::select! {
        up = up(&mut from_client, upstream_write, pongs) => up.map(|()| End::Over),
        down = down(upstream_read, &mut client_write, &mut waiting, shared) => down,
        _ = cuts.changed() => Ok(End::Cut((*cuts.borrow()).unwrap_or(Cut::Fin))),
    };
    match end {
        Ok(End::Cut(Cut::BlackHole)) => return std::future::pending().await,
        Ok(End::Cut(Cut::Rst)) => {
            reset(client_write.as_ref())?;
            // Dropped, it would send a FIN first.
            client_write.forget();
            return Ok(());
        }
        Ok(End::Cut(Cut::CloseFrame(code))) => close(&mut client_write, &code.to_be_bytes()).await?,
        Ok(End::Cut(Cut::Fin)) => client_write.shutdown().await?,
        Ok(End::Over) => close(&mut client_write, &[]).await?,
        Err(error) => return Err(error),
    }
    drain(&mut from_client).await;
    Ok(())
}

async fn close(client: &mut OwnedWriteHalf, payload: &[u8]) -> io::Result<()> {
    client.write_all(&[head(true, CLOSE, payload.len()), payload.to_vec()].concat()).await?;
    client.shutdown().await
}

/// From the client to the server behind, until the client closes.
async fn up(
    client: &mut (impl tokio::io::AsyncBufRead + Unpin),
    mut upstream: OwnedWriteHalf,
    pongs: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut scratch = Vec::new();
    loop {
        let frame = FrameHead::read(client).await?;
        match frame.opcode {
            CONTINUATION | TEXT | BINARY => frame.copy(client, &mut upstream, &mut scratch).await?,
            PING => {
                let mut payload = Vec::new();
                frame.copy(client, &mut payload, &mut scratch).await?;
                // A client that floods us waits with us.
                let _ = pongs.send(payload).await;
            }
            CLOSE => {
                // The server behind may still be busy with what came before.
                return upstream.shutdown().await;
            }
            _ => frame.copy(client, &mut tokio::io::sink(), &mut scratch).await?,
        }
    }
}

/// From the server behind to the client, until that server ends.
async fn down(
    mut upstream: OwnedReadHalf,
    client: &mut OwnedWriteHalf,
    pongs: &mut mpsc::Receiver<Vec<u8>>,
    shared: &Shared,
) -> io::Result<End> {
    let frames = shared.script.frames();
    let size = if frames == Frames::Large { 1024 * 1024 } else { 64 * 1024 };
    let mut buffer = vec![0; LONGEST_FRAME_HEAD + size];
    let mut left = shared.script.cut();
    let mut begun = false;
    loop {
        let mut count = tokio::select! {
            Some(payload) = pongs.recv() => {
                client.write_all(&[head(true, PONG, payload.len()), payload].concat()).await?;
                continue;
            }
            count = read(&mut upstream, &mut buffer[LONGEST_FRAME_HEAD..], frames) => count?,
        };
        if count == 0 {
            return Ok(End::Over);
        }
        if let Some((left, _)) = &mut left {
            count = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= count as u64;
        }
        match frames {
            Frames::Fragments(size) => {
                send_fragments(client, &buffer[LONGEST_FRAME_HEAD..][..count], size, &mut begun).await?;
            }
            Frames::Text => send(client, TEXT, &mut buffer[..LONGEST_FRAME_HEAD + count]).await?,
            Frames::Messages | Frames::Large => {
                send(client, BINARY, &mut buffer[..LONGEST_FRAME_HEAD + count]).await?;
            }
        }
        if let Some((0, how)) = left {
            return Ok(End::Cut(how));
        }
    }
}

/// One read, or for large frames as many as come at once.
async fn read(upstream: &mut OwnedReadHalf, buffer: &mut [u8], frames: Frames) -> io::Result<usize> {
    let mut count = upstream.read(buffer).await?;
    while frames == Frames::Large && count > 0 && count < buffer.len() {
        match timeout(Duration::from_millis(2), upstream.read(&mut buffer[count..])).await {
            Ok(Ok(more @ 1..)) => count += more,
            _ => break,
        }
    }
    Ok(count)
}

/// Sends what stands behind the room for a head, as one message.
async fn send(client: &mut OwnedWriteHalf, opcode: u8, framed: &mut [u8]) -> io::Result<()> {
    let head = head(true, opcode, framed.len() - LONGEST_FRAME_HEAD);
    let start = LONGEST_FRAME_HEAD - head.len();
    framed[start..LONGEST_FRAME_HEAD].copy_from_slice(&head);
    client.write_all(&framed[start..]).await
}

async fn send_fragments(client: &mut OwnedWriteHalf, bytes: &[u8], size: usize, begun: &mut bool) -> io::Result<()> {
    for piece in bytes.chunks(size.max(1)) {
        let opcode = if std::mem::replace(begun, true) { CONTINUATION } else { BINARY };
        client.write_all(&[&head(false, opcode, piece.len()), piece, &head(true, PING, 0)].concat()).await?;
    }
    Ok(())
}

/// Of a frame to a client.
const LONGEST_FRAME_HEAD: usize = 10;
