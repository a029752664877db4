//! Creates and regenerates whose answer was lost: not repeated, and what may be left is said.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyssh_core::{CreateRequest, ErrorKind, ProviderError, SshProvider as _};
use anyssh_leap0::Leap0Provider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{LONG, by_id, check_message, request, settings};

/// What becomes of a POST.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The connection is closed without a word.
    Closed,
    /// It is closed in the middle of the answer.
    Cut,
    /// Nothing comes, ever.
    Silent,
    /// The answer never ends.
    Endless,
}

/// A server that knows no sandbox (404), and answers each POST like that.
async fn server(fate: Fate) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, fate, Arc::clone(&log)));
        }
    });
    (uri, heard)
}

async fn serve(mut stream: TcpStream, fate: Fate, log: Arc<Mutex<Vec<String>>>) {
    let head = read_head(&mut stream).await;
    let line = head.lines().next().unwrap_or_default().to_owned();
    let is_post = line.starts_with("POST ") && !line.contains("validate");
    log.lock().unwrap().push(line);
    let begun = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"id\":\"";
    let chunked = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n{\"id\":\"";
    match fate {
        _ if !is_post => {
            let gone = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(gone).await.unwrap_or_default();
        }
        Fate::Closed => {}
        Fate::Cut => stream.write_all(begun.strip_suffix(b"{\"id\":\"").unwrap()).await.unwrap_or_default(),
        Fate::Silent => drop(tokio::io::copy(&mut stream, &mut tokio::io::sink()).await),
        Fate::Endless => {
            stream.write_all(chunked).await.unwrap_or_default();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

fn provider(uri: &str, generation: &str, request_timeout: Duration) -> Leap0Provider {
    let settings = settings(uri).with_setting("ANYSSH_LEAP0_API", generation.into());
    Leap0Provider::new(&settings.with_request_timeout(request_timeout)).unwrap()
}

async fn create(fate: Fate, generation: &str, request: &CreateRequest) -> (ProviderError, usize) {
    let (uri, heard) = server(fate).await;
    let error = provider(&uri, generation, Duration::from_secs(2)).create(request).await.unwrap_err();
    check_message(&error);
    let posts = heard.lock().unwrap().iter().filter(|line| line.starts_with("POST ")).count();
    (error, posts)
}

/// N4: an answer that was lost is `unavailable`, is not repeated, and what may be left is said.
#[tokio::test]
async fn a_create_whose_answer_was_lost_is_not_repeated_and_says_what_may_be_left() {
    for (generation, words) in [
        ("1", vec!["anyssh regenerate leap0 sbx-abc123", "cuts off"]),
        ("2", vec!["one hour"]),
        ("auto", vec!["anyssh regenerate leap0 sbx-abc123", "cuts off", "one hour"]),
    ] {
        for fate in [Fate::Closed, Fate::Silent] {
            let (error, posts) = create(fate, generation, &request(LONG)).await;
            assert_eq!((error.kind(), error.is_retryable(), posts), (ErrorKind::Unavailable, false, 1), "{error}");
            let left = error.left_behind().expect("what may be left is said");
            assert_eq!(left.session, None);
            for words in &words {
                assert!(left.until.contains(words), "{generation} {fate:?}: {error}");
            }
        }
    }
}

/// S9, N3: an answer that breaks off or never ends is bounded, and what may be left is said.
#[tokio::test]
async fn a_create_whose_answer_breaks_off_or_never_ends_is_bounded() {
    for (fate, words) in [(Fate::Cut, "truncated"), (Fate::Endless, "too large")] {
        let (error, posts) = create(fate, "2", &request(LONG)).await;
        assert_eq!((error.kind(), posts), (ErrorKind::Protocol, 1), "{error}");
        assert!(error.to_string().contains(words) && error.left_behind().is_some(), "{error}");
    }
}

/// Clause 2: the deadline wins over a server that says nothing.
#[tokio::test]
async fn a_silent_server_ends_at_the_deadline_with_what_may_be_left() {
    let begin = Instant::now();
    let (error, posts) = create(Fate::Silent, "1", &request(Duration::from_millis(400))).await;
    assert_eq!((error.kind(), posts), (ErrorKind::TimedOut, 1), "{error}");
    assert!(error.left_behind().is_some() && begin.elapsed() < Duration::from_secs(3), "{error}");
}

/// Nothing was sent, so nothing can be left.
#[tokio::test]
async fn a_server_that_is_not_there_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = provider(&uri, "1", LONG).create(&request(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.left_behind()), (ErrorKind::Unavailable, None), "{error}");
}

/// N4: the same for a regenerate: the old password may be dead, and nobody saw the new one.
#[tokio::test]
async fn a_regenerate_whose_answer_was_lost_is_not_repeated_and_names_the_credential() {
    for generation in ["1", "2"] {
        let (uri, heard) = server(Fate::Closed).await;
        let provider = provider(&uri, generation, LONG);
        let error = provider.regenerate(&by_id(crate::kit::ID), &request(LONG)).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, false), "{error}");
        assert_eq!(error.left_behind().unwrap().session.as_ref().unwrap().as_str(), crate::kit::ID);
        assert_eq!(heard.lock().unwrap().iter().filter(|line| line.starts_with("POST ")).count(), 1);
    }
}
