//! Forwarded TCP connections (RFC 4254 §7), on loopback only in both directions.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use russh::server::{ChannelOpenHandle, Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::gate::Gate;
use crate::inflow::{Inbox, Inflow, inflow};
use crate::outlet::{Outlet, Stream};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFER: usize = 32 * 1024;

/// The loopback address that a name means, or `None`: this server forwards nowhere else.
fn loopback(host: &str) -> Option<IpAddr> {
    match host {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        "::1" => Some(Ipv6Addr::LOCALHOST.into()),
        other => other.parse::<IpAddr>().ok().filter(IpAddr::is_loopback),
    }
}

/// Connects for a `direct-tcpip` channel (`ssh -L`, `-D`, `-W`) and answers the client.
pub(crate) async fn direct(
    channel: Channel<Msg>,
    (host, port): (String, u32),
    reply: ChannelOpenHandle,
    handle: Handle,
    gate: Arc<Gate>,
) {
    let Some((address, port)) = loopback(&host).zip(u16::try_from(port).ok()) else {
        return reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    };
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(SocketAddr::new(address, port))).await {
        Ok(Ok(stream)) => {
            reply.accept().await;
            pump(channel, stream, handle, gate).await;
        }
        _ => reply.reject(ChannelOpenFailure::ConnectFailed).await,
    }
}

/// The ports that a client asked to have listened on (`ssh -R`). They close when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct RemoteForwards(HashMap<u16, AbortHandle>);

impl RemoteForwards {
    /// Listens on a loopback port, whatever address was asked for, as `sshd` with `GatewayPorts no`.
    /// Port 0 means any; the answer is the real one.
    pub(crate) fn open(&mut self, address: &str, port: u16, handle: Handle, gate: Arc<Gate>) -> io::Result<u16> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let real_port = listener.local_addr()?.port();
        let task = tokio::spawn(accept(listener, address.to_owned(), real_port, handle, gate));
        self.0.insert(real_port, task.abort_handle());
        Ok(real_port)
    }

    /// Stops listening; whether there was anything to stop.
    pub(crate) fn close(&mut self, port: u16) -> bool {
        self.0.remove(&port).map(|task| task.abort()).is_some()
    }
}

impl Drop for RemoteForwards {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

async fn accept(listener: TcpListener, address: String, port: u16, handle: Handle, gate: Arc<Gate>) {
    while let Ok((stream, peer)) = listener.accept().await {
        let (handle, gate, address) = (handle.clone(), Arc::clone(&gate), address.clone());
        tokio::spawn(async move {
            let from = (peer.ip().to_string(), u32::from(peer.port()));
            let opened = handle.channel_open_forwarded_tcpip(address, u32::from(port), from.0, from.1).await;
            if let Ok(channel) = opened {
                pump(channel, stream, handle, gate).await;
            }
        });
    }
}

/// Moves bytes both ways. The end of one direction is passed on and leaves the other one open.
async fn pump(channel: Channel<Msg>, stream: TcpStream, handle: Handle, gate: Arc<Gate>) {
    let _ = stream.set_nodelay(true);
    let (from_client, to_client) = channel.split();
    let (inbox, from_queue) = inflow(&gate);
    let (open, closed) = oneshot::channel();
    tokio::spawn(drain(from_client, inbox, open));
    let outlet = Outlet { channel: to_client, handle, gate };
    let (read_half, write_half) = stream.into_split();
    // A client that closes the channel takes no more; what it sent before still goes through.
    let down = async {
        tokio::select! {
            _ = closed => {}
            () = download(read_half, &outlet) => {}
        }
    };
    tokio::join!(upload(from_queue, write_half), down);
    outlet.close().await;
}

/// Takes messages as they come, so that the session loop never waits for this channel. `open` is
/// dropped at the channel's end.
async fn drain(mut from_client: ChannelReadHalf, inbox: Inbox, open: oneshot::Sender<()>) {
    let mut inbox = Some(inbox);
    while let Some(message) = from_client.wait().await {
        match (message, &inbox) {
            (ChannelMsg::Data { data }, Some(inbox)) => inbox.put(&data),
            (ChannelMsg::Eof, _) => inbox = None,
            (ChannelMsg::Close, _) => break,
            _ => {}
        }
    }
    drop(open);
}

async fn upload(mut from_queue: Inflow, mut socket: tcp::OwnedWriteHalf) {
    while let Some(bytes) = from_queue.next().await {
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = socket.shutdown().await;
}

async fn download(mut socket: tcp::OwnedReadHalf, outlet: &Outlet) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = socket.read(&mut buffer).await {
        if outlet.send(Stream::Stdout, &buffer[..count]).await.is_err() {
            return;
        }
    }
    outlet.end().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_reached() {
        for host in ["localhost", "127.0.0.1", "127.0.0.53", "::1"] {
            assert!(loopback(host).is_some_and(|address| address.is_loopback()), "{host}");
        }
        for host in ["", "0.0.0.0", "10.0.0.1", "169.254.169.254", "localhost.example.org", "::", "127.1"] {
            assert_eq!(loopback(host), None, "{host}");
        }
    }
}
