//! What the tests share: clients for a loopback server, and a server that writes what it is told to.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, IdempotencyKey};
use anyssh_http::{BaseUrl, Header, HttpClient};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The API key that every test client sends, and that no error may show.
pub(crate) const KEY: &str = "sk-live-0123456789";

pub(crate) fn client(uri: &str) -> HttpClient {
    let base = BaseUrl::parse("base", uri).unwrap();
    HttpClient::new(base).with_header(Header::secret("key", "authorization", format!("Bearer {KEY}").into()).unwrap())
}

pub(crate) fn within(milliseconds: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_millis(milliseconds))
}

pub(crate) fn key() -> IdempotencyKey {
    IdempotencyKey::parse("key", "0190a5b0c0de7000a000000000000001").unwrap()
}

/// A TCP server that treats each connection as `answer` does.
pub(crate) struct RawServer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl RawServer {
    pub(crate) async fn start<F>(answer: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), connections: Arc::default() };
        let connections = Arc::clone(&server.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answer(number, stream));
            }
        });
        server
    }

    /// A server that reads a request's head, writes `bytes` and closes.
    pub(crate) async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, mut stream| {
            let bytes = bytes.clone();
            async move {
                read_head(&mut stream).await;
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads one request's head and returns it.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}
