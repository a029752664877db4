//! Answers that come piece by piece.

use std::sync::Arc;
use std::time::Duration;

use anyssh_core::ErrorKind;
use anyssh_http::{AnswerStream, HttpError, RetryPolicy, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::kit::{KEY, RawServer, client, read_head, within};

async fn open(uri: &str) -> Result<AnswerStream, HttpError> {
    let call = client(uri).post(&["events"], RetryPolicy::Safe, within(10_000));
    call.with_body("application/x-stream", b"ask".to_vec()).open(&[200]).await
}

#[tokio::test]
async fn pieces_come_as_they_are_sent_and_silence_is_no_end() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let server = RawServer::start(move |_, mut stream| {
        let gate = Arc::clone(&gate);
        async move {
            let head = read_head(&mut stream).await;
            assert!(
                head.contains("content-type: application/x-stream") && head.contains("content-length: 3"),
                "{head}"
            );
            stream.read_exact(&mut [0; 3]).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-stream\r\nconnection: close\r\n\r\none";
            stream.write_all(answer).await.unwrap();
            gate.notified().await;
            stream.write_all(b"two").await.unwrap();
        }
    })
    .await;
    let mut answer = open(&server.uri()).await.unwrap();
    assert_eq!(answer.content_type(), Some("application/x-stream"));
    assert_eq!(answer.piece().await.unwrap().unwrap(), b"one");
    go_on.notify_one();
    assert_eq!(answer.piece().await.unwrap().unwrap(), b"two");
    assert!(answer.piece().await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_unavailable_and_a_refusal_is_told_as_ever() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc";
    let server = RawServer::saying(cut.to_vec()).await;
    let mut answer = open(&server.uri()).await.unwrap();
    let mut last = answer.piece().await;
    while let Ok(Some(_)) = last {
        last = answer.piece().await;
    }
    let error = last.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "POST /events: the connection was lost within the answer");

    let server = RawServer::saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(open(&server.uri()).await.unwrap_err().status(), Some(404));
}

#[tokio::test]
async fn a_head_that_never_comes_ends_with_the_deadline() {
    let server = RawServer::start(|_, mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let call = client(&server.uri()).post(&["events"], RetryPolicy::Safe, within(200));
    let error = tokio::time::timeout(Duration::from_secs(10), call.open(&[200])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

/// S9, S10: parts are read strictly, and words are shown without secrets and controls.
#[tokio::test]
async fn parts_are_read_strictly_and_words_are_redacted() {
    let server = RawServer::saying(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let answer = open(&server.uri()).await.unwrap();
    assert_eq!(answer.json::<Value>(br#"{"a":1}"#).unwrap()["a"], 1);
    let error = answer.json::<Value>(br#"{"a":1,"a":2}"#).unwrap_err();
    assert_eq!(error.to_string(), "POST /events: a: duplicate field");
    assert_eq!(answer.shown(&format!("bad {KEY}\x1b[2J")), r"bad ***\x1b[2J");
}
