//! Answers of the right status: strict JSON (S9) and the server's clock (S12).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyssh_core::{ErrorKind, ProviderError};
use anyssh_http::{Answer, HttpError};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::kit::{KEY, RawServer, client, within};

#[derive(Debug, Deserialize, PartialEq)]
struct Session {
    id: String,
    port: u16,
    connection: Option<Connection>,
    #[serde(default)]
    tags: Vec<Connection>,
    #[serde(default)]
    labels: BTreeMap<String, i64>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Connection {
    kind: Kind,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    CertAuthority,
}

async fn answer(head: &str, body: &[u8]) -> Answer {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    let server = RawServer::saying(bytes).await;
    client(&server.uri()).get(&["a"], within(5000)).send(&[200]).await.unwrap()
}

async fn refused(body: impl AsRef<[u8]>) -> HttpError {
    let error = answer("content-type: application/json\r\n", body.as_ref()).await.json::<Session>().unwrap_err();
    assert_eq!((error.kind(), error.may_have_arrived()), (ErrorKind::Protocol, true), "{error}");
    error
}

#[tokio::test]
async fn a_sound_answer_is_read() {
    let body = r#"{"id": "s1", "port": 22, "connection": {"kind": "cert_authority", "new": [1.5, null]},
        "tags": [], "labels": {"a": -1}, "unknown": {"deep": [true, 9007199254740993]}}"#;
    for content_type in
        ["content-type: application/json; charset=utf-8\r\n", "content-type: application/vnd.x+json\r\n", ""]
    {
        let session: Session = answer(content_type, body.as_bytes()).await.json().unwrap();
        assert_eq!((session.port, session.labels["a"]), (22, -1));
        assert_eq!(session.connection, Some(Connection { kind: Kind::CertAuthority }));
    }
}

/// cli.md, "Messages name the field …": the word for each fault, and the place.
#[tokio::test]
async fn each_fault_has_its_word() {
    let deep = format!(r#"{{"id": "s", "port": 1, "x": {}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let abyss = "[".repeat(200_000);
    let long = format!(r#"{{"id": "{}", "port": 1}}"#, "x".repeat(70_000));
    for (body, word) in [
        ("", "empty"),
        ("{\"id\": \"s", "truncated"),
        ("{\"id\": ", "truncated"),
        ("id=s", "JSON"),
        ("{} {}", "JSON"),
        ("{\"id\": \"a\nb\"}", "JSON"),
        ("  <!doctype html>", "HTML"),
        (&deep, "nesting"),
        (&abyss, "nesting"),
        (&long, "too large"),
        (r#"{"id": "s", "port": 1, "port": 2}"#, "duplicate"),
        (r#"{"id": "s", "port": 1, "x": {"y": 1, "y": 2}}"#, "duplicate"),
        (r#"{"id": "s", "port": 1, "\u0070ort": 2}"#, "duplicate"),
        (r#"{"id": "s", "port": 1, "labels": {"a": 1, "a": 1}}"#, "duplicate"),
        (r#"{"id": "s", "port": 22.0}"#, "number"),
        (r#"{"id": "s", "port": 65536}"#, "number"),
        (r#"{"id": "s", "port": -1}"#, "number"),
        (r#"{"id": "s", "port": 1e400}"#, "number"),
        (r#"{"id": "s", "port": 18446744073709551616}"#, "number"),
        (r#"{"id": "s", "port": 1, "x": 123456789012345678901234567890}"#, "number"),
        (r#"{"id": "s", "port": "22"}"#, "type"),
        (r#"{"id": 7, "port": 22}"#, "type"),
        (r#"{"id": true, "port": 22}"#, "type"),
        (r#"["s", 22, null, [], {}]"#, "type"),
        (r#"{"id": "s", "port": 22, "connection": ["cert_authority"]}"#, "type"),
        (r#"{"id": "s", "port": 22, "tags": [["cert_authority"]]}"#, "type"),
        (r#"{"id": "s", "port": 22, "tags": {}}"#, "type"),
        (r#""s""#, "type"),
        (r#"{"id": null, "port": 22}"#, "null"),
        (r#"{"id": "s", "port": 22, "tags": null}"#, "null"),
        ("null", "null"),
        (r#"{"port": 22}"#, "missing"),
    ] {
        let error = refused(body).await;
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    assert!(refused(b"{\"id\": \"\xff\"}").await.to_string().contains("UTF-8"));
}

#[tokio::test]
async fn the_place_of_a_fault_is_named() {
    for (body, path, field) in [
        (r#"{"id": "s", "port": "x"}"#, "port", "port"),
        (r#"{"id": "s"}"#, "port", "port"),
        (r#"{"id": "s", "port": 1, "connection": {}}"#, "connection.kind", "kind"),
        (r#"{"id": "s", "port": 1, "connection": {"kind": "x"}}"#, "connection.kind", "kind"),
        (r#"{"id": "s", "port": 1, "tags": [{"kind": "cert_authority"}, {"kind": null}]}"#, "tags[1].kind", "kind"),
        (r#"{"id": "s", "port": 1, "tags": [[]]}"#, "tags[0]", "tags"),
        (r#"{"id": "s", "port": 1, "x": [{"y": 1, "y": 2}]}"#, "x[0].y", "y"),
    ] {
        let error = refused(body).await;
        assert_eq!((error.path(), error.field()), (Some(path), Some(field)), "{error}");
        assert!(error.to_string().contains(path), "{error}");
        assert_eq!(ProviderError::from(error).field(), Some(field));
    }
}

/// K6: the value at fault may be a password, so it is never shown; our own key is not, wherever it stands.
#[tokio::test]
async fn a_fault_shows_names_and_no_values() {
    for body in [
        r#"{"id": 31337313373, "port": 1}"#.to_owned(),
        r#"{"id": "s", "port": "hunter22"}"#.to_owned(),
        r#"{"id": ["hunter22"], "port": 1}"#.to_owned(),
        format!(r#"{{"id": "s", "{KEY}": {{"a": 1, "a": 2}}}}"#),
        format!(r#"{{"id": "s", "port": 1, "connection": {{"kind": "{KEY}"}}}}"#),
    ] {
        let error = refused(&body).await;
        let shown = format!("{error} {error:?} {:?} {:?}", error.path(), error.field());
        for secret in ["31337313373", "hunter22", KEY] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    let odd = refused(r#"{"id": "s", "port": 1, "\u001b[31m": {"a": 1, "a": 2}}"#).await.to_string();
    assert!(odd.contains(r"\x1b[31m.a") && !odd.contains('\u{1b}'), "{odd}");
}

#[tokio::test]
async fn another_content_type_is_refused() {
    let html = answer("content-type: text/html\r\n", b"{}").await.json::<BTreeMap<String, i64>>().unwrap_err();
    assert!(html.to_string().contains("HTML"), "{html}");
    let text = answer("content-type: text/plain\r\n", b"{}").await.json::<BTreeMap<String, i64>>().unwrap_err();
    assert!(text.to_string().contains("type") && text.to_string().contains("text/plain"), "{text}");
}

/// K6: a secret field can be read without ever being printable.
#[tokio::test]
async fn a_secret_field_is_a_secret_from_the_start() {
    #[derive(Debug, Deserialize)]
    struct Access {
        #[serde(deserialize_with = "anyssh_http::secret")]
        password: SecretString,
    }
    let access: Access = answer("", br#"{"password": "hunter22"}"#).await.json().unwrap();
    assert_eq!(access.password.expose_secret(), "hunter22");
    assert!(!format!("{access:?}").contains("hunter22"));
    let error = answer("", br#"{"password": 31337}"#).await.json::<Access>().unwrap_err();
    assert!(error.field() == Some("password") && !error.to_string().contains("31337"), "{error}");
}

/// S12: the Date header tells the server's clock, and a clock that is a year off is named.
#[tokio::test]
async fn the_servers_clock_is_told_and_compared() {
    let skewed = answer("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", b"{}").await;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    assert_eq!((skewed.server_time(), skewed.now()), (Some(then), then));
    assert!(skewed.clock_skew_note().unwrap().contains("clock"));
    let silent = answer("", b"{}").await;
    assert_eq!((silent.server_time(), silent.clock_skew_note()), (None, None));
    assert!(silent.received_at().elapsed().unwrap() < Duration::from_secs(60));
}
