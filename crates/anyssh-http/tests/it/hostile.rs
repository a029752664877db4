//! Servers that misbehave below JSON. Each call ends by its deadline, with one next step and one word.

use std::future::pending;
use std::time::{Duration, Instant};

use anyssh_core::ErrorKind;
use anyssh_http::{HttpError, RetryPolicy};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use proptest::prelude::*;

use crate::kit::{RawServer, client, read_head, within};

/// One POST without a key, so one attempt; it must end within `milliseconds` and a little.
async fn ask(server: &RawServer, milliseconds: u64) -> HttpError {
    let start = Instant::now();
    let call = client(&server.uri()).post(&["a"], RetryPolicy::OnlyIfNotSent, within(milliseconds));
    let answer = tokio::time::timeout(Duration::from_secs(10), call.send(&[200])).await.expect("it hangs");
    let error = match answer {
        Ok(answer) => answer.json::<serde_json::Value>().expect_err("a hostile server got through"),
        Err(error) => error,
    };
    assert!(start.elapsed() < Duration::from_millis(milliseconds + 4000), "{:?}: {error}", start.elapsed());
    assert!(error.may_have_arrived(), "{error}");
    error
}

#[track_caller]
fn check(error: &HttpError, kind: ErrorKind, word: &str) {
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(word), "{word}: {error}");
}

async fn drip(mut stream: TcpStream, start: &[u8], drop: &[u8]) {
    read_head(&mut stream).await;
    let mut sent = stream.write_all(start).await;
    while sent.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        sent = stream.write_all(drop).await;
    }
}

/// N3: a server that sends its head byte by byte (slow loris).
#[tokio::test]
async fn a_slow_head_ends_at_the_deadline() {
    let server = RawServer::start(|_, stream| drip(stream, b"HTTP/1.1 200 OK\r\nx: ", b"y")).await;
    check(&ask(&server, 300).await, ErrorKind::TimedOut, "timeout");
}

/// N3: no byte at all.
#[tokio::test]
async fn a_silent_server_ends_at_the_deadline() {
    let server = RawServer::start(|_, stream| async move { (pending::<()>().await, drop(stream)).1 }).await;
    check(&ask(&server, 200).await, ErrorKind::TimedOut, "timeout");
}

/// N3: a body that comes byte by byte.
#[tokio::test]
async fn a_slow_body_ends_at_the_deadline() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"";
    let server = RawServer::start(|_, stream| drip(stream, head, b"a")).await;
    check(&ask(&server, 300).await, ErrorKind::TimedOut, "timeout");
}

/// N3: interim answers without end, as fast as the server can.
#[tokio::test]
async fn endless_interim_answers_end_at_the_deadline() {
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(1000);
    let server = RawServer::start(move |_, mut stream| {
        let hints = hints.clone();
        async move {
            read_head(&mut stream).await;
            while stream.write_all(&hints).await.is_ok() {}
        }
    })
    .await;
    check(&ask(&server, 300).await, ErrorKind::TimedOut, "timeout");
}

/// N3: an error whose body never ends is still that error.
#[tokio::test]
async fn the_slow_body_of_a_refusal_does_not_hide_it() {
    let server = RawServer::start(|_, stream| drip(stream, b"HTTP/1.1 403 x\r\n\r\n", b"a")).await;
    check(&ask_any(&server).await, ErrorKind::Forbidden, "HTTP 403");
    let start = Instant::now();
    let error = client(&server.uri()).get(&["a"], within(60_000)).send(&[200]).await.unwrap_err();
    check(&error, ErrorKind::Forbidden, "HTTP 403");
    assert!(start.elapsed() < Duration::from_secs(8), "its words are not worth a minute: {:?}", start.elapsed());
}

async fn ask_any(server: &RawServer) -> HttpError {
    client(&server.uri()).get(&["a"], within(300)).send(&[200]).await.unwrap_err()
}

/// S9: a body without end is cut at the cap, by its length and without one.
#[tokio::test]
async fn an_endless_body_is_too_large() {
    let chunk = vec![b' '; 64 * 1024];
    let server = RawServer::start(move |_, mut stream| {
        let chunk = chunk.clone();
        async move {
            read_head(&mut stream).await;
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
            while sent.is_ok() {
                sent = stream.write_all(&chunk).await;
            }
        }
    })
    .await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "too large");
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "too large");
}

#[tokio::test]
async fn a_cut_body_is_truncated() {
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\": ").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "truncated");
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\"").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "truncated");
}

#[tokio::test]
async fn a_body_in_broken_chunks_is_not_http() {
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "HTTP");
}

/// N3: many headers, a few large ones, one without end.
#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000));
    let large =
        format!("HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\n{{}}", format!("x: {}\r\n", "y".repeat(9000)).repeat(9));
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(2_000_000));
    for head in [many, large, endless] {
        check(&ask(&RawServer::saying(head).await, 5000).await, ErrorKind::Protocol, "header");
    }
}

#[tokio::test]
async fn what_is_not_http_is_named() {
    for garbage in ["SSH-2.0-OpenSSH_9.2\r\n\r\n", "\0\0\0\0\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n", "{}\r\n\r\n"] {
        check(&ask(&RawServer::saying(garbage).await, 5000).await, ErrorKind::Protocol, "HTTP");
    }
    let server =
        RawServer::saying("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    check(&ask_any(&server).await, ErrorKind::Protocol, "HTTP");
    let server = RawServer::saying("HTTP/1.1 200 OK\r\nbad header\r\n\r\n{}").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "HTTP");
}

#[tokio::test]
async fn a_closed_or_reset_connection_is_unavailable() {
    check(&ask(&RawServer::saying("").await, 5000).await, ErrorKind::Unavailable, "closed the connection");
    check(&ask(&RawServer::saying("HTTP/1.1 200").await, 5000).await, ErrorKind::Unavailable, "closed the connection");
    let reset = RawServer::start(|_, stream| async move {
        // Closing with the request unread, or with no linger time, sends a reset.
        stream.set_zero_linger().unwrap();
        drop(stream);
    })
    .await;
    check(&ask(&reset, 5000).await, ErrorKind::Unavailable, "closed the connection");
}

/// N3: nothing is decompressed, so nothing can swell.
#[tokio::test]
async fn a_compressed_answer_is_refused() {
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}").await;
    check(&ask(&server, 5000).await, ErrorKind::Protocol, "header");
}

#[tokio::test]
async fn a_deadline_that_is_over_sends_nothing() {
    let server = RawServer::saying("").await;
    let error = client(&server.uri()).get(&["a"], within(0)).send(&[200]).await.unwrap_err();
    check(&error, ErrorKind::TimedOut, "timeout");
    assert_eq!((error.may_have_arrived(), error.attempts(), server.connections()), (false, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes come back, the call ends with a value or an error.
    #[test]
    fn any_bytes_end_a_call(
        start in prop_oneof![Just("HTTP/1.1 200 OK\r\n"), Just("HTTP/1.1 200 OK\r\n\r\n"), Just("HTTP/1.1 503 x\r\n\r\n"), Just("")],
        noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ended = runtime.block_on(async {
            let server = RawServer::saying([start.as_bytes(), &noise].concat()).await;
            let call = client(&server.uri()).post(&["a"], RetryPolicy::OnlyIfNotSent, within(3000));
            let answer = tokio::time::timeout(Duration::from_secs(10), call.send(&[200])).await;
            answer.map(|answer| answer.and_then(|answer| answer.json::<serde_json::Value>()).map_err(|error| error.to_string()))
        });
        let ended = ended.expect("it hangs");
        prop_assert!(ended.is_ok() || ended.is_err_and(|text| !text.contains(char::is_control)));
    }
}
