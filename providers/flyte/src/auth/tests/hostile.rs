//! A control plane or an authorization server that answers what it should not.

use anyssh_core::{ErrorKind, ProviderError};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use super::kit::{Plane, SECRET, User, granted};

async fn failure(plane: &Plane) -> ProviderError {
    User::client(plane).token().await.unwrap_err().into()
}

/// S1, S9, S10: a token is one word, an answer is small JSON of the right types, or it is refused by its field.
#[tokio::test]
async fn an_answer_that_holds_no_token_is_refused() {
    let json = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    let raw = |body: &str, kind: &str| ResponseTemplate::new(200).set_body_raw(body.as_bytes().to_vec(), kind);
    let huge = "x".repeat(2 * 1024 * 1024);
    for (response, words) in [
        (json(json!({})), "access_token"),
        (json(json!({"access_token": null})), "access_token"),
        (json(json!({"access_token": 7})), "access_token"),
        (json(json!({"access_token": ""})), "access_token"),
        (json(json!({"access_token": "a\r\nhost: evil"})), "access_token"),
        (json(json!({"access_token": "a b"})), "access_token"),
        (json(json!({"access_token": "x".repeat(8001)})), "access_token"),
        (json(json!({"access_token": "t", "token_type": "mac\u{1b}"})), "token_type"),
        (json(json!(["t"])), "type"),
        (raw(r#"{"access_token":"a","access_token":"b"}"#, "application/json"), "duplicate"),
        (raw("<html>log in</html>", "text/html"), "HTML"),
        (raw("tok", "text/plain"), "content type"),
        (raw("", "application/json"), "empty"),
        (raw(&huge, "application/json"), "too large"),
        (ResponseTemplate::new(302).insert_header("location", "https://evil.example/"), "redirect"),
    ] {
        let plane = Plane::new().await.tokens(vec![response]).await;
        let error = failure(&plane).await;
        assert_eq!(error.kind(), ErrorKind::Protocol, "{words}: {error}");
        let text = format!("{error} {}", error.field().unwrap_or_default());
        assert!(text.contains(words) && !text.contains(char::is_control), "{words}: {text}");
    }
}

/// K5: a client's secret goes to https, and to loopback only where the control plane is there too.
#[tokio::test]
async fn an_endpoint_where_no_secret_may_go_is_refused() {
    let evil = MockServer::start().await;
    for url in [
        "http://evil.example/token",
        "ftp://evil.example/token",
        "https://me:pw@evil.example/token",
        "https://evil.example/token#x",
        "https://evil.example/to ken",
        "https://evil.example\\@good.example/",
        "javascript:alert(1)",
        "token",
        "",
    ] {
        let plane = Plane::with(json!({"tokenEndpoint": url}), json!({})).await;
        let error = failure(&plane).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("token_endpoint")), "{url}: {error}");
    }
    let mut user = User::client(&Plane::new().await);
    user.settings[0].1 = "https://flyte.example".to_owned();
    let on_loopback = format!("{}/token", evil.uri());
    assert!(crate::auth::oauth::parse_url("token_endpoint", &on_loopback, &user.config()).is_err());
    assert!(crate::auth::oauth::parse_url("token_endpoint", "https://idp.example/token?x=1", &user.config()).is_ok());
    assert!(evil.received_requests().await.unwrap().is_empty());
}

/// S1: the header that the control plane names is a header, and none of the connection's own.
#[tokio::test]
async fn a_header_that_is_none_is_refused() {
    for name in ["a b", "a\r\nb", "host", "Transfer-Encoding", "x:", "é"] {
        let plane = Plane::with(json!({}), json!({"authorizationMetadataKey": name})).await;
        let plane = plane.tokens(vec![granted("tok.1", json!(3600))]).await;
        let error = failure(&plane).await;
        assert_eq!(
            (error.kind(), error.field()),
            (ErrorKind::Protocol, Some("authorization_metadata_key")),
            "{name:?}"
        );
        assert!(plane.posted("/token").await.is_empty());
    }
}

/// S9: discovery that is no API's, or of other types, is an error before any secret is sent.
#[tokio::test]
async fn a_discovery_that_is_none_is_refused() {
    for metadata in [json!({"tokenEndpoint": 7}), json!({"tokenEndpoint": ["URI/token"]})] {
        let plane = Plane::with(metadata, json!({})).await.tokens(vec![granted("tok.1", json!(3600))]).await;
        assert_eq!(failure(&plane).await.kind(), ErrorKind::Protocol);
        assert!(plane.posted("/token").await.is_empty());
    }
    let server = MockServer::start().await;
    let plane = Plane { server };
    let error = failure(&plane).await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

/// S10, K6: whatever a refusal says, nothing that moves the cursor and nothing of ours comes out.
#[tokio::test]
async fn the_words_of_a_refusal_are_escaped_capped_and_redacted() {
    for body in [
        json!({"error": "x\u{1b}]0;x\u{7}", "error_description": format!("{SECRET}{SECRET}")}),
        json!({"error": "invalid_client", "error_description": "y".repeat(5000)}),
        json!({"error": {"message": format!("\u{202e}{SECRET}")}}),
    ] {
        let plane = Plane::new().await.tokens(vec![ResponseTemplate::new(400).set_body_json(body)]).await;
        let error = failure(&plane).await;
        let text = error.to_string();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(!text.contains(SECRET) && !text.contains(char::is_control) && !text.contains('\u{202e}'), "{text}");
        assert!(text.chars().count() < 700, "{text}");
    }
}
