//! What is sent again, how often, and when.

use std::time::{Duration, Instant};

use anyssh_core::ErrorKind;
use anyssh_http::{ATTEMPTS, HttpClient, Refusal, RetryPolicy};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::kit::{RawServer, client, key, read_head, within};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

async fn server_with(first: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(first).up_to_n_times(times).with_priority(1).mount(&server).await;
    let fine = ResponseTemplate::new(200).set_body_json(json!({}));
    Mock::given(any()).respond_with(fine).with_priority(2).mount(&server).await;
    server
}

fn at_once(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("retry-after-ms", "1")
}

async fn count(server: &MockServer) -> u64 {
    server.received_requests().await.unwrap().len() as u64
}

#[tokio::test]
async fn passing_refusals_are_repeated_until_there_is_an_answer() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = server_with(at_once(status), 2).await;
        client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap();
        assert_eq!(count(&server).await, 3, "{status}");
    }
}

#[tokio::test]
async fn other_refusals_are_not_repeated() {
    for status in [400, 401, 403, 404, 409, 422, 501] {
        let server = server_with(at_once(status), 9).await;
        client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap_err();
        assert_eq!(count(&server).await, 1, "{status}");
    }
}

/// N4: retries are bounded, and the error says how many there were.
#[tokio::test]
async fn after_the_last_attempt_the_refusal_is_the_error() {
    let server = server_with(at_once(503), 99).await;
    let error = client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, ATTEMPTS));
    assert!(error.to_string().contains("after 4 attempts"), "{error}");
    assert_eq!(count(&server).await, u64::from(ATTEMPTS));
}

/// N4: every attempt carries the same key and the same body.
#[tokio::test]
async fn a_keyed_post_is_repeated_with_the_same_key() {
    let server = server_with(at_once(503), 3).await;
    let call = client(&server.uri()).post(&["a"], RetryPolicy::SameKey(key()), within(5000));
    call.with_json(&json!({"public_key": "k"})).send(&[200]).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.headers["idempotency-key"], key().as_str());
        assert_eq!(request.body, requests[0].body);
    }
}

/// N4: without a key, nothing that may have arrived is sent a second time.
#[tokio::test]
async fn an_unkeyed_post_is_never_repeated_once_it_was_sent() {
    for status in [408, 429, 500, 503] {
        let template = at_once(status).insert_header("x-should-retry", "true");
        let server = server_with(template, 9).await;
        let call = client(&server.uri()).post(&["a"], RetryPolicy::OnlyIfNotSent, within(5000));
        let error = call.send(&[200]).await.unwrap_err();
        assert_eq!((count(&server).await, error.may_have_arrived()), (1, status != 429), "{status}");
    }
    let server = RawServer::start(|_, mut stream| async move { drop(read_head(&mut stream).await) }).await;
    let error =
        client(&server.uri()).post(&["a"], RetryPolicy::OnlyIfNotSent, within(5000)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_arrived(), server.connections()), (ErrorKind::Unavailable, true, 1));
}

/// A port where nobody listens: the request cannot have arrived, so any policy repeats it.
#[tokio::test]
async fn a_refused_connection_is_repeated_and_nothing_was_sent() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let call = client(&format!("http://127.0.0.1:{port}")).post(&["a"], RetryPolicy::OnlyIfNotSent, within(9000));
    let error = call.send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unavailable, ATTEMPTS), "{error}");
    assert!(!error.may_have_arrived() && error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_lost_connection_is_repeated_where_that_is_harmless() {
    for policy in [RetryPolicy::Safe, RetryPolicy::SameKey(key())] {
        let server = RawServer::start(|number, mut stream| async move {
            read_head(&mut stream).await;
            if number > 0 {
                stream.write_all(OK).await.unwrap();
            }
        })
        .await;
        client(&server.uri()).post(&["a"], policy, within(5000)).send(&[200]).await.unwrap();
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_request_that_hits_its_own_timeout_is_repeated() {
    let server = RawServer::start(|number, mut stream| async move {
        read_head(&mut stream).await;
        if number == 0 {
            std::future::pending::<()>().await;
        }
        stream.write_all(OK).await.unwrap();
    })
    .await;
    let client = client(&server.uri()).with_request_timeout(Duration::from_millis(200));
    client.get(&["a"], within(5000)).send(&[200]).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn the_servers_wait_is_used_in_place_of_ours() {
    let wait = ResponseTemplate::new(429).insert_header("retry-after", "1");
    let server = server_with(wait, 1).await;
    let start = Instant::now();
    client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap();
    assert!((1000..4000).contains(&start.elapsed().as_millis()), "ours would be 0.6 s at most: {:?}", start.elapsed());
}

/// S11: a wait that would outlast the deadline ends the call at once, with the refusal as the error.
#[tokio::test]
async fn a_wait_longer_than_the_deadline_is_not_begun() {
    for wait in ["5", "99999999999", "Tue, 31 Dec 2999 23:59:59 GMT"] {
        let server = server_with(ResponseTemplate::new(503).insert_header("retry-after", wait), 9).await;
        let start = Instant::now();
        let error = client(&server.uri()).get(&["a"], within(3000)).send(&[200]).await.unwrap_err();
        assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Unavailable, Some(503), 1), "{error}");
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

/// S11: a server that says 0 is asked again only after a tenth of a second.
#[tokio::test]
async fn a_wait_of_nothing_is_stretched() {
    let server = server_with(ResponseTemplate::new(503).insert_header("retry-after", "0"), 3).await;
    let start = Instant::now();
    client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

/// cli.md: if the deadline ends while an answered refusal is being retried, it is `unavailable`.
#[tokio::test]
async fn a_deadline_during_the_repeat_of_a_refusal_is_unavailable() {
    let server = RawServer::start(|number, mut stream| async move {
        read_head(&mut stream).await;
        if number == 0 {
            let refusal = b"HTTP/1.1 503 x\r\nretry-after-ms: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
        } else {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let start = Instant::now();
    let error = client(&server.uri()).get(&["a"], within(1500)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.status(), error.attempts()), (ErrorKind::Unavailable, Some(503), 2), "{error}");
    assert!(start.elapsed() < Duration::from_millis(4000) && server.connections() == 2);
}

/// The same if the repeat hits its own timeout and no time is left for a third attempt.
#[tokio::test]
async fn a_refusal_outlives_a_late_repeat() {
    let server = RawServer::start(|number, mut stream| async move {
        read_head(&mut stream).await;
        if number == 0 {
            let refusal = b"HTTP/1.1 429 x\r\nretry-after-ms: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(refusal).await.unwrap();
        } else {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let client = client(&server.uri()).with_request_timeout(Duration::from_millis(800));
    let error = client.get(&["a"], within(1300)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::Unavailable, Some(429)), "{error}");
}

/// Without any answer, the last attempt decides.
#[tokio::test]
async fn attempts_without_an_answer_are_a_timeout() {
    let server =
        RawServer::start(|_, stream| async move { (std::future::pending::<()>().await, drop(stream)).1 }).await;
    let client = client(&server.uri()).with_request_timeout(Duration::from_millis(100));
    let error = client.get(&["a"], within(20_000)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::TimedOut, ATTEMPTS), "{error}");
    assert!(error.may_have_arrived() && error.to_string().contains("timeout"), "{error}");
}

fn with_body_hints(server: &MockServer) -> HttpClient {
    client(&server.uri())
        .with_refusals_read_by(|body| Refusal::common(body).with_hint_from(body, "retryable", "retry_after_ms"))
}

#[tokio::test]
async fn a_server_that_says_never_is_obeyed() {
    let header = ResponseTemplate::new(503).insert_header("x-should-retry", "false");
    let body = ResponseTemplate::new(503).set_body_json(json!({"retryable": false}));
    for template in [header, body] {
        let server = server_with(template, 9).await;
        let error = with_body_hints(&server).get(&["a"], within(5000)).send(&[200]).await.unwrap_err();
        assert_eq!((count(&server).await, error.is_retryable()), (1, false));
    }
}

#[tokio::test]
async fn a_server_that_says_again_is_obeyed_also_for_a_conflict() {
    let body = json!({"retryable": true, "retry_after_ms": 1200});
    let server = server_with(ResponseTemplate::new(409).set_body_json(body), 1).await;
    let start = Instant::now();
    with_body_hints(&server).get(&["a"], within(8000)).send(&[200]).await.unwrap();
    assert_eq!(count(&server).await, 2);
    assert!(start.elapsed().as_millis() >= 1200, "the body's wait, not ours of 0.6 s at most: {:?}", start.elapsed());
}
