//! Bulk that is passed on: a larger cap for one call, and a body that nobody reads (S9).

use anyssh_core::ErrorKind;
use anyssh_http::{Answer, HttpError, Value};

use crate::kit::{RawServer, client, within};

async fn ask(body: &str, largest: usize) -> Result<Answer, HttpError> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let server = RawServer::saying([head.as_bytes(), body.as_bytes()].concat()).await;
    client(&server.uri()).get(&["a"], within(20_000)).with_largest_answer(largest).send(&[200]).await
}

/// S9: the cap of a call is its own, and the byte after it is too much.
#[tokio::test]
async fn a_call_may_have_a_cap_of_its_own() {
    let body = format!("{{\"a\": \"{}\"}}", "x".repeat(3 << 20));
    let answer = ask(&body, body.len()).await.unwrap();
    assert_eq!(answer.text().unwrap(), body);
    let error = ask(&body, body.len() - 1).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Protocol && error.is_too_large());
    let cap = format!("the answer is too large: more than {} bytes", body.len() - 1);
    assert!(error.to_string().ends_with(&cap), "{error}");
}

/// S9: what is looked at is read as strictly as ever, and what is no JSON text is none here either.
#[tokio::test]
async fn a_text_is_not_read_and_its_parts_are() {
    let body = r#"{"big": 1e300, "deep": [[1.0]], "a": 1, "a": 2}"#;
    let answer = ask(body, 1000).await.unwrap();
    assert_eq!(answer.text().unwrap(), body);
    assert_eq!(answer.part::<Value>("[1.5]").unwrap(), serde_json::json!([1.5]));
    let error = answer.part::<Value>(body).unwrap_err();
    assert!(error.kind() == ErrorKind::Protocol && error.to_string().contains("big"), "{error}");
    let error = answer.unreadable("details is missing");
    assert!(error.kind() == ErrorKind::Protocol && error.to_string().starts_with("GET /a: details is"), "{error}");
    for (body, word) in [("", "empty"), ("<html>", "HTML")] {
        let error = ask(body, 1000).await.unwrap().text().unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
