//! A port on loopback whose connections each get a thread.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

/// Waiting connections; the kernel refuses or drops more.
const BACKLOG: i32 = 128;

/// A port on 127.0.0.1. Dropping it closes it and all its connections.
#[derive(Debug)]
pub(crate) struct Port {
    listener: TcpListener,
    number: u16,
    connections: Arc<Connections>,
}

/// The connections of a port that are open still.
#[derive(Debug)]
pub(crate) struct Connections {
    count: AtomicUsize,
    /// `None` is the end.
    held: Mutex<Option<Vec<TcpStream>>>,
}

impl Port {
    /// A port that is ours; as long as it is not opened, the kernel refuses connections to it.
    pub(crate) fn reserve() -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let listener = TcpListener::from(socket);
        let number = listener.local_addr()?.port();
        let connections = Connections { count: AtomicUsize::new(0), held: Mutex::new(Some(Vec::new())) };
        Ok(Self { listener, number, connections: Arc::new(connections) })
    }

    /// Takes connections from now on. `serve` gets each one, with its number from zero, in a thread of
    /// its own; when it fails, the connection is closed, and otherwise it stays open until the end.
    pub(crate) fn open(
        &self,
        serve: impl Fn(&TcpStream, usize, &Connections) -> io::Result<()> + Send + Sync + 'static,
    ) -> io::Result<()> {
        listen(&self.listener, BACKLOG)?;
        let (listener, connections, serve) =
            (self.listener.try_clone()?, Arc::clone(&self.connections), Arc::new(serve));
        let accept = move || {
            for client in listener.incoming().flatten() {
                if !connections.hold(&client) {
                    return;
                }
                let number = connections.count.fetch_add(1, Ordering::AcqRel);
                let (connections, serve) = (Arc::clone(&connections), Arc::clone(&serve));
                thread::spawn(move || {
                    if serve(&client, number, &connections).is_err() {
                        let _ = client.shutdown(Shutdown::Both);
                    }
                });
            }
        };
        thread::Builder::new().name("port".into()).spawn(accept).map(drop)
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// How many connections there were.
    pub(crate) fn count(&self) -> usize {
        self.connections.count.load(Ordering::Acquire)
    }

    /// Cuts the connections that are open now.
    pub(crate) fn cut(&self) {
        close(self.connections.held().as_mut().map(std::mem::take));
    }
}

impl Connections {
    /// Keeps a stream open until the end; `false` says that this is it.
    pub(crate) fn hold(&self, stream: &TcpStream) -> bool {
        let mut held = self.held();
        let Some((held, stream)) = held.as_mut().zip(stream.try_clone().ok()) else { return false };
        held.push(stream);
        true
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Vec<TcpStream>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        close(self.connections.held().take());
        // Wakes the thread that accepts, which finds that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.number));
    }
}

fn close(streams: Option<Vec<TcpStream>>) {
    for stream in streams.into_iter().flatten() {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_and_an_open_one_serves() {
        let port = Port::reserve().unwrap();
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port.number()));
        assert_eq!(connect().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        port.open(|mut client, number, _| client.write_all(&[number as u8])).unwrap();
        let (mut first, mut byte) = (connect().unwrap(), [9]);
        first.read_exact(&mut byte).unwrap();
        assert_eq!((byte, port.count()), ([0], 1));
        port.cut();
        assert_eq!(first.read(&mut byte).unwrap(), 0);
        let mut second = connect().unwrap();
        second.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [1]);
        drop(port);
        assert_eq!(second.read(&mut byte).unwrap(), 0);
    }
}
