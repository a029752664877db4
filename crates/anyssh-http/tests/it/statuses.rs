//! Error answers: what kind, whose words, and what is kept out of them.

use anyssh_core::{ErrorKind, ProviderError};
use anyssh_http::{HttpError, Refusal, RetryPolicy};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::kit::{KEY, client, within};

async fn answered(template: ResponseTemplate) -> HttpError {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(template).mount(&server).await;
    client(&server.uri()).post(&["a"], RetryPolicy::OnlyIfNotSent, within(5000)).send(&[201]).await.unwrap_err()
}

/// The table of cli.md, "Exit status".
#[tokio::test]
async fn every_status_is_one_next_step() {
    use ErrorKind::{Conflict, Forbidden, NotFound, Protocol, Unauthenticated, Unavailable};
    for (status, kind, may_have_arrived) in [
        (200, Protocol, true),
        (202, Protocol, true),
        (204, Protocol, true),
        (302, Protocol, false),
        (400, Protocol, false),
        (401, Unauthenticated, false),
        (403, Forbidden, false),
        (404, NotFound, false),
        (405, Protocol, false),
        (408, Unavailable, true),
        (409, Conflict, false),
        (410, NotFound, false),
        (418, Protocol, false),
        (422, Protocol, false),
        (429, Unavailable, false),
        (500, Unavailable, true),
        (502, Unavailable, true),
        (503, Unavailable, true),
        (504, Unavailable, true),
        (599, Unavailable, true),
    ] {
        let error = answered(ResponseTemplate::new(status)).await;
        assert_eq!((error.kind(), error.status(), error.attempts()), (kind, Some(status), 1), "{error}");
        assert_eq!(error.may_have_arrived(), may_have_arrived, "{error}");
        assert!(error.to_string().contains(&format!("HTTP {status}")), "{error}");
    }
}

#[tokio::test]
async fn the_servers_words_are_in_the_message() {
    let error = answered(ResponseTemplate::new(409).set_body_json(json!({"message": "credential exists"}))).await;
    assert_eq!(error.to_string(), "POST /a: HTTP 409: credential exists");
    let body = br#"{"title": "Bad", "detail": "limit must be a number"}"#.to_vec();
    let error = answered(ResponseTemplate::new(400).set_body_raw(body, "application/problem+json")).await;
    assert_eq!(error.to_string(), "POST /a: HTTP 400: limit must be a number");
    let body = json!({"error_code": "AUTH_INVALID", "message": "key not known"});
    let error = answered(ResponseTemplate::new(401).set_body_json(body)).await;
    assert_eq!(error.to_string(), "POST /a: HTTP 401: AUTH_INVALID: key not known");
    assert_eq!((error.code(), error.server_message()), (Some("AUTH_INVALID"), Some("key not known")));
}

#[tokio::test]
async fn a_proxys_page_is_named_and_not_shown() {
    let page = "<html><body>Bad gateway at 10.0.0.7</body></html>".as_bytes();
    for content_type in ["text/html; charset=utf-8", "application/json"] {
        let error = answered(ResponseTemplate::new(502).set_body_raw(page, content_type)).await;
        assert!(error.to_string().contains("HTTP 502") && error.to_string().contains("HTML"), "{error}");
        assert!(!error.to_string().contains("10.0.0.7"), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_changes_nothing_but_the_words() {
    for body in ["{", "[1]", "\u{0}", "null", "{\"message\": 1}", "{\"message\": \"a\", \"message\": \"b\"}"] {
        let error = answered(ResponseTemplate::new(403).set_body_raw(body, "application/json")).await;
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Forbidden, "POST /a: HTTP 403"));
    }
}

/// S10, K6: escape sequences are shown as text, long texts are cut, and our own key is not repeated.
#[tokio::test]
async fn hostile_words_are_escaped_capped_and_redacted() {
    let words = format!("\u{1b}]0;x\u{7}\u{9b}\u{202e}key {KEY} and Bearer {KEY} {}", "z".repeat(5000));
    let body = json!({"message": words, "code": format!("c\n{KEY}")});
    let error = answered(ResponseTemplate::new(400).set_body_json(body)).await;
    let shown = format!("{error} {error:?} {:?} {:?}", error.code(), error.server_message());
    assert!(shown.contains(r"\x1b]0;x\x07") && shown.contains("key *** and ***"), "{shown}");
    for bad in ["\u{1b}", "\u{7}", "\u{9b}", "\u{202e}", "\n", KEY] {
        assert!(!shown.contains(bad), "{shown}");
    }
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
    let error = ProviderError::from(error);
    assert!(!format!("{error} {error:?}").contains(KEY));
}

/// K6: a secret that went out in a body is hidden like one that went out in a header.
#[tokio::test]
async fn a_secret_of_the_body_is_redacted_too() {
    let server = MockServer::start().await;
    let echo = ResponseTemplate::new(400).set_body_json(json!({"message": "wrong password hunter22"}));
    Mock::given(any()).respond_with(echo).mount(&server).await;
    let call = client(&server.uri()).post(&["a"], RetryPolicy::Safe, within(5000)).hiding(&"hunter22".into());
    let error = call.send(&[200]).await.unwrap_err();
    assert_eq!(error.to_string(), "POST /a: HTTP 400: wrong password ***");
}

#[tokio::test]
async fn a_vendor_can_bring_its_own_reader() {
    let server = MockServer::start().await;
    let body = json!({"errors": [{"field": "password", "error": "too short"}]});
    Mock::given(any()).respond_with(ResponseTemplate::new(400).set_body_json(body)).mount(&server).await;
    let client = client(&server.uri()).with_refusals_read_by(|body| Refusal {
        message: body.pointer("/errors/0/error").and_then(|text| text.as_str()).map(str::to_owned),
        ..Refusal::common(body)
    });
    let error = client.get(&["a"], within(5000)).send(&[200]).await.unwrap_err();
    assert_eq!(error.to_string(), "GET /a: HTTP 400: too short");
}

#[tokio::test]
async fn a_provider_error_keeps_kind_retryability_and_source() {
    let body = json!({"message": "busy"});
    let error = ProviderError::from(answered(ResponseTemplate::new(503).set_body_json(&body)).await);
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    assert!(std::error::Error::source(&error).is_some_and(|source| source.is::<HttpError>()));
    let never = ResponseTemplate::new(503).insert_header("x-should-retry", "false");
    assert!(!ProviderError::from(answered(never).await).is_retryable());
    assert!(!ProviderError::from(answered(ResponseTemplate::new(404)).await).is_retryable());
}
