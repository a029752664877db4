//! Keys of control planes that many organisations share, and what may be left of a key that was not made.

use std::path::Path;
use std::sync::{Arc, Mutex};

use anyssh_core::{ErrorKind, Settings, Surroundings};
use anyssh_testkit::emulator::{Emulator, FlyteEmulator};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::api_key_app::{ensure, ensure_at, tenant};
use crate::auth::{self, Freshness};
use crate::config::{ApiKey, Config};
use crate::flyte::Flyte;
use crate::keypair;
use crate::testing::{Exchange, Server, flyte_in, within};

#[test]
fn only_the_vendors_own_hosts_are_shared_by_many() {
    assert_eq!(tenant("serverless-1.us-east-2.s.union.ai"), Some("serverless-1"));
    for host in ["serverless-2.us-east-2.s.union.ai", "acme.hosted.unionai.cloud", "serverless-1", "127.0.0.1"] {
        assert_eq!(tenant(host), None, "{host}");
    }
}

/// A user of this emulator, who logs in with a client's secret.
fn user(emulator: &FlyteEmulator, home: &Path) -> Flyte {
    let (id, secret) = emulator.client();
    let secret = secret.to_owned();
    let surroundings = Surroundings::none()
        .with_home(home)
        .with_variables(move |name| (name == "MY_SECRET").then(|| secret.clone().into()));
    let set = |settings: Settings, (name, value): (&str, &str)| settings.with_setting(name, value.into());
    let base = emulator.base_url();
    let values = [
        ("FLYTE_ADMIN_ENDPOINT", base.as_str()),
        ("FLYTE_TASK_ORG", "acme"),
        ("FLYTE_TASK_PROJECT", "pond"),
        ("FLYTE_TASK_DOMAIN", "development"),
        ("FLYTE_ADMIN_CLIENTID", id),
        ("FLYTE_ADMIN_CLIENTSECRETENVVAR", "MY_SECRET"),
    ];
    let settings = values.into_iter().fold(Settings::new().with_surroundings(surroundings), set);
    let config = Config::read(&settings).unwrap();
    let tokens = auth::source(&config).unwrap();
    Flyte::over(config, tokens).unwrap()
}

/// Against the emulator: the key is named after the tenant and the user, belongs to the user's organisation, is
/// found again, and logs in.
#[tokio::test]
async fn a_key_of_a_shared_control_plane_is_named_after_its_user_and_logs_in() {
    let home = tempfile::tempdir().unwrap();
    let emulator = Emulator::flyte().start().await.unwrap();
    let flyte = user(&emulator, home.path());
    let made = ensure_at(&flyte, Some("serverless-1"), "My Key", within(20)).await.unwrap();
    let key = ApiKey::decode("key", &made).unwrap();
    assert_eq!((key.client_id.as_str(), key.org.as_deref()), ("serverless-1-heron-my-key", Some("heron")));
    let again = ensure_at(&flyte, Some("serverless-1"), "My Key", within(20)).await.unwrap();
    assert_eq!(made.expose_secret(), again.expose_secret());
    let asked = |method: &str| -> Vec<Value> {
        let requests = emulator.requests();
        requests.iter().filter(|request| request.path.ends_with(method)).map(|request| request.json()).collect()
    };
    assert_eq!((asked("/UserInfo").len(), asked("/Create").len()), (1, 1));
    assert_eq!(
        (&asked("/Create")[0]["organization"], &asked("/Get")[0]["organization"]),
        (&json!("heron"), &json!("heron"))
    );
    let tokens = auth::source(&flyte.config.with_login_of(&key)).unwrap().unwrap();
    tokens.token(within(20), Freshness::Kept).await.unwrap();
}

type Answer = fn(&str, &Value) -> (u16, Value);
type Log = Arc<Mutex<Vec<(String, Value)>>>;

/// A control plane that answers each method as `answer` says.
async fn server(answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> (Server, Log) {
    let log = Log::default();
    let seen = Arc::clone(&log);
    let server = Server::start(move |exchange: Exchange| {
        let request: Value = serde_json::from_slice(&exchange.body).unwrap();
        let (status, body) = answer(&exchange.method, &request);
        seen.lock().unwrap().push((exchange.method.clone(), request));
        async move { exchange.json(status, &body).await }
    })
    .await;
    (server, log)
}

/// S1: a handle that is none becomes no name, and no key is made.
#[tokio::test]
async fn a_user_without_a_handle_gets_no_key() {
    for handle in [json!(""), Value::Null, json!("a:b"), json!("a\u{1b}"), json!("x".repeat(64))] {
        let home = tempfile::tempdir().unwrap();
        let claims = if handle.is_null() { json!({}) } else { json!({"userhandle": handle, "n": 1.5}) };
        let (server, log) = server(move |_, _| (200, json!({"additionalClaims": claims}))).await;
        let error = ensure_at(&flyte_in(&server, home.path()), Some("s"), "k", within(20)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("userhandle")), "{error}");
        assert_eq!(log.lock().unwrap().len(), 1);
    }
}

/// N4: an app that may have been made is named, with how to end it, and the call is not repeated.
#[tokio::test]
async fn a_key_that_may_have_been_made_is_named() {
    let without_secret = |_: &str, request: &Value| (200, json!({"app": {"clientId": request["clientId"]}}));
    let lost = |_: &str, _: &Value| (503, json!({"code": "unavailable"}));
    let answers: [(Answer, ErrorKind); 2] = [(lost, ErrorKind::Unavailable), (without_secret, ErrorKind::Protocol)];
    for (answer, kind) in answers {
        let home = tempfile::tempdir().unwrap();
        let (server, log) = server(answer).await;
        let error = ensure(&flyte_in(&server, home.path()), "k", within(20)).await.unwrap_err();
        assert!(error.kind() == kind && error.to_string().ends_with("flyte delete api-key k"), "{error}");
        assert_eq!(log.lock().unwrap().len(), 1);
    }
}

/// Only a name that is taken leads to another one: two calls that got in each other's way do not.
#[tokio::test]
async fn another_conflict_makes_no_second_key() {
    let home = tempfile::tempdir().unwrap();
    let (server, log) = server(|_, _| (409, json!({"code": "aborted"}))).await;
    let error = ensure(&flyte_in(&server, home.path()), "k", within(20)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && log.lock().unwrap().len() == 1, "{error}");
}

/// C5: a key that cannot be kept is ended again.
#[tokio::test]
async fn a_key_that_cannot_be_kept_is_deleted() {
    let home = tempfile::tempdir().unwrap();
    let directory = keypair::directory(home.path()).unwrap();
    let place = directory.path().join("api-key");
    let (server, log) = server(move |method, request| {
        if method == "Create" {
            // What happens meanwhile: somebody puts a directory in the file's place.
            std::fs::DirBuilder::new().create(&place).unwrap();
        }
        (200, json!({"app": {"clientId": request["clientId"], "clientSecret": "s3cret-of-it"}}))
    })
    .await;
    let error = ensure(&flyte_in(&server, home.path()), "k", within(20)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Local && !error.to_string().contains("s3cret"), "{error}");
    let log = log.lock().unwrap();
    let methods: Vec<_> = log.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!((methods, &log[1].1["clientId"]), (vec!["Create", "Delete"], &json!("k")));
}

/// C3: of two at once one makes the key, and both have it.
#[tokio::test]
async fn two_at_once_make_one_key() {
    let home = tempfile::tempdir().unwrap();
    let (server, log) =
        server(|_, request| (200, json!({"app": {"clientId": request["clientId"], "clientSecret": "s3cret-of-it"}})))
            .await;
    let flyte = flyte_in(&server, home.path());
    let (one, other) = tokio::join!(ensure(&flyte, "k", within(20)), ensure(&flyte, "k", within(20)));
    assert_eq!(one.unwrap().expose_secret(), other.unwrap().expose_secret());
    assert_eq!(log.lock().unwrap().iter().filter(|(method, _)| method == "Create").count(), 1);
}
