//! S11: what a server asks for before another attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyssh_core::{Progress, WebSocketUrl};
use anyssh_tunnel::Dialer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::kit::{Tokens, server, within};

/// A gateway that answers each request with this head; how often it was asked.
async fn answering(head: &'static str) -> (WebSocketUrl, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let address = server(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let answer = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (WebSocketUrl::parse("url", &format!("ws://{}/", address.await)).unwrap(), asked)
}

/// S11: one that says "too many" is not asked ten times a second; what others say is bounded.
#[tokio::test]
async fn a_gateway_that_says_too_many_is_left_alone_for_a_while() {
    for (head, most) in [
        ("429 -", 3),
        ("429 -\r\nRetry-After: 0", 3),
        ("429 -\r\nRetry-After: 600", 1),
        ("503 -\r\nRetry-After: 600", 2),
    ] {
        let (url, asked) = answering(head).await;
        let waited = Dialer::new().wait_until_ready(&url, &Tokens::good(), &Progress::silent(), within(2400)).await;
        assert!(waited.unwrap_err().to_string().contains("HTTP "));
        assert!((1..=most).contains(&asked.load(Ordering::SeqCst)), "{head}: {asked:?}");
    }
}

/// S11: a dial has no time for long rests: it is the error at once.
#[tokio::test]
async fn a_rest_that_outlasts_the_dial_ends_it() {
    let (url, asked) = answering("429 -\r\nRetry-After: 30").await;
    let start = Instant::now();
    let error = Dialer::new().dial_web_socket(&url, &Tokens::good(), within(9000)).await.unwrap_err();
    assert!(error.to_string().contains("HTTP 429") && start.elapsed() < Duration::from_secs(5), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
