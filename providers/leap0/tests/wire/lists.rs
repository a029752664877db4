//! Sandboxes, over all pages, and the typed client by itself.

use anyssh_core::{ErrorKind, ProviderError, SessionId, TargetDirectory as _};
use anyssh_leap0::{Generation, Leap0, PROVIDER, Which};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer};

use crate::kit::{ID, LONG, PASSWORD, SANDBOX, access, calls, count, ok, provider, requests, server, settings, within};

const SANDBOXES: &str = "/v1/sandboxes";

async fn list(pages: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    for (index, page) in pages.iter().enumerate() {
        let number = (index + 1).to_string();
        let mock = Mock::given(method("GET")).and(path(SANDBOXES)).and(query_param("page", number.as_str()));
        mock.and(query_param("page-size", "100")).respond_with(ok(page)).mount(&server).await;
    }
    server
}

fn item(id: &str, state: &str) -> Value {
    json!({"id": id, "template_id": "t", "pod_id": "p", "state": state, "created_at": "2026-01-01T00:00:00Z"})
}

async fn targets(pages: &[Value]) -> Result<Vec<(String, String)>, ProviderError> {
    let server = list(pages).await;
    let targets = provider(&server).targets(within(LONG)).await?;
    Ok(targets.into_iter().map(|found| (found.target.to_string(), found.state)).collect())
}

fn ids(found: Vec<(String, String)>) -> Vec<String> {
    found.into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn pages_are_read_until_the_total_is_reached() {
    let pages = [
        json!({"items": [item("a", "running"), item("b", "paused")], "total_items": 201}),
        json!({"items": [item("b", "paused"), item("c", "stopped")], "total_items": 201}),
        json!({"items": [item("d", "starting")], "total_items": 201}),
    ];
    assert_eq!(ids(targets(&pages).await.unwrap()), ["a", "b", "c", "d"], "one that moved is listed once");
}

#[tokio::test]
async fn an_empty_page_is_the_end_whatever_the_total_says() {
    let pages =
        [json!({"items": [item("a", "running")], "total_items": 999}), json!({"items": [], "total_items": 999})];
    let server = list(&pages).await;
    let sandboxes = provider(&server).targets(within(LONG)).await.unwrap();
    assert_eq!((sandboxes.len(), count(&server, "GET /v1/sandboxes").await), (1, 2));
    assert!(targets(&[json!({"items": [], "total_items": 0})]).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_state_is_listed_escaped_but_deleted_ones_are_not() {
    let items = [
        item("a", "running"),
        item("b", "deleted"),
        item("c", "new\u{1b}[31m"),
        item("d", "deleting"),
        item("e", "stopped"),
    ];
    let found = targets(&[json!({"items": items, "total_items": 5})]).await.unwrap();
    let expected = [("a", "running"), ("c", r"new\x1b[31m"), ("d", "deleting"), ("e", "stopped")];
    assert_eq!(found, expected.map(|(id, state)| (id.to_owned(), state.to_owned())));
}

/// S9: a page that is none is an error that names the field.
#[tokio::test]
async fn a_page_of_sandboxes_of_another_shape_is_refused() {
    for (page, field) in [
        (json!({"total_items": 1}), "items"),
        (json!({"items": null, "total_items": 0}), "items"),
        (json!({"items": {}, "total_items": 1}), "items"),
        (json!({"items": ["a"], "total_items": 1}), "items"),
        (json!({"items": [{"state": "running"}], "total_items": 1}), "id"),
        (json!({"items": [{"id": "a"}], "total_items": 1}), "state"),
        (json!({"items": [item("-oProxyCommand=x", "running")], "total_items": 1}), "id"),
        (json!({"items": [item("a\nb", "running")], "total_items": 1}), "id"),
        (json!({"items": []}), "total_items"),
        (json!({"items": [], "total_items": -1}), "total_items"),
        (json!({"items": [], "total_items": "1"}), "total_items"),
    ] {
        let error = targets(std::slice::from_ref(&page)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{page}: {error}");
    }
}

/// S9: a list that never ends is given up.
#[tokio::test]
async fn a_list_without_an_end_is_an_error_and_not_a_loop() {
    let server = MockServer::start().await;
    let page = json!({"items": [item("a", "running")], "total_items": u64::MAX});
    Mock::given(method("GET")).and(path(SANDBOXES)).respond_with(ok(&page)).mount(&server).await;
    let error = provider(&server).targets(within(LONG * 3)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("total_items")), "{error}");
    assert_eq!(requests(&server).await.len(), 1000);
}

/// The seed's four calls and the two of sandboxes, by themselves.
#[tokio::test]
async fn the_typed_client_has_every_call_in_both_generations() {
    for generation in [Generation::One, Generation::Two] {
        let server = server(generation, &access()).await;
        let regen = if generation == Generation::One { "ssh/regen".to_owned() } else { format!("ssh/{ID}/regen") };
        crate::kit::answer(&server, "POST", &crate::kit::at(&regen), 1, ok(&access())).await;
        let leap0 = Leap0::new(&settings(&server.uri())).unwrap();
        let made = leap0.create_access(SANDBOX, within(LONG)).await.unwrap();
        assert_eq!((made.value.id.as_str(), made.value.password.expose_secret()), (ID, PASSWORD));
        assert!(made.server_time.is_some() && !format!("{made:?}").contains("grüße"));
        let id = SessionId::parse("id", ID).unwrap();
        let validated = leap0.validate_access(SANDBOX, generation, &id, &made.value.password, within(LONG)).await;
        assert!(validated.unwrap().valid);
        let which = if generation == Generation::One { Which::Only } else { Which::Id(&id) };
        assert_eq!(leap0.regenerate_access(SANDBOX, which, within(LONG)).await.unwrap().value.id, ID);
        leap0.delete_access(SANDBOX, which, within(LONG)).await.unwrap();
        assert_eq!(leap0.sandbox(SANDBOX, within(LONG)).await.unwrap().id, SANDBOX);
    }
}

/// S7: an id enters the path as one segment or not at all.
#[tokio::test]
async fn the_typed_client_of_leap0_keeps_an_id_in_its_segment() {
    let server = MockServer::start().await;
    let leap0 = Leap0::new(&settings(&server.uri())).unwrap();
    let error = leap0.sandbox("..", within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Usage, 0));
    leap0.sandbox("a/../../v2?x#y", within(LONG)).await.unwrap_err();
    assert_eq!(calls(&server).await, ["GET /v1/sandbox/a%2F..%2F..%2Fv2%3Fx%23y/"]);
}

#[tokio::test]
async fn the_static_value_builds_a_provider_and_a_directory() {
    let settings = settings("https://leap0.example");
    let provider = PROVIDER.build(&settings).unwrap();
    assert_eq!(provider.capabilities(), PROVIDER.capabilities);
    assert!(provider.capabilities().validate_needs_password);
    assert!(PROVIDER.directory(&settings).unwrap().is_ok());
}
