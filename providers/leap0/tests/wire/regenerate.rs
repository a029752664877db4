//! A new credential in place of an old one.

use anyssh_core::{Credential, ErrorKind, SshProvider as _, Target};
use secrecy::ExposeSecret as _;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    ID, LONG, SANDBOX, access, answer, at, by_attempt, by_id, calls, fixed, ok, provider, refusal, request, requests,
    sandbox, time, with,
};

const NEW: &str = "ssh-0123456789abcdef";

fn renewed() -> serde_json::Value {
    json!({"id": NEW, "sandbox_id": SANDBOX, "password": "new password", "expires_at": time(7200),
        "ssh_command": format!("ssh -p 2200 {NEW}@new.sandbox.leap0.dev")})
}

/// Clause 9: every field is the answer's, the id too.
#[tokio::test]
async fn everything_is_taken_from_the_answer_in_both_generations() {
    for (setting, path) in [("1", "ssh/regen".to_owned()), ("2", format!("ssh/{ID}/regen"))] {
        let server = MockServer::start().await;
        answer(&server, "GET", &at(""), 1, ok(&sandbox("running"))).await;
        answer(&server, "POST", &at(&path), 1, ok(&renewed())).await;
        let regenerated = fixed(&server, setting).regenerate(&by_id(ID), &request(LONG)).await.unwrap();
        let session = &regenerated.session;
        assert_eq!((session.id.as_str(), session.login.user.as_str()), (NEW, NEW));
        let Credential::Password(password) = &session.login.credential else { panic!("{session:?}") };
        assert_eq!(password.secret().expose_secret(), "new password");
        let anyssh_core::Transport::Tcp { host, port } = &session.endpoint.transport else { panic!("{session:?}") };
        assert_eq!((host.to_string().as_str(), port.get()), ("new.sandbox.leap0.dev", 2200));
        assert_eq!(regenerated.still_alive, None);
        assert_eq!(calls(&server).await, ["GET ".to_owned(), format!("POST {path}")]);
        assert!(requests(&server).await[1].body.is_empty());
    }
}

/// The answer itself tells the generation: no further question.
#[tokio::test]
async fn where_the_generation_is_not_known_the_one_with_the_id_in_its_path_is_asked_first() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/regen"), 1, ok(&access())).await;
    let provider = provider(&server);
    provider.regenerate(&by_id(ID), &request(LONG)).await.unwrap();
    let expected = ["GET ".to_owned(), format!("POST ssh/{ID}/regen"), "POST ssh/regen".to_owned()];
    assert_eq!(calls(&server).await, expected);
    // Learned from it: the next one goes there at once.
    answer(&server, "POST", &at("ssh/regen"), 1, ok(&access())).await;
    provider.regenerate(&by_id(ID), &request(LONG)).await.unwrap();
    assert_eq!(calls(&server).await[3..], ["GET ", "POST ssh/regen"]);
}

/// Generation 1 takes over whatever is there, also what nobody here knows.
#[tokio::test]
async fn a_credential_that_nobody_knows_is_taken_over_in_generation_1_alone() {
    let one = MockServer::start().await;
    answer(&one, "POST", &at("ssh/regen"), 1, ok(&renewed())).await;
    let regenerated = provider(&one).regenerate(&by_attempt(), &request(LONG)).await.unwrap();
    assert_eq!(regenerated.session.id.as_str(), NEW);
    let two = MockServer::start().await;
    for provider in [provider(&two), fixed(&two, "2")] {
        let error = provider.regenerate(&by_attempt(), &request(LONG)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
}

#[tokio::test]
async fn a_credential_that_is_not_there_is_not_found() {
    for setting in ["1", "2", "auto"] {
        let server = MockServer::start().await;
        let error = fixed(&server, setting).regenerate(&by_id(ID), &request(LONG)).await.unwrap_err();
        assert_eq!((error.kind(), error.left_behind()), (ErrorKind::NotFound, None), "{setting}: {error}");
    }
}

#[tokio::test]
async fn a_refusal_leaves_the_old_one_as_it_was() {
    let server = MockServer::start().await;
    answer(&server, "POST", &at(&format!("ssh/{ID}/regen")), 1, refusal(403, "no")).await;
    let error = provider(&server).regenerate(&by_id(ID), &request(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.left_behind()), (ErrorKind::Forbidden, None));
    assert_eq!(calls(&server).await.len(), 2);
}

/// Clause 5, S8: a new credential that cannot be used is ended; the old one is dead already.
#[tokio::test]
async fn a_new_credential_that_cannot_be_used_is_ended() {
    for (field, value) in [
        ("sandbox_id", json!("sbx-other")),
        ("expires_at", json!(time(-1))),
        ("ssh_command", json!(format!("ssh {ID}@new.sandbox.leap0.dev"))),
        ("password", json!("a\nb")),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &at(&format!("ssh/{ID}/regen")), 1, ok(&with(renewed(), field, Some(value)))).await;
        answer(&server, "DELETE", &at(&format!("ssh/{NEW}")), 1, ResponseTemplate::new(204)).await;
        let error = provider(&server).regenerate(&by_id(ID), &request(LONG)).await.unwrap_err();
        assert_eq!((error.kind(), error.field(), error.left_behind()), (ErrorKind::Protocol, Some(field), None));
        assert_eq!(calls(&server).await.last(), Some(&format!("DELETE ssh/{NEW}")));
    }
}

#[tokio::test]
async fn a_session_of_one_sandbox_is_not_replaced_on_another() {
    let server = MockServer::start().await;
    let mut request = request(LONG);
    request.target = Target::parse("target", "another").unwrap();
    let error = provider(&server).regenerate(&by_id(ID), &request).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Usage, 0));
}
