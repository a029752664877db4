//! Several processes of one user, which share the files of tokens.

use std::sync::Arc;

use anyssh_core::{ErrorKind, ProviderError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::kit::{Plane, User, answer, granted, jwt, soon, text, within};
use crate::auth::{Freshness, TokenSource as _};

fn with_refresh(token: &str, refresh: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "refresh_token": refresh}))
}

/// A user of the device flow, whose codes are confirmed at once.
async fn device(answers: Vec<ResponseTemplate>) -> (Plane, User) {
    let plane = Plane::new().await.tokens(answers).await;
    let code =
        json!({"device_code": "dev-1", "user_code": "AB", "verification_uri": "http://127.0.0.1:1/d", "interval": 1});
    answer(&plane.server, "/device", ResponseTemplate::new(200).set_body_json(code)).await;
    let user = User::of(&plane, &[("FLYTE_AUTH_TYPE", "DeviceFlow")]);
    (plane, user)
}

/// K8: a refresh token is good for one use (RFC 9700 §4.14), so the newest one is used, whoever got it.
#[tokio::test]
async fn a_process_refreshes_with_what_another_one_got() {
    let answers = vec![
        with_refresh(&jwt("a", 100), "refresh-1"),
        with_refresh(&jwt("b", 100), "refresh-2"),
        with_refresh(&jwt("c", 100), "refresh-3"),
    ];
    let (plane, user) = device(answers).await;
    let (one, other) = (user.process(), user.process());
    one.token(soon(), Freshness::Kept).await.unwrap();
    other.token(soon(), Freshness::Kept).await.unwrap();
    one.token(soon(), Freshness::New).await.unwrap();
    let used: Vec<String> =
        plane.posted("/token").await.into_iter().filter(|form| form.contains("refresh_token=")).collect();
    assert!(used[0].contains("refresh-1") && used[1].contains("refresh-2") && used.len() == 2, "{used:?}");
}

/// K8: a token that another process made meanwhile is used, and one that was refused is not.
#[tokio::test]
async fn a_refused_token_is_replaced_by_what_another_process_made() {
    let answers = (0..4).map(|number| granted(&jwt(&number.to_string(), 3600), json!(3600))).collect();
    let plane = Plane::new().await.tokens(answers).await;
    let user = User::client(&plane);
    let (one, other) = (user.process(), user.process());
    let first = text(&one.token(soon(), Freshness::Kept).await.unwrap());
    assert_eq!(text(&other.token(soon(), Freshness::Kept).await.unwrap()), first);
    let second = text(&one.token(soon(), Freshness::New).await.unwrap());
    assert_eq!(text(&other.token(soon(), Freshness::New).await.unwrap()), second);
    assert_eq!(text(&user.token().await.unwrap()), second, "the new one stays in its file");
    assert_eq!(plane.posted("/token").await.len(), 2);
    let third = text(&other.token(soon(), Freshness::New).await.unwrap());
    assert!(third != second && plane.posted("/token").await.len() == 3);
}

/// C2: two processes at once lead the user through one login.
#[tokio::test]
async fn two_processes_at_once_log_in_once() {
    let (plane, user) = device(vec![with_refresh(&jwt("a", 3600), "refresh-1")]).await;
    let (one, other) = (user.process(), user.process());
    let (one, other) = tokio::join!(one.token(soon(), Freshness::Kept), other.token(soon(), Freshness::Kept));
    assert_eq!(text(&one.unwrap()), text(&other.unwrap()));
    assert_eq!((plane.posted("/device").await.len(), user.notes.lock().unwrap().len()), (1, 1));
}

/// N3: who waits for another process's login ends by their own deadline, and says what they waited for.
#[tokio::test]
async fn a_login_of_another_process_is_waited_for_in_time() {
    let (plane, user) =
        device(vec![with_refresh(&jwt("a", 3600), "refresh-1").set_delay(std::time::Duration::from_secs(9))]).await;
    let first = Arc::new(user.process());
    let waiting = Arc::clone(&first);
    let task = tokio::spawn(async move { waiting.token(soon(), Freshness::Kept).await });
    while plane.posted("/device").await.is_empty() {
        tokio::task::yield_now().await;
    }
    let error = ProviderError::from(user.process().token(within(500), Freshness::Kept).await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("another anyssh is logging in"), "{error}");
    task.abort();
}

/// K8: what a command prints may be another account's the next time, so it outlives no process.
#[tokio::test]
async fn a_commands_token_is_not_kept_on_disk() {
    let plane = Plane::new().await;
    let user = User::of(&plane, &[("FLYTE_AUTH_TYPE", "ExternalCommand")]);
    let count = user.scratch.path().join("count");
    let script = format!("echo x >> {0}; echo \"$(wc -l < {0} | tr -d ' ').{1}\"", count.display(), jwt("c", 3600));
    let user = user.set("FLYTE_AUTH_COMMAND", &json!(["/bin/sh", "-c", script]).to_string());
    let process = user.process();
    let first = text(&process.token(soon(), Freshness::Kept).await.unwrap());
    assert_eq!(text(&process.token(soon(), Freshness::Kept).await.unwrap()), first);
    assert_ne!(text(&user.token().await.unwrap()), first);
    assert!(!user.scratch.path().join("state/tokens").exists());
}

/// One error has one next step, also where it comes from a login: what may pass is not "log in again".
#[tokio::test]
async fn a_call_without_a_token_says_what_the_login_said() {
    use crate::connect_rpc::{ConnectClient, Procedure};
    const METHOD: Procedure = Procedure::repeatable("a.b.Service", "Method");
    let cases = [
        (ResponseTemplate::new(503).insert_header("retry-after", "60"), ErrorKind::Unavailable),
        (ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_client"})), ErrorKind::Unauthenticated),
        (granted("a b", json!(60)), ErrorKind::Protocol),
    ];
    for (response, kind) in cases {
        let plane = Plane::new().await.tokens(vec![response]).await;
        let user = User::client(&plane);
        let http = user.config().endpoint.http().unwrap();
        let client = ConnectClient::new(http, Some(Arc::new(user.process())));
        let error = client.unary::<Value>(METHOD, &json!({}), within(3000)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(ProviderError::from(error).kind(), kind);
    }
}

/// K8: a refresh token for one audience is not sent for another.
#[tokio::test]
async fn another_audience_is_another_login() {
    use wiremock::matchers::path;
    let answers = vec![with_refresh(&jwt("a", 3600), "refresh-1"), with_refresh(&jwt("b", 3600), "refresh-2")];
    let (plane, user) = device(answers).await;
    let process = user.process();
    process.token(soon(), Freshness::Kept).await.unwrap();
    let client = json!({"clientId": "flytepropeller", "audience": "https://other.example"});
    let changed = wiremock::Mock::given(path("/flyteidl2.auth.AuthMetadataService/GetPublicClientConfig"));
    let changed = changed.respond_with(ResponseTemplate::new(200).set_body_json(client)).with_priority(1);
    changed.mount(&plane.server).await;
    process.token(soon(), Freshness::New).await.unwrap();
    let posted = plane.posted("/token").await;
    assert!(posted.len() == 2 && posted.iter().all(|form| !form.contains("refresh")), "{posted:?}");
}
