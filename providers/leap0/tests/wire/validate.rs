//! Asking whether a credential is good.

use std::time::Instant;

use anyssh_core::{ErrorKind, SessionRef, SshProvider as _, Validity};
use anyssh_leap0::Generation;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::kit::{
    ID, LONG, PASSWORD, SANDBOX, access, answer, at, by_attempt, by_id, calls, check_message, fixed, ok, provider,
    refusal, request, requests, server, time, validation, with, with_password, within,
};

/// Both generations, with the exact bodies.
#[tokio::test]
async fn the_id_and_the_password_are_asked_about_in_the_way_of_the_generation() {
    for (setting, path, body) in [
        ("1", "ssh/validate".to_owned(), json!({"id": ID, "password": PASSWORD})),
        ("2", format!("ssh/{ID}/validate"), json!({"password": PASSWORD})),
    ] {
        for valid in [true, false] {
            let server = MockServer::start().await;
            answer(&server, "POST", &at(&path), 1, ok(&validation(valid))).await;
            let validity = fixed(&server, setting).validate(&with_password(ID), within(LONG)).await.unwrap();
            match validity {
                Validity::Valid { until } => assert!(valid && until.is_none()),
                Validity::Invalid { reason } => assert!(!valid && reason.contains("do not log in"), "{reason}"),
            }
            let sent = &requests(&server).await[0];
            assert_eq!((sent.url.path(), sent.body_json::<Value>().unwrap()), (at(&path).as_str(), body.clone()));
        }
    }
}

/// A credential that is known to this process has its end from there.
#[tokio::test]
async fn a_session_of_this_process_is_valid_until_it_expires() {
    let server = server(Generation::Two, &access()).await;
    let provider = provider(&server);
    let session = SessionRef::from(&provider.create(&request(LONG)).await.unwrap());
    let Validity::Valid { until: Some(_) } = provider.validate(&session, within(LONG)).await.unwrap() else {
        panic!("not valid, or no end")
    };
}

/// S12: our own clock has a word too: the server may not have noticed.
#[tokio::test]
async fn a_session_whose_end_has_come_is_invalid_without_a_question() {
    let server = server(Generation::Two, &with(access(), "expires_at", Some(json!(time(2))))).await;
    let provider = fixed(&server, "2");
    let session = SessionRef::from(&provider.create(&request(LONG)).await.unwrap());
    let end = Instant::now() + LONG;
    let reason = loop {
        assert!(Instant::now() < end, "valid long after its end");
        match provider.validate(&session, within(LONG)).await.unwrap() {
            Validity::Valid { .. } => tokio::task::yield_now().await,
            Validity::Invalid { reason } => break reason,
        }
    };
    assert!(reason.starts_with("it expired at "), "{reason}");
}

#[tokio::test]
async fn where_the_generation_is_not_known_both_are_asked() {
    let one = MockServer::start().await;
    answer(&one, "POST", &at("ssh/validate"), u64::MAX, ok(&validation(true))).await;
    let provider_one = provider(&one);
    for _ in 0..2 {
        assert!(matches!(
            provider_one.validate(&with_password(ID), within(LONG)).await.unwrap(),
            Validity::Valid { .. }
        ));
    }
    let question = format!("POST ssh/{ID}/validate");
    assert_eq!(calls(&one).await, [question.as_str(), "POST ssh/validate", "POST ssh/validate"]);
    let neither = MockServer::start().await;
    let validity = provider(&neither).validate(&with_password(ID), within(LONG)).await.unwrap();
    assert_eq!(validity, Validity::Invalid { reason: "Leap0 knows no such credential".to_owned() });
    assert_eq!(calls(&neither).await, [question.as_str(), "POST ssh/validate"]);
}

/// S8, S9: an answer about another sandbox, or none.
#[tokio::test]
async fn an_answer_about_another_sandbox_is_no_answer() {
    for (body, field) in [
        (json!({"valid": true, "sandbox_id": "sbx-other"}), "sandbox_id"),
        (json!({"valid": false, "sandbox_id": "sbx-other"}), "sandbox_id"),
        (json!({"valid": true, "sandbox_id": ""}), "sandbox_id"),
        (json!({"valid": true}), "sandbox_id"),
        (json!({"valid": true, "sandbox_id": null}), "sandbox_id"),
        (json!({"sandbox_id": SANDBOX}), "valid"),
        (json!({"valid": null, "sandbox_id": SANDBOX}), "valid"),
        (json!({"valid": "true", "sandbox_id": SANDBOX}), "valid"),
        (json!({"valid": 1, "sandbox_id": SANDBOX}), "valid"),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &at(&format!("ssh/{ID}/validate")), 1, ok(&body)).await;
        let error = fixed(&server, "2").validate(&with_password(ID), within(LONG)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{body}");
    }
}

#[tokio::test]
async fn without_a_password_or_an_id_nothing_is_asked() {
    let server = MockServer::start().await;
    let error = provider(&server).validate(&by_id(ID), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("password")));
    let error = provider(&server).validate(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Unsupported, 0));
}

/// K6: what the server says about the password is said without it.
#[tokio::test]
async fn a_refusal_that_repeats_the_password_is_shown_without_it() {
    let server = MockServer::start().await;
    let echo = refusal(403, &format!("the password {PASSWORD} is known to us"));
    answer(&server, "POST", &at(&format!("ssh/{ID}/validate")), 1, echo).await;
    let error = provider(&server).validate(&with_password(ID), within(LONG)).await.unwrap_err();
    assert!(error.to_string().contains("***"), "{error}");
    check_message(&error);
}
