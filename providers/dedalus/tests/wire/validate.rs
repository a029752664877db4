//! Asking whether a session is good.

use anyssh_core::{ErrorKind, SshProvider as _, Validity};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    LONG, SESSION, answer, by_attempt, by_id, calls, ok, over, pending, provider, ready, session_path, time, with,
    within,
};

async fn validated(body: &Value) -> Result<Validity, anyssh_core::ProviderError> {
    let server = MockServer::start().await;
    answer(&server, "GET", &session_path(), 1, ok(body)).await;
    let validity = provider(&server).validate(&by_id(SESSION), within(LONG)).await;
    assert_eq!(calls(&server).await, [format!("GET {}", session_path())]);
    validity
}

#[tokio::test]
async fn a_ready_session_is_valid_until_it_or_its_certificate_ends() {
    let Validity::Valid { until: Some(_) } = validated(&ready()).await.unwrap() else { panic!("not valid") };
    let bare = with(with(ready(), "/connection", None), "/expires_at", None);
    assert_eq!(validated(&bare).await.unwrap(), Validity::Valid { until: None });
}

#[tokio::test]
async fn every_other_state_is_invalid_with_its_reason() {
    for (body, reason) in [
        (over("failed"), "it is failed"),
        (over("expired"), "it is expired"),
        (over("closed"), "it is closed"),
        (pending("wake_in_progress"), "it is not ready: waking the machine (wake_in_progress)"),
        (with(ready(), "/expires_at", Some(json!(time(-1)))), "it has expired"),
    ] {
        assert_eq!(validated(&body).await.unwrap(), Validity::Invalid { reason: reason.to_owned() });
    }
}

#[tokio::test]
async fn a_session_that_is_not_known_is_invalid_and_no_error() {
    let server = MockServer::start().await;
    answer(&server, "GET", &session_path(), 1, ResponseTemplate::new(404)).await;
    let validity = provider(&server).validate(&by_id(SESSION), within(LONG)).await.unwrap();
    assert!(matches!(validity, Validity::Invalid { .. }));
}

/// S8: an answer about another session says nothing about ours.
#[tokio::test]
async fn an_answer_about_another_session_is_no_answer() {
    for field in ["session_id", "machine_id"] {
        let error = validated(&with(ready(), &format!("/{field}"), Some(json!("other")))).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)));
    }
}

/// Clause 10: asking by attempt would make a session.
#[tokio::test]
async fn an_attempt_is_not_validated() {
    let server = MockServer::start().await;
    let error = provider(&server).validate(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Unsupported, 0));
}
