//! Ending what an attempt made: after a create that was dropped, and in another process.

use std::time::Duration;

use anyssh_core::{ErrorKind, Revocation, SshProvider as _};
use anyssh_leap0::{Generation, Leap0Provider};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    ID, LONG, access, answer, at, by_attempt, calls, count, fixed, made, ok, provider, refusal, request, sandbox,
    server, validation, within,
};

/// Drops a create as soon as the server has heard `call`.
async fn dropped_after(provider: &Leap0Provider, server: &MockServer, call: &str) {
    let request = request(LONG);
    let heard = async {
        while count(server, call).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        created = provider.create(&request) => panic!("not dropped: {created:?}"),
        () = heard => {}
    }
}

fn slow(response: ResponseTemplate) -> ResponseTemplate {
    response.set_delay(Duration::from_secs(30))
}

/// Clause 6: nothing had been asked for, so nothing is to be ended, and nothing of anybody else's is.
#[tokio::test]
async fn a_create_that_was_dropped_before_it_asked_made_nothing() {
    let server = MockServer::start().await;
    answer(&server, "GET", &at(""), u64::MAX, slow(ok(&sandbox("running")))).await;
    let provider = fixed(&server, "1");
    dropped_after(&provider, &server, "GET ").await;
    assert_eq!(provider.revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::AlreadyGone);
    assert_eq!(calls(&server).await, ["GET "]);
}

/// Clause 6, generation 1: the one credential is what the attempt made, if it made one.
#[tokio::test]
async fn a_create_of_generation_1_that_was_dropped_on_its_way_is_ended() {
    let server = MockServer::start().await;
    answer(&server, "GET", &at(""), u64::MAX, ok(&sandbox("running"))).await;
    answer(&server, "POST", &at("ssh/access"), 1, slow(made(&access()))).await;
    answer(&server, "DELETE", &at("ssh/access"), 1, ResponseTemplate::new(204)).await;
    let provider = fixed(&server, "1");
    dropped_after(&provider, &server, "POST ssh/access").await;
    assert_eq!(provider.revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::Revoked);
    assert_eq!(calls(&server).await.last().unwrap(), "DELETE ssh/access");
}

/// A request that is still on its way may be acted on later: "not there" is no proof then.
#[tokio::test]
async fn a_create_that_may_still_arrive_is_not_called_gone() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/access"), 1, slow(made(&access()))).await;
    let provider = fixed(&server, "1");
    dropped_after(&provider, &server, "POST ssh/access").await;
    let error = provider.revoke(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.left_behind().unwrap().until.contains("anyssh regenerate"), "{error}");
}

/// Clause 6, generation 2: nobody can find it, and what may live until when is said.
#[tokio::test]
async fn a_create_of_generation_2_that_was_dropped_on_its_way_says_what_may_live() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/access"), 1, slow(made(&access()))).await;
    let provider = fixed(&server, "2");
    dropped_after(&provider, &server, "POST ssh/access").await;
    let error = provider.revoke(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, false));
    assert!(error.left_behind().unwrap().until.contains("one hour"), "{error}");
    assert_eq!(count(&server, &format!("DELETE ssh/{ID}")).await, 0);
}

/// Once the answer is there its id is known, also if the create is dropped after it.
#[tokio::test]
async fn a_create_that_was_dropped_after_its_answer_is_ended_by_its_id() {
    for generation in [Generation::One, Generation::Two] {
        let server = server(generation, &access()).await;
        let question = at(&format!("ssh/{ID}/validate"));
        server.reset().await;
        answer(&server, "POST", &at("ssh/access"), 1, made(&access())).await;
        answer(&server, "POST", &question, 1, slow(ok(&validation(true)))).await;
        let delete = if generation == Generation::One { at("ssh/access") } else { at(&format!("ssh/{ID}")) };
        answer(&server, "DELETE", &delete, 1, ResponseTemplate::new(204)).await;
        let provider = provider(&server);
        dropped_after(&provider, &server, &format!("POST ssh/{ID}/validate")).await;
        assert_eq!(provider.revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::Revoked);
    }
}

/// Another process knows no more than the attempt. One question tells generation 1, which can end what it made.
#[tokio::test]
async fn another_process_ends_what_can_be_found_and_says_the_rest() {
    let one = MockServer::start().await;
    answer(&one, "POST", &at("ssh/validate"), 1, ok(&validation(false))).await;
    answer(&one, "DELETE", &at("ssh/access"), 1, ResponseTemplate::new(204)).await;
    assert_eq!(provider(&one).revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::Revoked);
    let none = MockServer::start().await;
    assert_eq!(fixed(&none, "1").revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::AlreadyGone);
    let two = MockServer::start().await;
    let error = provider(&two).revoke(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!(calls(&two).await, ["POST ssh/validate"], "nothing is deleted on a guess");
    assert!(error.left_behind().is_some_and(|left| left.until.contains("anyssh regenerate")), "{error}");
    // What was remembered proves nothing: the service may have moved on.
    let scratch = tempfile::tempdir().unwrap();
    let moved = server(Generation::One, &access()).await;
    let with_state =
        || Leap0Provider::new(&crate::kit::settings(&moved.uri()).with_state_dir(scratch.path().join("s"))).unwrap();
    with_state().create(&request(LONG)).await.unwrap();
    moved.reset().await;
    assert!(with_state().revoke(&by_attempt(), within(LONG)).await.unwrap_err().left_behind().is_some());
    assert_eq!(calls(&moved).await, ["POST ssh/validate"]);
    let refusing = MockServer::start().await;
    answer(&refusing, "POST", &at("ssh/validate"), 1, refusal(401, "who")).await;
    let error = provider(&refusing).revoke(&by_attempt(), within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.left_behind().is_some()), (ErrorKind::Unauthenticated, true));
}

#[tokio::test]
async fn the_attempt_of_a_create_that_succeeded_ends_its_session() {
    let server = server(Generation::Two, &access()).await;
    let provider = provider(&server);
    provider.create(&request(LONG)).await.unwrap();
    assert_eq!(provider.revoke(&by_attempt(), within(LONG)).await.unwrap(), Revocation::Revoked);
    assert_eq!(calls(&server).await.last(), Some(&format!("DELETE ssh/{ID}")));
}
