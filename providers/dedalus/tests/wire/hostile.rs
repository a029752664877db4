//! Ready sessions with one field that is not as it should be, and answers that are none.
//!
//! Each is refused with the kind and field in the table, no session comes out, and what was made is deleted.

use std::time::Duration;

use anyssh_core::{ErrorKind, ProviderError, SshProvider as _};
use anyssh_dedalus::DedalusProvider;
use anyssh_testkit::spoiled;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    API_KEY, LONG, Minted, X_API_KEY, answer, calls, count, create, ok, over, pending, public_line, ready, request,
    server_creating, session_path, sessions_path, settings, time, with,
};

/// Where a text field stands, how it is called, and a good value.
fn text_fields() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("/connection/endpoint", "endpoint", crate::kit::ENDPOINT.to_owned()),
        ("/connection/ssh_username", "ssh_username", crate::kit::USER.to_owned()),
        ("/connection/user_certificate", "user_certificate", Minted::default().line()),
        ("/connection/host_trust/kind", "kind", "cert_authority".to_owned()),
        ("/connection/host_trust/host_pattern", "host_pattern", "*.dedalus.example".to_owned()),
        ("/connection/host_trust/public_key", "public_key", public_line(crate::kit::HOST_CA)),
        ("/expires_at", "expires_at", time(300)),
        ("/created_at", "created_at", time(0)),
        ("/status", "status", "ready".to_owned()),
        ("/machine_id", "machine_id", crate::kit::MACHINE.to_owned()),
    ]
}

async fn refused(answer: &Value) -> ProviderError {
    let server = server_creating(answer).await;
    let error = create(&server).await.expect_err(&answer.to_string());
    assert_eq!((count(&server, "DELETE").await, error.left_behind()), (1, None), "{error}");
    check_message(&error);
    error
}

/// S10: fit for a terminal, and without our keys.
fn check_message(error: &ProviderError) {
    let shown = format!("{error} {error:?}");
    assert!(!error.to_string().contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown}");
    assert!(error.to_string().len() < 2000, "{shown}");
    assert!(!shown.contains(API_KEY) && !shown.contains(X_API_KEY), "{shown}");
}

/// S1, S3, S4, S8, S10: each text field with each thing in it that does not belong there.
#[tokio::test]
async fn a_spoiled_text_is_refused_by_the_name_of_its_field() {
    for (pointer, field, good) in text_fields() {
        // The last trailing newline of a certificate is part of its form; a blank before it is not.
        for text in spoiled(&good).into_iter().chain([format!(" {good}")]) {
            let error = refused(&with(ready(), pointer, Some(json!(text)))).await;
            assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{text:?}: {error}");
        }
    }
}

/// S4, S9: each field of another type, null, or missing.
#[tokio::test]
async fn a_field_of_another_type_or_none_is_refused_by_its_name() {
    let objects = [("/connection", "connection"), ("/connection/host_trust", "host_trust")];
    let fields = text_fields().into_iter().map(|(pointer, field, _)| (pointer, field)).chain(objects);
    for (pointer, field) in fields.chain([("/connection/port", "port")]) {
        let optional = matches!(field, "expires_at" | "created_at");
        for value in [None, Some(Value::Null), Some(json!(true)), Some(json!([])), Some(json!(["x"])), Some(json!(1.5))]
        {
            if optional && value.as_ref().is_none_or(Value::is_null) {
                continue;
            }
            let error = refused(&with(ready(), pointer, value.clone())).await;
            assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{value:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_port_that_is_none_is_refused() {
    for port in [json!(0), json!(65536), json!(-1), json!(i64::MAX), json!(u64::MAX), json!("22")] {
        let error = refused(&with(ready(), "/connection/port", Some(port))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("port")), "{error}");
    }
}

/// S3: a pattern has to be one, and to cover the endpoint.
#[tokio::test]
async fn a_pattern_that_is_none_or_covers_something_else_is_refused() {
    for pattern in [
        "*.other.example",
        "dedalus.example",
        "[ssh.dedalus.example]:22",
        "*.dedalus.example,*.evil.example",
        "!evil.example,*",
        "!ssh.dedalus.example",
        "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=",
        "@cert-authority *",
        "#*.dedalus.example",
        "* ssh-ed25519 AAAA",
    ] {
        let error = refused(&with(ready(), "/connection/host_trust/host_pattern", Some(json!(pattern)))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("host_pattern")), "{pattern}: {error}");
    }
    for pattern in ["*", "ssh.dedalus.example", "[ssh.dedalus.example]:2222", "SSH.dedalus.example", "ssh.*.example"] {
        let server = server_creating(&with(ready(), "/connection/host_trust/host_pattern", Some(json!(pattern)))).await;
        create(&server).await.expect(pattern);
    }
}

/// S3: an authority's key that is a certificate, a marker, a second line.
#[tokio::test]
async fn an_authority_that_is_no_plain_key_is_refused() {
    let good = public_line(crate::kit::HOST_CA);
    for key in [Minted::default().line(), format!("@cert-authority * {good}"), format!("{good}\n{good}")] {
        let error = refused(&with(ready(), "/connection/host_trust/public_key", Some(json!(key)))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("public_key")), "{error}");
    }
}

/// S8: an answer to another question, and a session that is over already.
#[tokio::test]
async fn an_answer_about_something_else_or_the_past_is_refused() {
    for (pointer, value, field) in [
        ("/machine_id", json!("0190f3c2-7b1a-7c3e-8f00-1234567890ac"), "machine_id"),
        ("/expires_at", json!(time(-1)), "expires_at"),
        ("/expires_at", json!("0001-01-01T00:00:00Z"), "expires_at"),
        ("/expires_at", json!("tomorrow"), "expires_at"),
    ] {
        let error = refused(&with(ready(), pointer, Some(value))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{error}");
    }
    // The same while polling: another id in the second answer.
    for pointer in ["/session_id", "/machine_id"] {
        let server = server_creating(&pending("wake_in_progress")).await;
        let other = with(ready(), pointer, Some(json!("wssh-2")));
        answer(&server, "GET", &session_path(), 1, ok(&other)).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, pointer.strip_prefix('/')));
        assert_eq!(calls(&server).await.last(), Some(&format!("DELETE {}", session_path())));
    }
}

/// S1: without an id that is one, nothing can be deleted; the error says so.
#[tokio::test]
async fn a_session_id_that_is_none_leaves_something_that_nobody_can_name() {
    for id in [json!("a/b"), json!("a\nb"), json!("-o"), json!(""), json!("x".repeat(300)), json!(7), json!(null)] {
        let server = server_creating(&with(ready(), "/session_id", Some(id))).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("session_id")), "{error}");
        assert!(error.left_behind().is_some_and(|left| left.session.is_none()), "{error}");
        assert_eq!((count(&server, "POST").await, count(&server, "DELETE").await), (2, 0));
        check_message(&error);
    }
}

/// N1, S9: answers that are no answers. The next one to the same key is good, and its session is deleted.
#[tokio::test]
async fn an_answer_that_is_none_is_refused_and_what_it_was_about_is_deleted() {
    let body = |text: String| ResponseTemplate::new(200).set_body_raw(text, "application/json");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let twice = ready().to_string().replacen('{', r#"{"status":"failed","#, 1);
    for (response, words) in [
        (ResponseTemplate::new(200).set_body_raw("<!doctype html><p>hello", "text/html"), "HTML"),
        (body(String::new()), "empty"),
        (body("{".to_owned()), "truncated"),
        (body("[]".to_owned()), "array"),
        (body("null".to_owned()), "null"),
        (body(deep), "nesting"),
        (body(twice), "duplicate"),
        (ok(&with(ready(), "/connection/port", Some(json!(1e300)))), "connection.port: a number that is too large"),
        (ResponseTemplate::new(201).set_body_json(ready()), "HTTP 201"),
        (ResponseTemplate::new(200).set_body_raw(ready().to_string(), "text/plain"), "content type"),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &sessions_path(), 1, response).await;
        answer(&server, "POST", &sessions_path(), 1, ok(&ready())).await;
        answer(&server, "DELETE", &session_path(), 1, ok(&over("closed"))).await;
        let error = create(&server).await.expect_err(words);
        assert_eq!((error.kind(), error.left_behind()), (ErrorKind::Protocol, None), "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(count(&server, "DELETE").await, 1, "{words}");
    }
}

/// N1, K5: neither key follows a redirect.
#[tokio::test]
async fn a_redirect_is_an_error_and_the_other_server_hears_nothing() {
    let other = MockServer::start().await;
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(307).insert_header("location", format!("{}/v1", other.uri()));
    answer(&server, "POST", &sessions_path(), u64::MAX, away).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind(), calls(&other).await.len()), (ErrorKind::Protocol, 0));
    assert!(error.to_string().contains("redirect"), "{error}");
}

/// S9, N3: a body without an end is cut at the cap, one that is silent at the deadline. The next answer to the
/// same key is good, and its session is deleted.
#[tokio::test]
async fn an_endless_and_a_silent_answer_end_and_leave_nothing() {
    for (silent, timeout, kind, words) in [
        (false, LONG, ErrorKind::Protocol, "too large"),
        (true, Duration::from_millis(300), ErrorKind::TimedOut, "timeout"),
    ] {
        let (uri, deleted) = raw_server(silent).await;
        let error = DedalusProvider::new(&settings(&uri)).unwrap().create(&request(timeout)).await.expect_err(words);
        assert_eq!((error.kind(), error.left_behind()), (kind, None), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(*deleted.borrow(), "the session was not deleted");
    }
}

/// A server whose first answer never ends, in one of two ways; those after it are good.
async fn raw_server(silent: bool) -> (String, tokio::sync::watch::Receiver<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let (tell, deleted) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            read_head(&mut first).await;
            let _ =
                first.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"session_id\":\"").await;
            while !silent && first.write_all(&[b'x'; 4096]).await.is_ok() {}
            // Held open until the client goes.
            let _ = tokio::io::copy(&mut first, &mut tokio::io::sink()).await;
        });
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = read_head(&mut stream).await;
            let is_delete = head.starts_with("DELETE");
            let body = if is_delete { over("closed") } else { ready() }.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            tell.send_replace(is_delete);
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    });
    (uri, deleted)
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
