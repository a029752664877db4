//! What the tests share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, ProviderError, WebSocketUrl, async_trait};
use anyssh_server::{BridgeConfig, Script, WebSocketBridge};
use anyssh_tunnel::{HeaderSource, Headers, Why};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "the-good-token";

pub(crate) fn within(milliseconds: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_millis(milliseconds))
}

/// A server that treats each connection as `serve` does.
pub(crate) async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// A server that says hello as SSH servers do, and then repeats what it hears.
pub(crate) async fn echo() -> SocketAddr {
    server(|mut stream| async move {
        let _ = stream.write_all(b"SSH-2.0-echo\r\n").await;
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
    })
    .await
}

/// A server that says these bytes and ends.
pub(crate) async fn saying(bytes: &'static [u8]) -> SocketAddr {
    server(move |mut stream| async move {
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut rest = [0; 100];
        while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
    })
    .await
}

pub(crate) fn bridge(upstream: SocketAddr, script: Script) -> WebSocketBridge {
    WebSocketBridge::start(BridgeConfig::new(upstream).with_bearer(TOKEN.into()).with_script(script)).unwrap()
}

pub(crate) fn url(bridge: &WebSocketBridge) -> WebSocketUrl {
    WebSocketUrl::parse("url", &bridge.url("/ssh?secret=in-the-query")).unwrap()
}

/// A source of tokens that counts how often it is asked, and for what.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) first: &'static str,
    pub(crate) other: Option<&'static str>,
    pub(crate) dials: AtomicUsize,
    pub(crate) refusals: AtomicUsize,
}

impl Tokens {
    pub(crate) fn good() -> Self {
        Self::new(TOKEN, None)
    }

    pub(crate) fn new(first: &'static str, other: Option<&'static str>) -> Self {
        Self { first, other, dials: AtomicUsize::new(0), refusals: AtomicUsize::new(0) }
    }

    pub(crate) fn asked(&self) -> (usize, usize) {
        (self.dials.load(Ordering::SeqCst), self.refusals.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl HeaderSource for Tokens {
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError> {
        let headers = |token: &str| vec![("Authorization".to_owned(), format!("Bearer {token}").into())];
        Ok(match why {
            Why::Dial => {
                self.dials.fetch_add(1, Ordering::SeqCst);
                Some(headers(self.first))
            }
            Why::Refused => {
                self.refusals.fetch_add(1, Ordering::SeqCst);
                self.other.map(headers)
            }
        })
    }
}
