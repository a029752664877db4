//! Ready is when the SSH server has spoken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyssh_core::{ErrorKind, Progress};
use anyssh_server::{Act, BridgeConfig, Script, WebSocketBridge};
use anyssh_tunnel::Dialer;

use crate::kit::{TOKEN, Tokens, bridge, echo, saying, server, url, within};

#[tokio::test]
async fn a_banner_is_ready_and_the_tunnel_is_hung_up() {
    for upstream in [echo().await, saying(b"Welcome\r\n\x07\r\nSSH-2.0-echo\r\n").await] {
        let bridge = bridge(upstream, Script::new());
        let banner = Dialer::new().probe(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap();
        assert_eq!(banner.text, "SSH-2.0-echo");
        while bridge.open_tunnels() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn switching_protocols_alone_is_not_ready() {
    let bridge = bridge(echo().await, Script::new().always(Act::NoUpstream));
    let error = Dialer::new().probe(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("before the SSH server said anything"), "{error}");
}

#[tokio::test]
async fn what_is_no_ssh_server_is_shown_and_final() {
    for upstream in [saying(&[b'x'; 9000]).await, saying(b"HTTP/1.1 400 \x1b[31m\r\n\r\n").await] {
        let bridge = bridge(upstream, Script::new());
        let error = Dialer::new().probe(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }
    let bridge = bridge(saying(&[b'x'; 9000]).await, Script::new());
    let error = Dialer::new().probe(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Protocol && !error.is_retryable(), "{error}");
}

/// N8: neither a silent gateway nor a silent server outlasts the deadline.
#[tokio::test]
async fn a_stall_before_the_banner_ends_at_the_deadline() {
    let silent = server(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    });
    for bridge in [bridge(silent.await, Script::new()), bridge(echo().await, Script::new().always(Act::Hang))] {
        let start = std::time::Instant::now();
        let error = Dialer::new().probe(&url(&bridge), &Tokens::good(), within(600)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::TimedOut && error.is_retryable(), "{error}");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_route_that_comes_late_is_waited_for_and_told() {
    let script = Script::new().once(Act::Status(404)).once(Act::Status(404)).once(Act::NoUpstream).once(Act::Reset);
    let bridge = bridge(echo().await, script);
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let progress = Progress::new(move |message| into.lock().unwrap().push(message.to_owned()));
    let ready = Dialer::new().wait_until_ready(&url(&bridge), &Tokens::good(), &progress, within(10_000)).await;
    assert_eq!(ready.unwrap().text, "SSH-2.0-echo");
    let told = told.lock().unwrap();
    assert!(told.len() == 3 && told[0].contains("HTTP 404"), "{told:?}");
}

#[tokio::test]
async fn a_port_that_opens_late_is_waited_for() {
    let upstream = echo().await;
    // Ours from here on; as long as nobody listens, the kernel refuses connections.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("ws://{}/", socket.local_addr().unwrap());
    let url = anyssh_core::WebSocketUrl::parse("url", &url).unwrap();
    let told = Arc::new(tokio::sync::Notify::new());
    let teller = Arc::clone(&told);
    let waiting = tokio::spawn(async move {
        let progress = Progress::new(move |_| teller.notify_one());
        Dialer::new().wait_until_ready(&url, &Tokens::good(), &progress, within(10_000)).await
    });
    // It was refused once.
    tokio::time::timeout(Duration::from_secs(10), told.notified()).await.unwrap();
    let listener = socket.listen(16).unwrap().into_std().unwrap();
    let config = BridgeConfig::new(upstream).with_bearer(TOKEN.into()).with_listener(listener);
    let _bridge = WebSocketBridge::start(config).unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().text, "SSH-2.0-echo");
}

#[tokio::test]
async fn the_deadline_ends_the_waiting_with_what_was_seen_last() {
    let bridge = bridge(echo().await, Script::new().always(Act::Status(404)));
    let progress = Progress::silent();
    let error =
        Dialer::new().wait_until_ready(&url(&bridge), &Tokens::good(), &progress, within(700)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.to_string().contains("HTTP 404"), "{error}");
}

#[tokio::test]
async fn what_never_becomes_ready_ends_the_waiting_at_once() {
    for (act, kind) in [(Act::Status(403), ErrorKind::Forbidden), (Act::Redirect("/login".into()), ErrorKind::Protocol)]
    {
        let bridge = bridge(echo().await, Script::new().always(act));
        let waiting = Dialer::new();
        let error = waiting.wait_until_ready(&url(&bridge), &Tokens::good(), &Progress::silent(), within(9000)).await;
        assert_eq!((error.unwrap_err().kind(), bridge.requests().len()), (kind, 1));
    }
}
