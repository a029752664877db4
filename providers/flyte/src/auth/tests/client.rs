//! Client credentials and commands.

use anyssh_core::{ErrorKind, ProviderError};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::kit::{Plane, SECRET, User, answer, granted, jwt, refused, soon, text, within};
use crate::auth::{AuthError, Freshness, TokenSource as _};

/// The id goes raw and the secret form-encoded, as the vendor's client sends them.
#[tokio::test]
async fn a_client_is_named_in_the_header_and_asks_in_a_form() {
    let plane = Plane::new().await.tokens(vec![granted("tok.1", json!(3600))]).await;
    let token = User::client(&plane).token().await.unwrap();
    assert_eq!((text(&token).as_str(), token.rpc_header.as_str()), ("tok.1", "flyte-authorization"));
    let form = "grant_type=client_credentials&scope=all+offline&audience=https%3A%2F%2Facme.example";
    assert_eq!(plane.posted("/token").await, [form]);
    let requests = plane.server.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/token").unwrap();
    let header = |name: &str| request.headers.get(name).unwrap().to_str().unwrap();
    let expected = format!("Basic {}", Base64::encode_string(b"my client:hunter22+%25%26"));
    assert_eq!(header("authorization"), expected);
    assert_eq!((header("accept"), header("cache-control")), ("application/json", "no-cache"));
    assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
}

#[tokio::test]
async fn an_empty_scope_is_sent_and_an_empty_audience_is_not() {
    let plane = Plane::with(json!({}), json!({"scopes": [], "audience": ""})).await;
    let plane = plane.tokens(vec![granted("tok.1", json!(3600))]).await;
    User::client(&plane).token().await.unwrap();
    assert_eq!(plane.posted("/token").await, ["grant_type=client_credentials&scope="]);
    let own = User::client(&plane).set("FLYTE_ADMIN_SCOPES", "a, b");
    own.token().await.unwrap();
    assert_eq!(plane.posted("/token").await[1], "grant_type=client_credentials&scope=a+b");
}

/// A token endpoint keeps its query and its final slash.
#[tokio::test]
async fn the_token_endpoint_is_used_as_it_is_named() {
    let named = "URI/oauth2/v1/token/?tenant=a%26b";
    let plane = Plane::with(json!({"tokenEndpoint": named}), json!({})).await;
    answer(&plane.server, "/oauth2/v1/token/", granted("tok.1", json!(3600))).await;
    User::client(&plane).token().await.unwrap();
    let requests = plane.server.received_requests().await.unwrap();
    let request = requests.iter().find(|request| request.url.path() == "/oauth2/v1/token/").unwrap();
    assert_eq!(request.url.query(), Some("tenant=a%26b"));
}

#[tokio::test]
async fn an_empty_metadata_key_is_authorization() {
    for client in [json!({"authorizationMetadataKey": ""}), json!({"authorizationMetadataKey": "Authorization"})] {
        let plane = Plane::with(json!({}), client).await.tokens(vec![granted("tok.1", json!(3600))]).await;
        assert_eq!(User::client(&plane).token().await.unwrap().rpc_header, "authorization");
    }
}

#[tokio::test]
async fn a_token_ends_when_the_server_or_the_token_says_so_whichever_is_sooner() {
    let hour = std::time::Duration::from_secs(3600);
    let cases: [(String, Value, Option<u64>); 6] = [
        (jwt("a", 7200), json!(3600), Some(3600)),
        (jwt("a", 3600), json!(7200), Some(3600)),
        (jwt("a", 3600), Value::Null, Some(3600)),
        ("opaque".to_owned(), json!("3600"), Some(3600)),
        ("opaque".to_owned(), Value::Null, None),
        ("opaque".to_owned(), json!({"never": 1}), None),
    ];
    for (token, expires_in, ends_in) in cases {
        let plane = Plane::new().await.tokens(vec![granted(&token, expires_in.clone())]).await;
        let expires_at = User::client(&plane).token().await.unwrap().expires_at;
        let left = expires_at.map(|time| time.duration_since(std::time::SystemTime::now()).unwrap());
        assert_eq!(left.is_some(), ends_in.is_some(), "{token} {expires_in}");
        assert!(left.is_none_or(|left| left.abs_diff(hour).as_secs() < 30), "{token} {expires_in}: {left:?}");
    }
}

/// K6: what the server says about a refused client is told, without the client's secret.
#[tokio::test]
async fn a_client_that_is_refused_is_told_why_without_its_secret() {
    let said = format!("bad client {SECRET} \u{1b}[2J");
    let body = json!({"error": "invalid_client", "error_description": said});
    let plane = Plane::new().await.tokens(vec![ResponseTemplate::new(401).set_body_json(body)]).await;
    let error = User::client(&plane).token().await.unwrap_err();
    assert!(matches!(error, AuthError::Rejected(_)), "{error:?}");
    let error = ProviderError::from(error);
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unauthenticated, false));
    assert_eq!(error.to_string(), r"POST /token: HTTP 401: invalid_client: bad client *** \x1b[2J");
    assert_eq!(plane.posted("/token").await.len(), 1);
}

/// N4: what may pass is tried again, and then it is unavailable, not refused.
#[tokio::test]
async fn a_token_endpoint_that_is_not_up_is_unavailable() {
    for response in [ResponseTemplate::new(503), refused(503, "temporarily_unavailable"), ResponseTemplate::new(429)] {
        let plane = Plane::new().await.tokens(vec![response, granted("tok.1", json!(3600))]).await;
        assert_eq!(text(&User::client(&plane).token().await.unwrap()), "tok.1");
    }
    let plane = Plane::new().await.tokens(vec![ResponseTemplate::new(503).insert_header("retry-after", "60")]).await;
    let error = User::client(&plane).process().token(within(3000), Freshness::Kept).await.unwrap_err();
    assert!(matches!(error, AuthError::Transient(_)), "{error:?}");
    assert_eq!(ProviderError::from(error).kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_command_makes_the_token_and_is_not_run_while_it_lives() {
    let plane = Plane::new().await;
    let user = User::of(&plane, &[("FLYTE_AUTH_TYPE", "ExternalCommand")]);
    let count = user.scratch.path().join("count");
    let script = format!("echo x >> {}; echo {}", count.display(), jwt("c", 3600));
    let user = user.set("FLYTE_AUTH_COMMAND", &json!(["/bin/sh", "-c", script]).to_string());
    let process = user.process();
    let first = text(&process.token(soon(), Freshness::Kept).await.unwrap());
    assert_eq!(text(&process.token(soon(), Freshness::Kept).await.unwrap()), first);
    assert_eq!((std::fs::read_to_string(&count).unwrap().as_str(), plane.posted("/token").await.len()), ("x\n", 0));
}

/// K5: what opens a gateway goes to the control plane, and to no token endpoint. The command is run once.
#[tokio::test]
async fn a_gateway_in_front_of_the_control_plane_is_opened_by_a_command() {
    let plane = Plane::new().await.tokens(vec![granted("tok.1", json!(3600))]).await;
    let user = User::client(&plane);
    let count = user.scratch.path().join("count");
    let script = format!("echo x >> {}; echo gateway.token", count.display());
    let user = user.set("FLYTE_AUTH_PROXY_COMMAND", &json!(["/bin/sh", "-c", script]).to_string());
    user.token().await.unwrap();
    let requests = plane.server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let shown = request.headers.get("proxy-authorization").map(|value| value.to_str().unwrap());
        let expected = if request.url.path() == "/token" { None } else { Some("Bearer gateway.token") };
        assert_eq!(shown, expected, "{}", request.url);
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    let failing = User::client(&plane).set("FLYTE_AUTH_PROXY_COMMAND", "false");
    let error = ProviderError::from(failing.token().await.unwrap_err());
    assert!(error.to_string().starts_with("admin.proxyCommand: the command failed"), "{error}");
}

/// N7: a gateway whose token is over is opened with a new one, once, also for what needs no other token.
#[tokio::test]
async fn a_gateway_that_refuses_its_token_gets_a_new_one() {
    use crate::api::Nothing;
    use crate::connect_rpc::{ConnectClient, Procedure};
    use wiremock::matchers::{header, path};
    const METHOD: Procedure = Procedure::repeatable("a.b.Service", "Method");
    for status in [401, 407] {
        let plane = Plane::new().await;
        let fresh = wiremock::Mock::given(path("/a.b.Service/Method")).and(header("proxy-authorization", "Bearer g.2"));
        fresh.respond_with(ResponseTemplate::new(200).set_body_json(json!({}))).mount(&plane.server).await;
        answer(&plane.server, "/a.b.Service/Method", ResponseTemplate::new(status)).await;
        let user = User::of(&plane, &[]);
        let count = user.scratch.path().join("count");
        let script = format!("echo x >> {0}; echo g.$(wc -l < {0} | tr -d ' ')", count.display());
        let user = user.set("FLYTE_AUTH_PROXY_COMMAND", &json!(["/bin/sh", "-c", script]).to_string());
        let config = user.config();
        let client = ConnectClient::anonymous(config.endpoint.http().unwrap()).behind(config.gateway.clone());
        client.unary::<Value>(METHOD, &Nothing {}, soon()).await.unwrap();
    }
}

#[tokio::test]
async fn no_token_is_made_for_pass_through_and_plain_http() {
    let plane = Plane::new().await;
    let source = |user: &User| crate::auth::source(&user.config()).unwrap();
    assert!(source(&User::of(&plane, &[("FLYTE_AUTH_TYPE", "Passthrough")])).is_none());
    assert!(source(&User::client(&plane)).is_some());
    let mut plain = User::client(&plane).set("FLYTE_ADMIN_INSECURE", "true");
    plain.settings[0].1 = "http://flyte.invalid:8089".to_owned();
    assert!(source(&plain).is_none(), "no secret goes over plain http");
}
