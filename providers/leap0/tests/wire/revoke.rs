//! Ending credentials by id: ours, and never somebody else's where that can be known.

use anyssh_core::{ErrorKind, Revocation, SessionRef, SshProvider as _, Validity};
use anyssh_leap0::Generation;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    ID, LONG, PASSWORD, access, answer, at, by_id, calls, fixed, ok, provider, refusal, request, requests, server,
    validation, with_password, within,
};

fn gone() -> ResponseTemplate {
    ResponseTemplate::new(204)
}

/// Clause 8, both generations: what was made is ended, by its own way.
#[tokio::test]
async fn a_session_is_ended_in_the_way_of_its_generation() {
    for (generation, expected) in [
        (Generation::Two, vec![format!("DELETE ssh/{ID}")]),
        (Generation::One, vec!["POST ssh/validate".to_owned(), "DELETE ssh/access".to_owned()]),
    ] {
        let server = server(generation, &access()).await;
        let provider = provider(&server);
        let session = provider.create(&request(LONG)).await.unwrap();
        let before = calls(&server).await.len();
        let revoked = provider.revoke(&SessionRef::from(&session), within(LONG)).await.unwrap();
        assert_eq!((revoked, &calls(&server).await[before..]), (Revocation::Revoked, &expected[..]));
        let sent = requests(&server).await;
        if generation == Generation::One {
            let body: Value = sent[before].body_json().unwrap();
            assert_eq!(body, json!({"id": ID, "password": PASSWORD}));
        }
        assert!(sent.last().unwrap().body.is_empty());
    }
}

/// Generation 1 deletes whatever there is, so it is asked first whether that is still ours.
#[tokio::test]
async fn a_credential_that_somebody_else_made_since_is_left_alone() {
    for setting in ["1", "auto"] {
        let server = MockServer::start().await;
        answer(&server, "POST", &at("ssh/validate"), 1, ok(&validation(false))).await;
        answer(&server, "DELETE", &at("ssh/access"), u64::MAX, gone()).await;
        let revoked = fixed(&server, setting).revoke(&with_password(ID), within(LONG)).await.unwrap();
        assert_eq!(revoked, Revocation::AlreadyGone);
        assert!(!calls(&server).await.contains(&"DELETE ssh/access".to_owned()));
    }
}

#[tokio::test]
async fn without_its_password_the_user_is_believed() {
    let server = MockServer::start().await;
    answer(&server, "DELETE", &at("ssh/access"), 1, gone()).await;
    let provider = provider(&server);
    assert_eq!(provider.revoke(&by_id(ID), within(LONG)).await.unwrap(), Revocation::Revoked);
    assert_eq!(calls(&server).await, [format!("DELETE ssh/{ID}"), "DELETE ssh/access".to_owned()]);
}

/// Clause 7: not found in either generation is gone.
#[tokio::test]
async fn what_no_generation_knows_is_gone_already() {
    for (setting, session, expected) in [
        // What is not there may be alive in the generation that the user did not say.
        ("2", with_password(ID), vec![format!("DELETE ssh/{ID}"), "POST ssh/validate".to_owned()]),
        ("1", with_password(ID), vec!["POST ssh/validate".to_owned(), format!("POST ssh/{ID}/validate")]),
        ("2", by_id(ID), vec![format!("DELETE ssh/{ID}")]),
        ("1", by_id(ID), vec!["DELETE ssh/access".to_owned()]),
        ("auto", with_password(ID), vec![format!("DELETE ssh/{ID}"), "POST ssh/validate".to_owned()]),
        ("auto", by_id(ID), vec![format!("DELETE ssh/{ID}"), "DELETE ssh/access".to_owned()]),
    ] {
        let server = MockServer::start().await;
        let revoked = fixed(&server, setting).revoke(&session, within(LONG)).await.unwrap();
        assert_eq!((revoked, calls(&server).await), (Revocation::AlreadyGone, expected));
    }
}

#[tokio::test]
async fn revoking_twice_is_fine_in_both_generations() {
    for generation in [Generation::One, Generation::Two] {
        let server = server(generation, &access()).await;
        let provider = provider(&server);
        let session = SessionRef::from(&provider.create(&request(LONG)).await.unwrap());
        assert_eq!(provider.revoke(&session, within(LONG)).await.unwrap(), Revocation::Revoked);
        server.reset().await;
        assert_eq!(provider.revoke(&session, within(LONG)).await.unwrap(), Revocation::AlreadyGone);
        let Validity::Invalid { .. } = provider.validate(&session, within(LONG)).await.unwrap() else {
            panic!("still valid")
        };
    }
}

/// N4: a delete and the question before it are repeated like any other call that does no harm.
#[tokio::test]
async fn an_end_is_repeated_until_the_server_is_there_again() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/validate"), 1, refusal(503, "busy")).await;
    answer(&server, "POST", &at("ssh/validate"), 1, ok(&validation(true))).await;
    answer(&server, "DELETE", &at("ssh/access"), 2, refusal(502, "busy")).await;
    answer(&server, "DELETE", &at("ssh/access"), 1, gone()).await;
    let revoked = fixed(&server, "1").revoke(&with_password(ID), within(LONG)).await.unwrap();
    assert_eq!((revoked, calls(&server).await.len()), (Revocation::Revoked, 5));
}

/// S9: a page of a proxy with status 200 is no word of the API.
#[tokio::test]
async fn only_a_204_of_the_api_ends_a_credential() {
    for (response, kind) in [
        (ResponseTemplate::new(200).set_body_raw("<html>welcome to the hotel", "text/html"), ErrorKind::Protocol),
        (ResponseTemplate::new(200), ErrorKind::Protocol),
        (ResponseTemplate::new(202), ErrorKind::Protocol),
        (refusal(401, "who"), ErrorKind::Unauthenticated),
        (refusal(403, "no"), ErrorKind::Forbidden),
        (refusal(409, "state"), ErrorKind::Conflict),
        (refusal(405, "no"), ErrorKind::Protocol),
    ] {
        let server = MockServer::start().await;
        answer(&server, "DELETE", &at(&format!("ssh/{ID}")), u64::MAX, response).await;
        let error = fixed(&server, "2").revoke(&by_id(ID), within(LONG)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// A path that means something else in the other generation is no answer about the credential.
#[tokio::test]
async fn a_method_that_is_not_allowed_is_the_other_generations_path() {
    let server = MockServer::start().await;
    answer(&server, "DELETE", &at(&format!("ssh/{ID}")), 1, refusal(405, "no")).await;
    answer(&server, "POST", &at("ssh/validate"), 1, ok(&validation(true))).await;
    answer(&server, "DELETE", &at("ssh/access"), 1, gone()).await;
    let revoked = provider(&server).revoke(&with_password(ID), within(LONG)).await.unwrap();
    assert_eq!(revoked, Revocation::Revoked);
}

/// S8: an answer about another sandbox says nothing about ours, and nothing is deleted for it.
#[tokio::test]
async fn a_question_answered_about_another_sandbox_ends_nothing() {
    let server = MockServer::start().await;
    let other = json!({"valid": true, "sandbox_id": "sbx-other"});
    answer(&server, "POST", &at("ssh/validate"), 1, ok(&other)).await;
    let error = fixed(&server, "1").revoke(&with_password(ID), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("sandbox_id")));
    assert_eq!(calls(&server).await, ["POST ssh/validate"]);
}
