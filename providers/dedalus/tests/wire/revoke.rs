//! Ending sessions, by id and by attempt.

use anyssh_core::{ErrorKind, Revocation, SshProvider as _};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    ATTEMPT_KEY, LONG, OURS, SESSION, answer, by_attempt, by_id, calls, count, header, ok, over, pending, provider,
    public_line, ready, requests, server_creating, session_path, sessions_path, with, within,
};

#[tokio::test]
async fn a_deleted_session_is_revoked_and_one_that_is_gone_was_gone() {
    for (response, expected) in [
        (ok(&over("closed")), Revocation::Revoked),
        (ResponseTemplate::new(204), Revocation::Revoked),
        (ok(&over("expired")), Revocation::AlreadyGone),
        (ok(&over("failed")), Revocation::AlreadyGone),
        (ResponseTemplate::new(404), Revocation::AlreadyGone),
        (ResponseTemplate::new(410), Revocation::AlreadyGone),
    ] {
        let server = MockServer::start().await;
        answer(&server, "DELETE", &session_path(), 1, response).await;
        assert_eq!(provider(&server).revoke(&by_id(SESSION), within(LONG)).await.unwrap(), expected);
        assert_eq!(calls(&server).await, [format!("DELETE {}", session_path())]);
    }
}

#[tokio::test]
async fn a_delete_is_repeated_like_any_other_call() {
    let server = MockServer::start().await;
    answer(&server, "DELETE", &session_path(), 2, ResponseTemplate::new(503)).await;
    answer(&server, "DELETE", &session_path(), 1, ok(&over("closed"))).await;
    assert_eq!(provider(&server).revoke(&by_id(SESSION), within(LONG)).await.unwrap(), Revocation::Revoked);
}

/// Clause 8: a delete that was accepted and not done yet is waited for.
#[tokio::test]
async fn a_session_that_is_still_closing_is_waited_for() {
    let server = MockServer::start().await;
    answer(&server, "DELETE", &session_path(), 1, ok(&ready())).await;
    answer(&server, "GET", &session_path(), 1, ok(&pending("closing"))).await;
    answer(&server, "GET", &session_path(), 1, ok(&over("closed"))).await;
    assert_eq!(provider(&server).revoke(&by_id(SESSION), within(LONG)).await.unwrap(), Revocation::Revoked);
    assert_eq!(count(&server, "GET").await, 2);
}

/// S9: a page of a proxy with status 200 is no word of the API.
#[tokio::test]
async fn a_200_that_is_not_the_apis_answer_revokes_nothing() {
    for response in [
        ResponseTemplate::new(200).set_body_raw("<html>welcome to the hotel", "text/html"),
        ResponseTemplate::new(200),
        ok(&with(over("closed"), "/session_id", Some(json!("wssh-2")))),
        ok(&with(over("closed"), "/machine_id", Some(json!("other")))),
    ] {
        let server = MockServer::start().await;
        answer(&server, "DELETE", &session_path(), u64::MAX, response).await;
        let error = provider(&server).revoke(&by_id(SESSION), within(LONG)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    }
}

#[tokio::test]
async fn a_delete_that_the_state_forbids_is_settled_by_looking() {
    for (seen, expected) in [
        (ok(&over("closed")), Ok(Revocation::AlreadyGone)),
        (ResponseTemplate::new(404), Ok(Revocation::AlreadyGone)),
        (ok(&ready()), Err(ErrorKind::Conflict)),
    ] {
        let server = MockServer::start().await;
        let conflict = json!({"error_code": "INVALID_STATE", "message": "m", "retryable": false});
        answer(&server, "DELETE", &session_path(), 1, ResponseTemplate::new(409).set_body_json(conflict)).await;
        answer(&server, "GET", &session_path(), 1, seen).await;
        let revoked = provider(&server).revoke(&by_id(SESSION), within(LONG)).await;
        assert_eq!(revoked.map_err(|error| error.kind()), expected);
    }
}

/// Clause 6: the attempt alone is enough. The same key and public key give the id, and the id is deleted.
#[tokio::test]
async fn an_attempt_is_asked_again_and_what_it_made_is_deleted() {
    let server = server_creating(&pending("wake_in_progress")).await;
    let revoked = provider(&server).revoke(&by_attempt(), within(LONG)).await.unwrap();
    assert_eq!(revoked, Revocation::Revoked);
    assert_eq!(calls(&server).await, [format!("POST {}", sessions_path()), format!("DELETE {}", session_path())]);
    let sent = &requests(&server).await[0];
    assert_eq!(header(sent, "idempotency-key"), Some(ATTEMPT_KEY));
    assert_eq!(sent.body_json::<serde_json::Value>().unwrap(), json!({"public_key": public_line(OURS)}));
}

#[tokio::test]
async fn an_attempt_whose_session_is_over_or_whose_machine_is_gone_is_done() {
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), 1, ok(&over("closed"))).await;
    answer(&server, "DELETE", &session_path(), 1, ResponseTemplate::new(404)).await;
    answer(&server, "POST", &sessions_path(), 1, ResponseTemplate::new(404)).await;
    for _ in 0..2 {
        let revoked = provider(&server).revoke(&by_attempt(), within(LONG)).await.unwrap();
        assert_eq!(revoked, Revocation::AlreadyGone);
    }
}

#[tokio::test]
async fn an_attempt_that_nobody_can_ask_about_says_what_may_live() {
    let reused = json!({"error_code": "IDEMPOTENCY_KEY_REUSED", "message": "other body", "retryable": false});
    for (status, body, kind) in [
        (409, reused, ErrorKind::Conflict),
        (401, json!({"error_code": "AUTH_INVALID"}), ErrorKind::Unauthenticated),
        (501, json!({}), ErrorKind::Unavailable),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &sessions_path(), u64::MAX, ResponseTemplate::new(status).set_body_json(body)).await;
        let error = provider(&server).revoke(&by_attempt(), within(LONG)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.left_behind().is_some_and(|left| left.session.is_none()), "{error}");
    }
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), 1, ok(&ready())).await;
    answer(&server, "DELETE", &session_path(), 1, ResponseTemplate::new(403)).await;
    let error = provider(&server).revoke(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!(error.left_behind().unwrap().session.as_ref().unwrap().as_str(), SESSION);
}
