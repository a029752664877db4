//! Keys that are made, kept and found again.

mod serverless;

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyssh_core::ErrorKind;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::apps::AppAnswer;
use super::place::{FILE, LARGEST};
use super::{ensure, plain};
use crate::config::ApiKey;
use crate::keypair;
use crate::testing::{Exchange, Server, flyte_in, within};

/// A control plane with one app, `known`; names that begin with `taken` are taken.
async fn server() -> Server {
    Server::start(|exchange: Exchange| async move {
        let request: Value = serde_json::from_slice(&exchange.body).unwrap();
        let id = request["clientId"].as_str().unwrap().to_owned();
        match exchange.method.as_str() {
            "Get" if id == "away" => exchange.json(403, &json!({"code": "permission_denied"})).await,
            "Get" if id == "gone" => exchange.json(404, &json!({"code": "not_found"})).await,
            "Get" => exchange.json(200, &json!({"app": {"clientId": id}})).await,
            "Create" if id == "taken" => exchange.json(409, &json!({"code": "already_exists"})).await,
            "Create" => {
                assert_eq!(request["tokenEndpointAuthMethod"], "CLIENT_SECRET_BASIC");
                exchange.json(200, &json!({"app": {"clientId": id, "clientSecret": "s3cret-of-it"}})).await;
            }
            _ => exchange.json(404, &Value::Null).await,
        }
    })
    .await
}

fn key(endpoint: &str, client_id: &str) -> SecretString {
    let client_secret = "s3cret".into();
    ApiKey { endpoint: endpoint.to_owned(), client_id: client_id.to_owned(), client_secret, org: None }.encode()
}

fn keep(home: &Path, key: &SecretString) {
    keypair::directory(home).unwrap().replace_file(FILE, key.expose_secret().as_bytes()).unwrap();
}

#[tokio::test]
async fn a_key_is_made_once_kept_for_us_alone_and_found_again() {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    let flyte = flyte_in(&server, home.path());
    let first = ensure(&flyte, "My Key!", within(20)).await.unwrap();
    let decoded = ApiKey::decode("key", &first).unwrap();
    assert_eq!(decoded.client_id, "my-key-");
    assert!(server.uri.ends_with(&decoded.endpoint));
    let file = home.path().join(".flyte").join("ssh-debug").join("api-key");
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first.expose_secret());
    let again = ensure(&flyte, "My Key!", within(20)).await.unwrap();
    assert_eq!(again.expose_secret(), first.expose_secret());
    assert_eq!((server.count("Create"), server.count("Get")), (1, 1));
}

#[tokio::test]
async fn a_key_that_is_gone_is_replaced_and_one_that_cannot_be_looked_up_is_not() {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    let flyte = flyte_in(&server, home.path());
    keep(home.path(), &key(&server.uri, "away"));
    let error = ensure(&flyte, "k", within(20)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Forbidden && server.count("Create") == 0, "{error}");
    keep(home.path(), &key(&server.uri, "gone"));
    let made = ensure(&flyte, "k", within(20)).await.unwrap();
    assert_eq!(ApiKey::decode("key", &made).unwrap().client_id, "k");
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number_and_a_key_of_elsewhere_stays() {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    let flyte = flyte_in(&server, home.path());
    let elsewhere = key("other.example.org", "known");
    keep(home.path(), &elsewhere);
    let made = ensure(&flyte, "taken", within(20)).await.unwrap();
    let id = ApiKey::decode("key", &made).unwrap().client_id;
    assert!(id.starts_with("taken-") && id.len() == "taken-".len() + 8, "{id}");
    let dir = keypair::directory(home.path()).unwrap();
    assert_eq!(dir.read_file(FILE, LARGEST).unwrap().unwrap(), elsewhere.expose_secret().as_bytes());
    assert_eq!(ensure(&flyte, "taken", within(20)).await.unwrap().expose_secret(), made.expose_secret());
}

/// K6: what is no key is named, and neither it nor the secret of an app is shown.
#[tokio::test]
async fn a_file_that_is_no_key_is_named_and_not_shown() {
    let (server, home) = (server().await, tempfile::tempdir().unwrap());
    keep(home.path(), &"hunter22".into());
    let error = ensure(&flyte_in(&server, home.path()), "k", within(20)).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Local && error.to_string().contains("api-key"), "{error}");
    assert!(!error.to_string().contains("hunter22"));
    let app: AppAnswer = serde_json::from_value(json!({"app": {"clientSecret": "hunter22"}})).unwrap();
    assert!(!format!("{app:?}").contains("hunter22"));
    assert_eq!(plain("--").unwrap_err().kind(), ErrorKind::Usage);
}
