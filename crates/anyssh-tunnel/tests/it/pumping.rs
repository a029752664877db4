//! N6: how a tunnel ends, and that no byte is lost on the way.

use std::time::{Duration, Instant};

use anyssh_core::{Host, Port, Transport};
use anyssh_server::{Cut, Frames, Script};
use anyssh_tunnel::{Dialer, Ended, Stdio, Stream, pump};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::kit::{Tokens, bridge, echo, saying, server, url, within};

/// The pump on one side, a program on the other.
pub(crate) fn stdio() -> (Stdio, DuplexStream, DuplexStream) {
    let (to_pump, input) = duplex(16 * 1024);
    let (output, from_pump) = duplex(16 * 1024);
    (Stdio::new(input, output), to_pump, from_pump)
}

async fn over_tcp(address: std::net::SocketAddr) -> Stream {
    let host = Host::parse("host", "127.0.0.1").unwrap();
    let port = Port::from_number("port", address.port().into()).unwrap();
    Dialer::new().dial(&Transport::Tcp { host, port }, within(5000)).await.unwrap()
}

async fn over_web_socket(bridge: &anyssh_server::WebSocketBridge) -> Stream {
    Dialer::new().dial_web_socket(&url(bridge), &Tokens::good(), within(5000)).await.unwrap()
}

/// Bytes that are different everywhere.
fn bytes(seed: u32, count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// N6: many tunnels at once, each of them exact.
#[tokio::test]
async fn sixty_four_tunnels_at_once_carry_every_byte_both_ways() {
    let bridge = bridge(echo().await, Script::new());
    let mut running = tokio::task::JoinSet::new();
    for number in 0..64 {
        let mut stream = over_web_socket(&bridge).await;
        running.spawn(async move {
            let (mut stdio, mut to_pump, mut from_pump) = stdio();
            let sent = bytes(number, 256 * 1024);
            let expected = [b"SSH-2.0-echo\r\n", &sent[..]].concat();
            let writing = tokio::spawn(async move { to_pump.write_all(&sent).await.map(|()| to_pump) });
            let reading = tokio::spawn(async move {
                let mut got = vec![0; expected.len()];
                from_pump.read_exact(&mut got).await.unwrap();
                (got == expected, from_pump)
            });
            let pumping = async { pump(&mut stream, &mut stdio).await.unwrap() };
            tokio::select! {
                ended = pumping => panic!("{ended:?}"),
                read = reading => assert!(read.unwrap().0, "tunnel {number}"),
            }
            drop(writing);
        });
    }
    running.join_all().await;
}

/// N6: what the server sends before it ends arrives, though its reader is slow.
#[tokio::test]
async fn the_servers_end_is_the_end_after_its_last_byte() {
    static LONG: [u8; 300_000] = [b'z'; 300_000];
    let upstream = saying(&LONG).await;
    for frames in [Frames::Messages, Frames::Fragments(777), Frames::Large] {
        let bridge = bridge(upstream, Script::new().with_frames(frames));
        let mut stream = over_web_socket(&bridge).await;
        let (mut stdio, _to_pump, mut from_pump) = stdio();
        let slow = tokio::spawn(async move {
            let mut got = Vec::new();
            tokio::time::sleep(Duration::from_millis(50)).await;
            from_pump.read_to_end(&mut got).await.map(|_| got.len())
        });
        let ended = pump(&mut stream, &mut stdio).await.unwrap();
        assert!(matches!(ended, Ended::There { close: Some(_), received: 300_000 }), "{ended:?}");
        drop(stdio);
        assert_eq!(slow.await.unwrap().unwrap(), 300_000);
    }
}

/// N6: the end of our input: what was read is sent, and what the server answers is still delivered.
#[tokio::test]
async fn the_end_of_the_input_loses_nothing_over_tcp() {
    let mut stream = over_tcp(echo().await).await;
    let (mut stdio, mut to_pump, mut from_pump) = stdio();
    let sent = bytes(7, 200_000);
    let expected = [b"SSH-2.0-echo\r\n", &sent[..]].concat();
    tokio::spawn(async move { to_pump.write_all(&sent).await });
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        from_pump.read_to_end(&mut got).await.map(|_| got)
    });
    let ended = pump(&mut stream, &mut stdio).await.unwrap();
    drop(stdio);
    assert!(matches!(ended, Ended::There { .. }), "{ended:?}");
    assert!(reading.await.unwrap().unwrap() == expected);
}

#[tokio::test]
async fn the_end_of_the_input_closes_a_web_socket_after_the_last_byte() {
    let (heard, mut hears) = tokio::sync::mpsc::channel(1);
    let upstream = server(move |mut stream| {
        let heard = heard.clone();
        async move {
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got).await;
            let _ = heard.send(got).await;
        }
    });
    let bridge = bridge(upstream.await, Script::new());
    let mut stream = over_web_socket(&bridge).await;
    let (mut stdio, mut to_pump, _from_pump) = stdio();
    let sent = bytes(9, 200_000);
    let expected = sent.clone();
    tokio::spawn(async move { to_pump.write_all(&sent).await });
    let start = Instant::now();
    pump(&mut stream, &mut stdio).await.unwrap();
    assert!(hears.recv().await.unwrap() == expected);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn each_way_to_cut_a_tunnel_ends_it_at_once() {
    for (how, is_error) in
        [(Cut::CloseFrame(1000), false), (Cut::CloseFrame(1011), false), (Cut::Fin, false), (Cut::Rst, true)]
    {
        let bridge = bridge(echo().await, Script::new());
        let mut stream = over_web_socket(&bridge).await;
        let (mut stdio, _to_pump, mut from_pump) = stdio();
        let cutting = async {
            from_pump.read_exact(&mut [0; 14]).await.unwrap();
            bridge.cut_tunnels(how);
            std::future::pending::<()>().await;
        };
        let start = Instant::now();
        let ended = tokio::select! {
            ended = pump(&mut stream, &mut stdio) => ended,
            () = cutting => unreachable!(),
        };
        assert!(start.elapsed() < Duration::from_secs(2), "{how:?}: {:?}", start.elapsed());
        assert_eq!(ended.is_err(), is_error, "{how:?}: {ended:?}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_the_tunnel_quietly() {
    let bridge = bridge(
        server(|mut stream| async move { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} }).await,
        Script::new(),
    );
    let mut stream = over_web_socket(&bridge).await;
    let (mut stdio, _to_pump, mut from_pump) = stdio();
    let reading = tokio::spawn(async move { from_pump.read_exact(&mut [0; 10_000]).await.map(drop) });
    assert_eq!(pump(&mut stream, &mut stdio).await.unwrap(), Ended::Here);
    reading.await.unwrap().unwrap();
}

/// A gateway that is only gone: nothing is heard, and the tunnel does not wait for ever.
#[tokio::test]
async fn a_black_hole_is_found_by_its_silence() {
    let bridge = bridge(echo().await, Script::new());
    let keep_alive = anyssh_tunnel::KeepAlive { interval: Duration::from_millis(150) };
    let dialer = Dialer::new().with_keep_alive(keep_alive);
    let mut stream = dialer.dial_web_socket(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap();
    let (mut stdio, _to_pump, mut from_pump) = stdio();
    let cutting = async {
        from_pump.read_exact(&mut [0; 14]).await.unwrap();
        // Answered pings first: an idle tunnel stays.
        tokio::time::sleep(Duration::from_millis(600)).await;
        bridge.cut_tunnels(Cut::BlackHole);
        std::future::pending::<()>().await;
    };
    let start = Instant::now();
    let error = tokio::select! {
        ended = pump(&mut stream, &mut stdio) => ended.unwrap_err(),
        () = cutting => unreachable!(),
    };
    assert!(error.to_string().contains("did not answer a ping"), "{error}");
    assert!((600..5000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}
