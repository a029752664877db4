//! N6: gateways that end connections on which nothing happens, as those of clouds do after a minute or two.

use std::net::SocketAddr;
use std::time::Duration;

use anyssh_core::{ErrorKind, WebSocketUrl};
use anyssh_server::{Script, WebSocketBridge};
use anyssh_tunnel::{Dialer, Ended, KeepAlive, Stream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::kit::{Tokens, bridge, echo, server, within};
use crate::pumping::stdio;

/// Far shorter than a gateway's, and far longer than a busy machine is late.
const LIMIT: Duration = Duration::from_millis(1500);

/// A gateway before a bridge that ends each connection on which neither side sends for so long.
async fn impatient(bridge: &WebSocketBridge) -> SocketAddr {
    let behind = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    server(move |mut client| async move {
        let mut server = TcpStream::connect(behind).await.unwrap();
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let passed = timeout(LIMIT, async {
                tokio::select! {
                    count = client.read(&mut up) => server.write_all(&up[..ended(count)?]).await.ok(),
                    count = server.read(&mut down) => client.write_all(&down[..ended(count)?]).await.ok(),
                }
            });
            if !matches!(passed.await, Ok(Some(()))) {
                return;
            }
        }
    })
    .await
}

fn ended(count: std::io::Result<usize>) -> Option<usize> {
    count.ok().filter(|count| *count > 0)
}

async fn dialled(gateway: SocketAddr, interval: Duration) -> Stream {
    let url = WebSocketUrl::parse("url", &format!("ws://{gateway}/")).unwrap();
    let dialer = Dialer::new().with_keep_alive(KeepAlive { interval });
    dialer.dial_web_socket(&url, &Tokens::good(), within(10_000)).await.unwrap()
}

/// Pings that are more frequent than the limit keep a tunnel open on which nobody says anything.
#[tokio::test]
async fn a_tunnel_without_a_byte_outlives_a_gateways_idle_limit() {
    let bridge = bridge(echo().await, Script::new());
    let mut stream = dialled(impatient(&bridge).await, LIMIT / 5).await;
    let (mut stdio, mut to_pump, mut from_pump) = stdio();
    let using = async {
        from_pump.read_exact(&mut [0; 14]).await.unwrap();
        tokio::time::sleep(3 * LIMIT).await;
        to_pump.write_all(b"still there?").await.unwrap();
        let mut answer = [0; 12];
        from_pump.read_exact(&mut answer).await.unwrap();
        answer
    };
    tokio::select! {
        ended = anyssh_tunnel::pump(&mut stream, &mut stdio) => panic!("{ended:?}"),
        answer = using => assert_eq!(&answer, b"still there?"),
    }
}

/// Those that are rarer do not, and the end is seen as soon as it comes.
#[tokio::test]
async fn an_idle_tunnel_that_its_gateway_ends_is_over_at_once() {
    let bridge = bridge(echo().await, Script::new());
    let mut stream = dialled(impatient(&bridge).await, Duration::from_secs(60)).await;
    let (mut stdio, _to_pump, _from_pump) = stdio();
    let start = std::time::Instant::now();
    match anyssh_tunnel::pump(&mut stream, &mut stdio).await {
        Ok(ended) => assert!(matches!(ended, Ended::There { close: None, received: 14, .. }), "{ended:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
    }
    assert!((LIMIT..LIMIT + Duration::from_secs(5)).contains(&start.elapsed()), "{:?}", start.elapsed());
}
