//! N5, N7, N8: what a dial makes of each answer.

use anyssh_core::ErrorKind;
use anyssh_server::{Act, Script};
use anyssh_tunnel::Dialer;
use tokio::io::AsyncReadExt as _;

use crate::kit::{TOKEN, Tokens, bridge, echo, url, within};

/// N7: one refresh for each dial, and a fresh token for each attempt.
#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    for (tokens, works, asked) in [
        (Tokens::good(), true, (1, 0)),
        (Tokens::new("stale", Some(TOKEN)), true, (1, 1)),
        (Tokens::new("stale", Some("stale too")), false, (1, 1)),
        (Tokens::new("stale", None), false, (1, 1)),
    ] {
        let bridge = bridge(echo().await, Script::new());
        let dialled = Dialer::new().dial_web_socket(&url(&bridge), &tokens, within(5000)).await;
        assert_eq!((dialled.is_ok(), tokens.asked()), (works, asked));
        let Err(error) = dialled else { continue };
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unauthenticated, false));
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("HTTP 401") && !shown.contains("stale") && !shown.contains("in-the-query"), "{shown}");
    }
}

#[tokio::test]
async fn a_route_that_is_late_is_dialled_again_with_a_token_of_its_own() {
    for act in [Act::Status(404), Act::Status(502), Act::Status(503), Act::Reset, Act::Close] {
        let bridge = bridge(echo().await, Script::new().once(act.clone()).once(act.clone()));
        let tokens = Tokens::good();
        let mut stream = Dialer::new().dial_web_socket(&url(&bridge), &tokens, within(5000)).await.unwrap();
        let mut hello = [0; 14];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!((&hello, tokens.asked()), (b"SSH-2.0-echo\r\n", (3, 0)), "{act:?}");
    }
}

#[tokio::test]
async fn a_dial_is_not_repeated_for_ever() {
    let bridge = bridge(echo().await, Script::new().always(Act::Status(404)));
    let error = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(20_000)).await.unwrap_err();
    assert_eq!((error.kind(), bridge.requests().len()), (ErrorKind::NotFound, 5));
}

/// N5: each of these is final at the first answer, and named.
#[tokio::test]
async fn what_is_no_web_socket_is_named_and_not_asked_again() {
    for (act, kind, name) in [
        (Act::Status(403), ErrorKind::Forbidden, "HTTP 403"),
        (Act::Status(400), ErrorKind::Protocol, "HTTP 400"),
        (
            Act::Redirect("https://sso.example.org/login?x".into()),
            ErrorKind::Protocol,
            "a redirect to https://sso.example.org",
        ),
        (Act::Page, ErrorKind::Protocol, "HTTP 200"),
        (Act::WithHeader("Sec-WebSocket-Extensions: permessage-deflate".into()), ErrorKind::Protocol, "extensions"),
        (Act::WithHeader("Sec-WebSocket-Protocol: chat".into()), ErrorKind::Protocol, "sec-websocket-protocol"),
        (Act::WrongAccept, ErrorKind::Protocol, "sec-websocket-accept"),
    ] {
        let bridge = bridge(echo().await, Script::new().always(act.clone()));
        let error = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(5000)).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(name), "{act:?}: {error}");
        assert_eq!((bridge.requests().len(), error.is_retryable()), (1, false), "{act:?}");
    }
}

/// N8: the deadline wins, whatever the gateway does.
#[tokio::test]
async fn a_gateway_that_hangs_ends_at_the_deadline() {
    let bridge = bridge(echo().await, Script::new().always(Act::Hang));
    let start = std::time::Instant::now();
    let error = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(700)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!((600..3000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unavailable() {
    use anyssh_core::{Host, Port, Transport};
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = Host::parse("host", "127.0.0.1").unwrap();
    let tcp = Transport::Tcp { host, port: Port::from_number("port", free.into()).unwrap() };
    let error = Dialer::of(&tcp).unwrap().dial(&tcp, within(1000)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.is_retryable(), "{error}");
}
