//! From the POST to a session, and what happens to it when there is none.

use anyssh_core::{Credential, ErrorKind, Expiry, HostTrust, SshProvider as _, Target, Transport};
use anyssh_leap0::{Generation, Leap0Provider};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    API_KEY, ID, LONG, PASSWORD, SANDBOX, access, answer, at, calls, count, create, fixed, header, made, ok, provider,
    refusal, request, requests, sandbox, server, settings, validation, with,
};

#[tokio::test]
async fn a_credential_becomes_a_session_with_all_its_parts() {
    let command = format!("ssh -p 2222 {ID}@{SANDBOX}.sandbox.leap0.dev");
    let server = server(Generation::Two, &with(access(), "ssh_command", Some(json!(command)))).await;
    let session = create(&server).await.unwrap();
    assert_eq!((session.id.as_str(), session.target.as_str()), (ID, SANDBOX));
    let Transport::Tcp { host, port } = &session.endpoint.transport else { panic!("{session:?}") };
    assert_eq!((host.to_string(), port.get()), (format!("{SANDBOX}.sandbox.leap0.dev"), 2222));
    let HostTrust::FirstUse(first_use) = &session.endpoint.host_trust else { panic!("{session:?}") };
    assert_eq!(first_use.alias.as_str(), format!("leap0.{SANDBOX}.sandbox.leap0.dev"));
    assert!(first_use.group.as_deref().is_some_and(|group| !group.contains(API_KEY)), "{first_use:?}");
    assert_eq!(session.login.user.as_str(), ID);
    let Credential::Password(password) = &session.login.credential else { panic!("{session:?}") };
    assert_eq!(password.secret().expose_secret(), PASSWORD);
    assert!(matches!(session.expiry, Expiry::At(_)) && session.created_at.is_some());
    assert!(!format!("{session:?}").contains("grüße"));
}

/// The exact requests of a first create: a look, the create without a body, one question.
#[tokio::test]
async fn a_first_create_looks_creates_and_asks_once_which_generation_answers() {
    let server = server(Generation::Two, &access()).await;
    create(&server).await.unwrap();
    assert_eq!(calls(&server).await, ["GET ", "POST ssh/access", &format!("POST ssh/{ID}/validate")]);
    let sent = requests(&server).await;
    assert_eq!(sent[0].url.path(), format!("/v1/sandbox/{SANDBOX}/"), "with its final slash");
    for request in &sent {
        assert_eq!(header(request, "authorization").unwrap(), format!("Bearer {API_KEY}"));
        assert_eq!((header(request, "leap0-authorization"), header(request, "idempotency-key")), (None, None));
    }
    assert_eq!((header(&sent[1], "content-length"), header(&sent[1], "content-type")), (Some("0"), None));
    assert!(sent[1].body.is_empty());
    assert_eq!(header(&sent[2], "content-type"), Some("application/json"));
    assert_eq!(sent[2].body_json::<serde_json::Value>().unwrap(), json!({"password": PASSWORD}));
}

#[tokio::test]
async fn a_key_with_its_scheme_is_not_sent_with_two_and_the_other_header_takes_it_too() {
    for (key, name) in [
        (API_KEY.to_owned(), "authorization"),
        (format!("Bearer {API_KEY}"), "authorization"),
        (format!(" bearer  {API_KEY}\n"), "leap0-authorization"),
    ] {
        let server = server(Generation::Two, &access()).await;
        let settings = settings(&server.uri())
            .with_setting("LEAP0_API_KEY", key.into())
            .with_setting("ANYSSH_LEAP0_AUTH_HEADER", name.into());
        Leap0Provider::new(&settings).unwrap().create(&request(LONG)).await.unwrap();
        for sent in requests(&server).await {
            assert_eq!(header(&sent, name).unwrap(), format!("Bearer {API_KEY}"));
            assert_eq!(sent.headers.iter().filter(|(name, _)| name.as_str().ends_with("authorization")).count(), 1);
        }
    }
}

/// Generation 1, or not known yet: what regenerate would do is said, and nothing is done.
#[tokio::test]
async fn a_second_create_of_generation_1_is_a_conflict_that_says_what_regenerate_would_do() {
    for generation in ["1", "auto"] {
        let server = MockServer::start().await;
        answer(&server, "GET", &at(""), u64::MAX, ok(&sandbox("running"))).await;
        answer(&server, "POST", &at("ssh/access"), u64::MAX, refusal(409, "exists")).await;
        let error = fixed(&server, generation).create(&request(LONG)).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable(), error.left_behind()), (ErrorKind::Conflict, false, None));
        let words = error.to_string();
        assert!(words.contains("anyssh regenerate leap0 sbx-abc123") && words.contains("cuts off"), "{words}");
        assert_eq!(calls(&server).await, ["GET ", "POST ssh/access", "GET "]);
    }
}

#[tokio::test]
async fn a_conflict_of_generation_2_has_the_servers_words() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/access"), u64::MAX, refusal(409, "too many\u{1b}[2J credentials")).await;
    let error = fixed(&server, "2").create(&request(LONG)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains(r"too many\x1b[2J credentials"), "{error}");
}

/// N4: an answer that is a plain refusal leaves nothing, and no create is sent twice.
#[tokio::test]
async fn refusals_have_their_kind_and_the_servers_words_and_are_not_repeated() {
    let bad = json!({"message": "Invalid request", "errors": [{"field": "id", "error": "too short"}]});
    for (response, kind, words) in [
        (refusal(401, "who are you"), ErrorKind::Unauthenticated, "who are you"),
        (refusal(403, "not yours"), ErrorKind::Forbidden, "not yours"),
        (refusal(404, "no such sandbox"), ErrorKind::NotFound, "no such sandbox"),
        (ResponseTemplate::new(400).set_body_json(bad), ErrorKind::Protocol, "Invalid request: id: too short"),
        (refusal(429, "slow down").insert_header("retry-after", "0"), ErrorKind::Unavailable, "slow down"),
    ] {
        let server = MockServer::start().await;
        answer(&server, "GET", &at(""), u64::MAX, ok(&sandbox("running"))).await;
        answer(&server, "POST", &at("ssh/access"), u64::MAX, response).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.left_behind()), (kind, None), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(count(&server, "POST ssh/access").await, 1, "{kind:?}");
    }
}

/// S7: a target that is no sandbox id is refused before any request.
#[tokio::test]
async fn a_target_that_is_no_sandbox_id_is_a_usage_error() {
    let server = server(Generation::Two, &access()).await;
    for word in ["a/b", "a?b", "a%2fb", "a;b", "_a", &"a".repeat(250)] {
        let mut request = request(LONG);
        request.target = Target::parse("target", word).unwrap();
        let error = provider(&server).create(&request).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("target")), "{word}");
    }
    assert!(calls(&server).await.is_empty());
}

/// Clause 5: what was made and cannot be used is ended, whichever generation made it.
#[tokio::test]
async fn a_credential_that_cannot_be_used_is_ended_in_both_generations() {
    let broken = with(access(), "ssh_command", Some(json!("ssh")));
    let by_id = format!("DELETE ssh/{ID}");
    for (generation, setting, ends) in [
        (Generation::Two, "2", vec![by_id.as_str()]),
        (Generation::Two, "auto", vec![by_id.as_str()]),
        (Generation::One, "1", vec!["DELETE ssh/access"]),
        (Generation::One, "auto", vec![by_id.as_str(), "DELETE ssh/access"]),
    ] {
        let server = server(generation, &broken).await;
        let error = fixed(&server, setting).create(&request(LONG)).await.unwrap_err();
        assert_eq!((error.field(), error.left_behind()), (Some("ssh_command"), None), "{error}");
        assert_eq!(calls(&server).await[2..], ends, "{generation:?} {setting}");
    }
}

#[tokio::test]
async fn what_cannot_be_ended_either_is_named_as_left_behind() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/access"), 1, made(&with(access(), "password", None))).await;
    answer(&server, "DELETE", &at(&format!("ssh/{ID}")), u64::MAX, refusal(403, "no")).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!(error.field(), Some("password"));
    assert_eq!(error.left_behind().unwrap().session.as_ref().unwrap().as_str(), ID);
    assert!(error.to_string().contains("may still live"), "{error}");
}

/// The one question has to have an answer: else it is not known how the session could be ended.
#[tokio::test]
async fn a_question_without_an_answer_ends_the_credential() {
    for (response, field) in [
        (ok(&validation(false)), Some("valid")),
        (ok(&json!({"valid": true, "sandbox_id": "sbx-other"})), Some("sandbox_id")),
        (ok(&json!({"valid": "yes", "sandbox_id": SANDBOX})), Some("valid")),
        (refusal(403, "no"), None),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &at(&format!("ssh/{ID}/validate")), 1, response).await;
        answer(&server, "POST", &at("ssh/access"), 1, made(&access())).await;
        answer(&server, "DELETE", &at(&format!("ssh/{ID}")), 1, ResponseTemplate::new(204)).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.field(), error.left_behind()), (field, None), "{error}");
        assert_eq!(calls(&server).await.last(), Some(&format!("DELETE ssh/{ID}")));
    }
}
