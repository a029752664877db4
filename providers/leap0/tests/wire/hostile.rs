//! Credentials with one field that is not as it should be, and answers that are none.
//!
//! Each is refused with the kind and field in the table, no session comes out, and what was made is ended.

use anyssh_core::{ErrorKind, ProviderError};
use anyssh_leap0::Generation;
use anyssh_testkit::spoiled;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    ID, PASSWORD, SANDBOX, access, answer, at, calls, check_message, count, create, made, server, time, with,
};

/// How a text field is called, and a good value.
fn text_fields() -> Vec<(&'static str, String)> {
    let good = access();
    let text = |field: &str| good[field].as_str().unwrap().to_owned();
    ["sandbox_id", "expires_at", "created_at", "ssh_command"].into_iter().map(|field| (field, text(field))).collect()
}

async fn refused(answer: &Value) -> ProviderError {
    let server = server(Generation::Two, answer).await;
    let error = create(&server).await.expect_err(&answer.to_string());
    assert_eq!((count(&server, &format!("DELETE ssh/{ID}")).await, error.left_behind()), (1, None), "{error}");
    check_message(&error);
    error
}

/// S1, S6, S8, S10: each text field with each thing in it that does not belong there.
#[tokio::test]
async fn a_spoiled_text_of_a_credential_is_refused_by_the_name_of_its_field() {
    for (field, good) in text_fields() {
        for text in spoiled(&good) {
            let error = refused(&with(access(), field, Some(json!(text)))).await;
            assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{text:?}: {error}");
        }
    }
}

/// S1: a password that OpenSSH's askpass channel would change or cut is refused, unseen.
#[tokio::test]
async fn a_password_that_ssh_cannot_be_given_is_refused_unseen() {
    for password in ["", "grüße\n", "\rgrüße", "grü\0ße", &"grüße".repeat(200)] {
        let error = refused(&with(access(), "password", Some(json!(password)))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("password")), "{error}");
        assert_eq!(error.to_string(), "password: expected a password of 1 to 1023 bytes without CR, LF or NUL");
    }
}

/// S9: each field of another type, null, or missing.
#[tokio::test]
async fn a_field_of_a_credential_of_another_type_or_none_is_refused_by_its_name() {
    for field in ["sandbox_id", "password", "expires_at", "created_at", "updated_at", "ssh_command"] {
        let optional = matches!(field, "created_at" | "updated_at");
        for value in [None, Some(Value::Null), Some(json!(true)), Some(json!([])), Some(json!(["x"])), Some(json!(1.5))]
        {
            if optional && value.as_ref().is_none_or(Value::is_null) {
                continue;
            }
            let error = refused(&with(access(), field, value.clone())).await;
            assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{value:?}: {error}");
        }
    }
    for field in ["created_at", "updated_at"] {
        for value in [None, Some(Value::Null)] {
            create(&server(Generation::Two, &with(access(), field, value)).await).await.unwrap();
        }
    }
}

/// S8, S12: an answer about something else, and times that are over.
#[tokio::test]
async fn a_credential_of_another_sandbox_or_of_the_past_is_refused() {
    for (field, value) in [
        ("sandbox_id", "sbx-other"),
        ("sandbox_id", "SBX-ABC123"),
        ("expires_at", &time(-1)),
        ("expires_at", "0001-01-01T00:00:00Z"),
        ("expires_at", "tomorrow"),
        ("expires_at", "2999-01-01"),
        ("expires_at", "99999999999"),
        ("created_at", "yesterday"),
    ] {
        let error = refused(&with(access(), field, Some(json!(value)))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{error}");
    }
    create(
        &server(Generation::Two, &with(access(), "expires_at", Some(json!("2999-01-01T00:00:00.123456789+02:00"))))
            .await,
    )
    .await
    .unwrap();
}

/// S12: by the server's clock the credential is good, so it is this machine's clock that is off.
#[tokio::test]
async fn a_credential_that_only_our_clock_calls_expired_is_a_local_fault() {
    let server = MockServer::start().await;
    let body = with(access(), "expires_at", Some(json!(time(-1800))));
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let response = made(&body).insert_header("date", http_date(an_hour_ago).as_str());
    answer(&server, "POST", &at("ssh/access"), 1, response).await;
    answer(&server, "DELETE", &at(&format!("ssh/{ID}")), 1, ResponseTemplate::new(204)).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Local, Some("expires_at")), "{error}");
    assert!(error.to_string().contains("the local clock is 1h 0m ahead of the server's"), "{error}");
}

fn http_date(time: std::time::SystemTime) -> String {
    let zoned = jiff::Timestamp::try_from(time).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    zoned.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// S1: without an id that is one, generation 1 can still end its only credential, and generation 2 cannot.
#[tokio::test]
async fn an_id_that_is_none_is_refused_and_what_may_be_left_is_said() {
    for id in [json!("a/b"), json!("a\nb"), json!("-o"), json!(""), json!("x".repeat(300)), json!(7), json!(null)] {
        let two = server(Generation::Two, &with(access(), "id", Some(id.clone()))).await;
        let error = create(&two).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("id")), "{error}");
        assert!(error.left_behind().is_some_and(|left| left.session.is_none()), "{error}");
        check_message(&error);
        let one = server(Generation::One, &with(access(), "id", Some(id))).await;
        let error = create(&one).await.unwrap_err();
        assert_eq!((error.field(), error.left_behind()), (Some("id"), None), "{error}");
        assert_eq!(count(&one, "DELETE ssh/access").await, 1);
    }
}

/// S6: a command that would do more than log in never comes to it, in any shape.
#[tokio::test]
async fn a_command_that_is_more_than_a_login_is_refused_and_shown_escaped() {
    let host = format!("{SANDBOX}.sandbox.leap0.dev");
    for command in [
        format!("ssh -o ProxyCommand=id {ID}@{host}"),
        format!("ssh -oProxyCommand=id {ID}@{host}"),
        format!("ssh {ID}@{host} -F /tmp/x"),
        format!("ssh {ID}@{host}; touch /tmp/x"),
        format!("ssh {ID}@{host} && id"),
        format!("ssh {ID}@{host} | sh"),
        format!("ssh {ID}@$(id)"),
        format!("ssh {ID}@`id`"),
        format!("ssh {ID}@{host} id"),
        format!("ssh {ID}@"),
        "ssh".to_owned(),
        format!("ssh root@{host}"),
        format!("ssh {host}"),
        format!("ssh {ID}@-oProxyCommand=id"),
        format!("ssh -{ID}@{host}"),
        format!("ssh -p ssh {ID}@{host}"),
        format!("ssh -p 0 {ID}@{host}"),
        format!("ssh -p 1-65535 {ID}@{host}"),
        format!("ssh '{ID}@{host}"),
    ] {
        let error = refused(&with(access(), "ssh_command", Some(json!(command)))).await;
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("ssh_command")), "{command}: {error}");
    }
}

/// K6, S10: a server that puts the password where it is shown does not get it shown.
#[tokio::test]
async fn a_password_in_another_field_is_not_shown() {
    let password = "correct-horse-battery";
    let base = with(access(), "password", Some(json!(password)));
    for (field, value) in [
        ("ssh_command", format!("sshpass -p {password} ssh {ID}@h")),
        ("ssh_command", format!("ssh {ID}@{password}_.example")),
        ("sandbox_id", password.to_owned()),
        ("expires_at", format!("{password}\u{1b}")),
        ("created_at", password.to_owned()),
    ] {
        let error = refused(&with(base.clone(), field, Some(json!(value)))).await;
        assert_eq!(error.field(), Some(field));
        assert!(!format!("{error} {error:?}").contains(password), "{error:?}");
    }
    // And where it is in the words of a refusal.
    let server = MockServer::start().await;
    answer(&server, "POST", &at("ssh/access"), 1, made(&access())).await;
    let echo = ResponseTemplate::new(403).set_body_json(json!({"message": format!("not {PASSWORD}!")}));
    answer(&server, "POST", &at(&format!("ssh/{ID}/validate")), 1, echo).await;
    check_message(&create(&server).await.unwrap_err());
}

/// N1, S9: answers that are no answers. Something may have been made, and that is said or ended.
#[tokio::test]
async fn an_answer_to_a_create_that_is_none_is_refused() {
    let body = |text: String| ResponseTemplate::new(201).set_body_raw(text, "application/json");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let twice = access().to_string().replacen('{', r#"{"sandbox_id":"x","#, 1);
    for (response, words) in [
        (ResponseTemplate::new(201).set_body_raw("<!doctype html><p>hello", "text/html"), "HTML"),
        (body(String::new()), "empty"),
        (body("{".to_owned()), "truncated"),
        (body("[]".to_owned()), "array"),
        (body("null".to_owned()), "null"),
        (body(deep), "nesting"),
        (body(twice), "duplicate"),
        (body(format!("\u{feff}{}", access())), "JSON"),
        (ResponseTemplate::new(200).set_body_json(access()), "HTTP 200"),
        (ResponseTemplate::new(201).set_body_raw(access().to_string(), "text/plain"), "content type"),
        (body(format!("{{\"id\":\"{}\"}}", "x".repeat(2 << 20))), "too large"),
    ] {
        let server = MockServer::start().await;
        answer(&server, "POST", &at("ssh/access"), u64::MAX, response).await;
        let error = create(&server).await.expect_err(words);
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(error.left_behind().is_some(), "{words}: {error}");
        assert_eq!(count(&server, "POST ssh/access").await, 1, "{words}");
        check_message(&error);
    }
}

/// N1, K5: the key does not follow a redirect.
#[tokio::test]
async fn a_redirect_of_a_create_is_an_error_and_the_other_server_hears_nothing() {
    for status in [301, 302, 303, 307, 308] {
        let (other, server) = (MockServer::start().await, MockServer::start().await);
        let away = ResponseTemplate::new(status).insert_header("location", format!("{}/v1", other.uri()));
        answer(&server, "POST", &at("ssh/access"), u64::MAX, away.clone()).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), calls(&other).await.len()), (ErrorKind::Protocol, 0));
        assert!(error.to_string().contains("redirect"), "{error}");
        let question = MockServer::start().await;
        answer(&question, "POST", &at("ssh/access"), 1, made(&access())).await;
        answer(&question, "POST", &at(&format!("ssh/{ID}/validate")), 1, away).await;
        answer(&question, "DELETE", &at(&format!("ssh/{ID}")), 1, ResponseTemplate::new(204)).await;
        let error = create(&question).await.unwrap_err();
        assert_eq!((error.kind(), calls(&other).await.len()), (ErrorKind::Protocol, 0));
    }
}
