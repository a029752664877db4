//! N6, N8: ends at which a byte could be lost or something could stay.

use std::time::Duration;

use anyssh_server::{Act, Script};
use anyssh_tunnel::{Dialer, Ended, Stdio, pump};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::net::UnixStream;

use crate::kit::{Tokens, bridge, echo, saying, url, within};

/// N6: once our input is over the server's silence is counted, and not how slow our own reader is.
#[tokio::test]
async fn a_slow_reader_gets_every_byte_although_the_input_is_over() {
    static LONG: [u8; 300_000] = [b'z'; 300_000];
    let bridge = bridge(saying(&LONG).await, Script::new());
    let mut stream = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap();
    let (to_pump, input) = duplex(1024);
    let (output, mut from_pump) = duplex(16 * 1024);
    let mut stdio = Stdio::new(input, output);
    let reading = tokio::spawn(async move {
        let mut got = vec![0; 200_000];
        from_pump.read_exact(&mut got).await.unwrap();
        drop(to_pump);
        // Longer than a silent server is waited for.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        from_pump.read_to_end(&mut got).await.map(|_| got.len())
    });
    let ended = pump(&mut stream, &mut stdio).await.unwrap();
    drop(stdio);
    assert_eq!(reading.await.unwrap().unwrap(), 300_000, "{ended:?}");
}

/// N6: a program that is killed while bytes wait for it resets its socket; that is an end like any other.
#[tokio::test]
async fn a_socket_that_is_reset_on_our_side_ends_the_tunnel_quietly() {
    let bridge = bridge(echo().await, Script::new());
    let mut stream = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (input, output) = ours.into_split();
    let mut stdio = Stdio::new(input, output);
    let killing = tokio::spawn(async move {
        theirs.write_all(b"x").await.unwrap();
        // The banner and the echo are there, and nobody reads them.
        theirs.readable().await.unwrap();
        drop(theirs);
    });
    assert_eq!(pump(&mut stream, &mut stdio).await.unwrap(), Ended::Here);
    killing.await.unwrap();
}

/// N6: what came before the tunnel broke is written, also where writing takes its time.
#[tokio::test]
async fn what_came_before_the_tunnel_broke_is_flushed() {
    let script = Script::new().always(Act::Bytes(b"\x82\x05hello\xc2\x00".to_vec()));
    let bridge = bridge(echo().await, script);
    let mut stream = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap();
    let (_to_pump, input) = duplex(16);
    let (output, mut from_pump) = duplex(16);
    let mut stdio = Stdio::new(input, tokio::io::BufWriter::new(output));
    pump(&mut stream, &mut stdio).await.unwrap_err();
    drop(stdio);
    let mut got = [0; 5];
    from_pump.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"hello");
}

/// N8: whoever makes the headers may hang; the dial does not.
#[tokio::test]
async fn headers_that_never_come_end_with_the_deadline() {
    #[derive(Debug)]
    struct Never;
    #[anyssh_core::async_trait]
    impl anyssh_tunnel::HeaderSource for Never {
        async fn headers(
            &self,
            _: anyssh_tunnel::Why,
        ) -> Result<Option<anyssh_tunnel::Headers>, anyssh_core::ProviderError> {
            std::future::pending().await
        }
    }
    let bridge = bridge(echo().await, Script::new());
    let (dialer, url) = (Dialer::new(), url(&bridge));
    let dialled = dialer.dial_web_socket(&url, &Never, within(300));
    let error = tokio::time::timeout(Duration::from_secs(5), dialled).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), anyssh_core::ErrorKind::TimedOut);
}

/// N8: a gateway that hangs once, as they do while they learn of a route, does not hide for long that it is there.
#[tokio::test]
async fn a_first_probe_that_hangs_is_given_up_early() {
    let bridge = bridge(echo().await, Script::new().once(Act::Hang));
    let (dialer, url, tokens, progress) =
        (Dialer::new(), url(&bridge), Tokens::good(), anyssh_core::Progress::silent());
    let waiting = dialer.wait_until_ready(&url, &tokens, &progress, within(60_000));
    tokio::time::timeout(Duration::from_secs(8), waiting).await.unwrap().unwrap();
}
