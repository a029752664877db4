//! The device flow.

use std::time::Duration;

use anyssh_core::{ErrorKind, ProviderError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::kit::{Plane, User, answer, granted, jwt, refused, soon, within};
use crate::auth::AuthError;
use crate::auth::device::DeviceFlow;
use crate::auth::metadata::Metadata;
use crate::auth::oauth::Minted;
use crate::connect_rpc::ConnectClient;

const CODE: &str = "device-code-0123456789";

fn offered(more: Value) -> ResponseTemplate {
    let mut body = json!({
        "device_code": CODE,
        "user_code": "WDJB-MJHT",
        "verification_uri": "http://127.0.0.1:9/activate?x=1#top",
        "expires_in": 600,
        "interval": 1,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ResponseTemplate::new(200).set_body_json(body)
}

fn user(plane: &Plane) -> User {
    User::of(plane, &[("FLYTE_AUTH_TYPE", "DeviceFlow")])
}

/// A flow whose seconds are short.
async fn log_in(user: &User, millisecond: u64) -> Result<Minted, AuthError> {
    let config = user.config();
    let metadata =
        Metadata::discover(&ConnectClient::anonymous(config.endpoint.http().unwrap()), soon()).await.unwrap();
    DeviceFlow { second: Duration::from_millis(millisecond) }.mint(&config, &metadata, soon()).await
}

#[tokio::test]
async fn the_user_is_shown_where_to_go_and_the_token_is_asked_for_until_it_is_there() {
    let pending = || refused(400, "authorization_pending");
    let answers =
        vec![pending(), ResponseTemplate::new(503), ResponseTemplate::new(429), pending(), granted("tok", json!(60))];
    let plane = Plane::new().await.tokens(answers).await;
    answer(&plane.server, "/device", offered(json!({}))).await;
    let user = user(&plane);
    log_in(&user, 10).await.unwrap();
    let notes = user.notes.lock().unwrap().clone();
    let note = "to log in, open http://127.0.0.1:9/activate?x=1&user_code=WDJB-MJHT#top and check that it shows the code WDJB-MJHT";
    assert_eq!(notes, [note]);
    let asked = "client_id=flytepropeller&scope=all+offline&audience=https%3A%2F%2Facme.example";
    assert_eq!(plane.posted("/device").await, [asked]);
    let polls = plane.posted("/token").await;
    assert_eq!(polls.len(), 5);
    let poll = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id=flytepropeller&device_code={CODE}\
         &scope=all+offline&audience=https%3A%2F%2Facme.example"
    );
    assert!(polls.iter().all(|body| *body == poll), "{polls:?}");
}

#[tokio::test]
async fn slow_down_makes_every_further_wait_longer() {
    let answers = vec![refused(400, "slow_down"), refused(400, "authorization_pending"), granted("tok", json!(60))];
    let plane = Plane::new().await.tokens(answers).await;
    answer(&plane.server, "/device", offered(json!({}))).await;
    let begin = std::time::Instant::now();
    log_in(&user(&plane), 20).await.unwrap();
    // One wait of one, two of one and five more.
    assert!(begin.elapsed() >= Duration::from_millis(20 * 13), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_audience_that_is_empty_is_sent_once_and_a_complete_url_is_shown_as_it_is() {
    let plane = Plane::with(json!({}), json!({"audience": "", "scopes": []})).await;
    let plane = plane.tokens(vec![granted("tok", json!(60))]).await;
    let complete = "http://127.0.0.1:9/a?user_code=WDJB-MJHT";
    answer(&plane.server, "/device", offered(json!({"verification_uri_complete": complete, "interval": null}))).await;
    let user = user(&plane);
    log_in(&user, 1).await.unwrap();
    assert_eq!(plane.posted("/device").await, ["client_id=flytepropeller&scope=&audience="]);
    assert!(plane.posted("/token").await[0].ends_with("&scope="));
    assert!(user.notes.lock().unwrap()[0].contains(&format!("open {complete} and")));
}

#[tokio::test]
async fn a_url_that_is_too_long_to_be_shown_is_shown_without_the_code() {
    let plane = Plane::new().await.tokens(vec![granted("tok", json!(60))]).await;
    let complete = format!("http://127.0.0.1:9/{}", "x".repeat(200));
    let more = json!({"verification_uri": "http://127.0.0.1:9/a", "verification_uri_complete": complete});
    answer(&plane.server, "/device", offered(more)).await;
    let user = user(&plane);
    log_in(&user, 1).await.unwrap();
    let note = "to log in, open http://127.0.0.1:9/a and check that it shows the code WDJB-MJHT";
    assert_eq!(*user.notes.lock().unwrap(), [note]);
}

#[tokio::test]
async fn a_login_that_is_denied_or_too_late_is_over_at_once() {
    for error in ["access_denied", "expired_token", "invalid_grant"] {
        let plane = Plane::new().await.tokens(vec![refused(400, error)]).await;
        answer(&plane.server, "/device", offered(json!({}))).await;
        let failure = log_in(&user(&plane), 5).await.unwrap_err();
        assert!(matches!(failure, AuthError::Rejected(_)) && failure.to_string().contains(error), "{failure:?}");
        assert!(!failure.to_string().contains(CODE) && plane.posted("/token").await.len() == 1);
    }
}

/// N3: the server's end of the code, and our own deadline, end the wait.
#[tokio::test]
async fn the_wait_ends_when_the_code_does() {
    let plane = Plane::new().await.tokens(vec![refused(400, "authorization_pending")]).await;
    answer(&plane.server, "/device", offered(json!({"expires_in": 4}))).await;
    let failure = ProviderError::from(log_in(&user(&plane), 10).await.unwrap_err());
    assert_eq!(failure.kind(), ErrorKind::TimedOut);
    assert!((1..=4).contains(&plane.posted("/token").await.len()));

    let config = user(&plane).config();
    let rpc = ConnectClient::anonymous(config.endpoint.http().unwrap());
    let metadata = Metadata::discover(&rpc, soon()).await.unwrap();
    let flow = DeviceFlow { second: Duration::from_secs(1) };
    let failure = ProviderError::from(flow.mint(&config, &metadata, within(700)).await.unwrap_err());
    assert_eq!(failure.kind(), ErrorKind::TimedOut, "{failure}");
}

/// S1, S10: what is shown to the user is a URL and a code, or nothing is shown.
#[tokio::test]
async fn what_the_user_would_be_shown_has_to_be_a_url_and_a_code() {
    for (more, field) in [
        (json!({"verification_uri": "javascript:alert(1)"}), "verification_uri"),
        (json!({"verification_uri": "http://evil.example/"}), "verification_uri"),
        (json!({"verification_uri": "https://a@b.example/"}), "verification_uri"),
        (json!({"verification_uri_complete": "https://a.example/\u{1b}[2J"}), "verification_uri_complete"),
        (json!({"verification_uri": format!("http://127.0.0.1/{}", "x".repeat(200))}), "verification_uri"),
        (json!({"user_code": "A\u{202e}B"}), "user_code"),
        (json!({"user_code": ""}), "user_code"),
        (json!({"user_code": "x".repeat(65)}), "user_code"),
        (json!({"device_code": 7}), "device_code"),
    ] {
        let plane = Plane::new().await.tokens(vec![granted("tok", json!(60))]).await;
        answer(&plane.server, "/device", offered(more.clone())).await;
        let user = user(&plane);
        let failure = ProviderError::from(log_in(&user, 1).await.unwrap_err());
        assert_eq!((failure.kind(), failure.field()), (ErrorKind::Protocol, Some(field)), "{more}: {failure}");
        assert!(user.notes.lock().unwrap().is_empty() && plane.posted("/token").await.is_empty());
    }
}

#[tokio::test]
async fn a_control_plane_without_device_authorization_says_so() {
    let plane = Plane::with(json!({"deviceAuthorizationEndpoint": ""}), json!({})).await;
    let failure = ProviderError::from(user(&plane).token().await.unwrap_err());
    assert_eq!((failure.kind(), failure.field()), (ErrorKind::Config, Some("admin.authType")), "{failure}");
}

/// A refresh token is used before the user is asked again; DeviceFlow sends scope and audience with it.
#[tokio::test]
async fn a_device_is_refreshed_with_its_scope_and_audience() {
    let first = json!({"access_token": jwt("a", 60), "expires_in": 60, "refresh_token": "refresh-1"});
    let answers = vec![ResponseTemplate::new(200).set_body_json(first), granted(&jwt("b", 3600), json!(3600))];
    let plane = Plane::new().await.tokens(answers).await;
    answer(&plane.server, "/device", offered(json!({}))).await;
    let user = user(&plane);
    user.token().await.unwrap();
    user.token().await.unwrap();
    let refresh = "grant_type=refresh_token&refresh_token=refresh-1&client_id=flytepropeller&scope=all+offline\
                   &audience=https%3A%2F%2Facme.example";
    assert_eq!((plane.posted("/token").await[1].as_str(), plane.posted("/device").await.len()), (refresh, 1));
}
