//! OAuth 2.0: who is given tokens.

use std::time::Duration;

use anyssh_testkit::emulator::{DeviceFlow, Emulator, FlyteEmulator, TokenForm};
use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::client::{Ask, encoded};

const TOKEN: &str = "/oauth2/token";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://localhost:53593/callback";

fn start() -> FlyteEmulator {
    Emulator::flyte().start_blocking().unwrap()
}

fn basic(emulator: &FlyteEmulator) -> String {
    let (id, secret) = emulator.client();
    format!("Basic {}", Base64::encode_string(format!("{id}:{}", encoded(secret)).as_bytes()))
}

fn client_credentials(emulator: &FlyteEmulator) -> Ask {
    let form = [("grant_type", "client_credentials"), ("scope", "all")];
    Ask::form(TOKEN, &form).header("authorization", &basic(emulator))
}

fn metadata(emulator: &FlyteEmulator) -> Value {
    Ask::call("/flyteidl2.auth.AuthMetadataService/GetOAuth2Metadata", &json!({})).send(emulator).json()
}

#[test]
fn the_metadata_lead_to_the_emulators_own_endpoints() {
    let emulator = start();
    let metadata = metadata(&emulator);
    for (name, path) in
        [("tokenEndpoint", "token"), ("authorizationEndpoint", "authorize"), ("deviceAuthorizationEndpoint", "device")]
    {
        assert_eq!(metadata[name], format!("{}/oauth2/{path}", emulator.base_url()));
    }
}

#[test]
fn a_client_with_its_secret_is_given_a_token_and_nobody_else_is() {
    let emulator = start();
    let given = client_credentials(&emulator).send(&emulator).json();
    let token = given["access_token"].as_str().unwrap();
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["sub"], &given["expires_in"]), (&json!("ci-client"), &json!(3600)));
    let wrong = format!("Basic {}", Base64::encode_string(b"ci-client:guess"));
    let ask = client_credentials(&emulator).without("authorization");
    assert_eq!(ask.send(&emulator).refusal(), (401, "invalid_client".into()));
    assert_eq!(ask.header("authorization", &wrong).send(&emulator).refusal(), (401, "invalid_client".into()));
    let audience = Ask::form(TOKEN, &[("grant_type", "client_credentials"), ("scope", ""), ("audience", "x")]);
    let audience = audience.header("authorization", &basic(&emulator));
    assert_eq!(audience.send(&emulator).refusal(), (400, "invalid_request".into()));
    let twice = Ask::form(TOKEN, &[("grant_type", "client_credentials"), ("scope", "a"), ("scope", "b")]);
    assert_eq!(twice.send(&emulator).refusal(), (400, "invalid_request".into()));
}

#[test]
fn tokens_are_opaque_or_short_lived_if_they_have_to_be() {
    let form = |form| {
        let emulator = Emulator::flyte().with_tokens(form, Duration::from_secs(7)).start_blocking().unwrap();
        client_credentials(&emulator).send(&emulator).json()
    };
    assert_eq!(form(TokenForm::Jwt)["expires_in"], 7);
    let opaque = form(TokenForm::Opaque);
    assert_eq!((opaque["access_token"].as_str().unwrap().contains('.'), &opaque["expires_in"]), (false, &json!(7)));
    assert_eq!(form(TokenForm::OpaqueForever)["expires_in"], Value::Null);
}

/// The code that whoever is at the browser is sent back with.
fn authorize(emulator: &FlyteEmulator) -> String {
    let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(VERIFIER.as_bytes()));
    let query = format!(
        "client_id=flytectl&response_type=code&scope=all&redirect_uri={}&state=xyz&code_challenge={challenge}\
         &code_challenge_method=S256",
        encoded(REDIRECT)
    );
    let reply = Ask::new(&format!("GET /oauth2/authorize?{query}")).send(emulator);
    assert_eq!(reply.status, 302, "{reply:?}");
    let location = reply.head.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap();
    location.strip_prefix(&format!("{REDIRECT}?")).unwrap().to_owned()
}

fn exchange(code: &str, verifier: &str) -> Ask {
    let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    Ask::form(TOKEN, &[&form[..], &[("client_id", "flytectl"), ("redirect_uri", REDIRECT)]].concat())
}

#[test]
fn a_code_is_good_once_and_with_its_verifier_alone() {
    let emulator = start();
    assert_eq!(authorize(&emulator), "code=code-0001&state=xyz");
    let given = exchange("code-0001", VERIFIER).send(&emulator).json();
    assert!(given["access_token"].is_string() && given["refresh_token"].is_string(), "{given}");
    let refused = (400, "invalid_grant".to_owned());
    assert_eq!(exchange("code-0001", VERIFIER).send(&emulator).refusal(), refused);
    authorize(&emulator);
    assert_eq!(exchange("code-0001", &"x".repeat(43)).send(&emulator).refusal(), refused);
    emulator.deny_logins(true);
    assert_eq!(authorize(&emulator), "error=access_denied&state=xyz");

    let refresh = |token: &Value| {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "flytectl"), ("refresh_token", token.as_str().unwrap())];
        Ask::form(TOKEN, &form).send(&emulator)
    };
    let again = refresh(&given["refresh_token"]).json();
    assert!(again["access_token"].is_string());
    assert_eq!(refresh(&given["refresh_token"]).refusal(), refused);
    emulator.revoke_refresh_tokens();
    assert_eq!(refresh(&again["refresh_token"]).refusal(), refused);
}

#[test]
fn the_device_flow_goes_as_scripted() {
    let flow = DeviceFlow::approved().after_pending(1).every(0);
    let emulator = Emulator::flyte().with_device_flow(flow).start_blocking().unwrap();
    let codes =
        Ask::form("/oauth2/device", &[("client_id", "flytectl"), ("scope", "all"), ("audience", "")]).send(&emulator);
    let codes = codes.json();
    assert_eq!((&codes["user_code"], &codes["interval"]), (&json!("BDWP-HQPK"), &json!(0)));
    let poll = |code: &str| {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let form = [("grant_type", grant), ("client_id", "flytectl"), ("device_code", code), ("scope", "all")];
        Ask::form(TOKEN, &form).send(&emulator)
    };
    let code = codes["device_code"].as_str().unwrap();
    assert_eq!(poll(code).refusal(), (400, "authorization_pending".into()));
    assert!(poll(code).json()["access_token"].is_string());
    assert_eq!(poll("device-9999").refusal(), (400, "invalid_grant".into()));
}

#[test]
fn an_api_key_is_a_client_until_it_is_deleted() {
    let emulator = start();
    let apps = |method: &str, input: &Value| {
        Ask::call(&format!("/cloudidl.identity.AppsService/{method}"), input).send(&emulator)
    };
    let create = json!({"clientId": "dbg", "clientName": "dbg", "grantTypes": ["CLIENT_CREDENTIALS"],
        "tokenEndpointAuthMethod": "CLIENT_SECRET_BASIC", "consentMethod": "CONSENT_METHOD_REQUIRED"});
    let secret = apps("Create", &create).json()["app"]["clientSecret"].as_str().unwrap().to_owned();
    assert_eq!(apps("Create", &create).failure(), (409, "already_exists".into()));
    assert_eq!(apps("Get", &json!({"clientId": "dbg"})).json()["app"]["clientSecret"], Value::Null);
    let basic = format!("Basic {}", Base64::encode_string(format!("dbg:{}", encoded(&secret)).as_bytes()));
    let login =
        Ask::form(TOKEN, &[("grant_type", "client_credentials"), ("scope", "")]).header("authorization", &basic);
    assert_eq!(login.send(&emulator).status, 200);
    assert_eq!(apps("Delete", &json!({"clientId": "dbg"})).status, 200);
    assert_eq!(login.send(&emulator).refusal(), (401, "invalid_client".into()));
    assert_eq!(apps("Get", &json!({"clientId": "dbg"})).failure(), (404, "not_found".into()));
}
