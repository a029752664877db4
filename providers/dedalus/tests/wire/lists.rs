//! Machines and sessions, over all pages.

use anyssh_core::{ErrorKind, ProviderError, TargetDirectory as _};
use anyssh_dedalus::{Dedalus, PROVIDER};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer};

use crate::kit::{LONG, calls, count, ok, provider, sessions_path, settings, within};

const MACHINES: &str = "/v1/machines";

/// Pages in order: the first without a cursor, each further one for the cursor of the one before.
async fn server(at: &str, pages: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    let mut cursor: Option<String> = None;
    for page in pages {
        let mock = Mock::given(method("GET")).and(path(at));
        let mock = match &cursor {
            Some(cursor) => mock.and(query_param("cursor", cursor.as_str())),
            None => mock.and(query_param_is_missing("cursor")),
        };
        mock.respond_with(ok(page)).mount(&server).await;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
    }
    server
}

async fn targets(pages: &[Value]) -> Result<Vec<(String, Option<String>, String)>, ProviderError> {
    let server = server(MACHINES, pages).await;
    let targets = provider(&server).targets(within(LONG)).await?;
    Ok(targets.into_iter().map(|found| (found.target.to_string(), found.name, found.state)).collect())
}

fn machine(id: &str) -> Value {
    json!({"machine_id": id, "phase": "running", "desired_state": "running", "vcpu": 0.5, "memory_mib": 1, "name": null})
}

#[tokio::test]
async fn all_pages_are_read_also_past_an_empty_one_and_one_that_is_null() {
    let pages = [
        json!({"items": [machine("a"), machine("b")], "next_cursor": "c 1&x=/"}),
        json!({"items": [], "next_cursor": "c2"}),
        json!({"items": null, "next_cursor": "c3"}),
        json!({"items": [machine("c")], "next_cursor": ""}),
    ];
    let ids: Vec<String> = targets(&pages).await.unwrap().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[tokio::test]
async fn names_and_states_are_shown_escaped_and_destroyed_machines_are_not() {
    let pages = [json!({"items": [
        {"machine_id": "a", "phase": "sleeping", "name": "box\u{1b}[31m"},
        {"machine_id": "b", "status": {"phase": "running", "reason": ""}, "name": ""},
        {"machine_id": "c"},
        {"machine_id": "d", "phase": "destroyed"},
    ]})];
    let expected = [("a", Some(r"box\x1b[31m"), "sleeping"), ("b", None, "running"), ("c", None, "unknown")]
        .map(|(id, name, state)| (id.to_owned(), name.map(str::to_owned), state.to_owned()));
    assert_eq!(targets(&pages).await.unwrap(), expected);
}

#[tokio::test]
async fn a_cursor_that_repeats_is_an_error_and_not_a_loop() {
    let pages = [json!({"items": [machine("a")], "next_cursor": "x"}), json!({"items": [], "next_cursor": "x"})];
    let server = server(MACHINES, &pages).await;
    let error = provider(&server).targets(within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("next_cursor")));
    assert_eq!(count(&server, "GET").await, 2);
}

/// S9: a page that is none is an error that names the field.
#[tokio::test]
async fn a_page_of_another_shape_is_refused() {
    for (page, field) in [
        (json!({"next_cursor": null}), "items"),
        (json!({"items": {}}), "items"),
        (json!({"items": ["a"]}), "items"),
        (json!({"items": [{}]}), "machine_id"),
        (json!({"items": [machine("-oProxyCommand=x")]}), "machine_id"),
        (json!({"items": [machine("a\nb")]}), "machine_id"),
        (json!({"items": [], "next_cursor": 7}), "next_cursor"),
    ] {
        let error = targets(std::slice::from_ref(&page)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{page}: {error}");
    }
}

#[tokio::test]
async fn the_sessions_of_a_machine_are_listed_over_all_pages() {
    let session = |id: &str| json!({"session_id": id, "machine_id": crate::kit::MACHINE, "status": "closed"});
    let pages = [json!({"items": [session("s1")], "next_cursor": "n"}), json!({"items": [session("s2")]})];
    let server = server(&sessions_path(), &pages).await;
    let dedalus = Dedalus::new(&settings(&server.uri())).unwrap();
    let sessions = dedalus.ssh_sessions(crate::kit::MACHINE, within(LONG)).await.unwrap();
    assert_eq!(sessions.iter().map(|session| session.session_id.as_str()).collect::<Vec<_>>(), ["s1", "s2"]);
}

/// S7: an id enters the path as one segment or not at all.
#[tokio::test]
async fn the_typed_client_keeps_an_id_in_its_segment() {
    let server = MockServer::start().await;
    let dedalus = Dedalus::new(&settings(&server.uri())).unwrap();
    let error = dedalus.machine("..", within(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&server).await.len()), (ErrorKind::Usage, 0));
    dedalus.machine("a/../../v2?x#y", within(LONG)).await.unwrap_err();
    assert_eq!(calls(&server).await, ["GET /v1/machines/a%2F..%2F..%2Fv2%3Fx%23y"]);
}

#[tokio::test]
async fn the_static_value_builds_a_provider_and_a_directory() {
    let settings = settings("https://dedalus.example");
    assert_eq!(PROVIDER.build(&settings).unwrap().capabilities(), PROVIDER.capabilities);
    assert!(PROVIDER.directory(&settings).unwrap().is_ok());
}
