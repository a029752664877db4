//! The way into a pod: late routes, refused tokens, pods that change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError};
use anyssh_server::{Act, Script};
use secrecy::ExposeSecret as _;

use super::kit::{GOOD, Numbered, Run, control_plane, link, pod};
use crate::auth::Freshness;
use crate::error::{DebugError, Stage};
use crate::reach::{Reach, Route, Way};
use crate::testing::{Server, action, flyte};

async fn find_with(server: &Server, tokens: Arc<Numbered>, route: Route, limit: Duration) -> Result<Way, DebugError> {
    let reach = Reach {
        flyte: &flyte(server),
        tokens: Some(tokens),
        freshness: Freshness::Kept,
        action: &action(),
        poll_interval: Duration::from_millis(50),
        route,
        deadline: Deadline::at(Instant::now() + limit),
        progress: &Progress::silent(),
    };
    reach.find().await
}

async fn find(server: &Server) -> Result<Way, DebugError> {
    find_with(server, Numbered::beginning_at(2), Route::Answering, Duration::from_secs(20)).await
}

#[tokio::test]
async fn a_route_that_answers_is_found_with_the_token_that_opened_it() {
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let way = find(&server).await.unwrap();
    assert_eq!(way.url.as_str(), pod.url("/pod/6060/?target_port=6060"));
    assert_eq!((way.token.unwrap().expose_secret(), way.attempt), (GOOD, 1));
}

#[tokio::test]
async fn a_late_route_is_waited_for_whatever_it_answers_until_then() {
    let script = [Act::Status(404), Act::Status(502), Act::Close, Act::Reset, Act::NoUpstream, Act::Status(503)];
    let pod = pod(script.into_iter().fold(Script::new(), Script::once)).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    find(&server).await.unwrap();
    assert_eq!(pod.requests().len(), 7);
}

/// N7: a token that the route refuses is replaced once; then the refusal is told at once.
#[tokio::test]
async fn a_token_that_the_route_refuses_is_replaced_once() {
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let limit = Duration::from_secs(20);
    let way = find_with(&server, Numbered::beginning_at(1), Route::Answering, limit).await.unwrap();
    assert_eq!((way.token.unwrap().expose_secret(), pod.requests().len()), (GOOD, 2));
    let refused = find_with(&server, Numbered::beginning_at(5), Route::Answering, limit).await.unwrap_err();
    assert_eq!(ProviderError::from(refused).kind(), ErrorKind::Unauthenticated);
    assert_eq!(pod.requests().len(), 4);
}

#[tokio::test]
async fn what_will_not_change_is_told_at_once() {
    for (act, kind) in [
        (Act::Status(403), ErrorKind::Forbidden),
        (Act::Redirect("https://login.example/".to_owned()), ErrorKind::Protocol),
        (Act::Page, ErrorKind::Protocol),
        (Act::Bytes(b"\x82\x06HTTP/1".to_vec()), ErrorKind::Unavailable),
    ] {
        let pod = pod(Script::new().always(act.clone())).await;
        let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
        let limit = if kind == ErrorKind::Unavailable { Duration::from_millis(600) } else { Duration::from_secs(20) };
        let error = find_with(&server, Numbered::beginning_at(2), Route::Answering, limit).await.unwrap_err();
        match error {
            DebugError::Other(error) => assert_eq!(error.kind(), kind, "{act:?}: {error}"),
            other => assert_eq!(kind, ErrorKind::Unavailable, "{act:?}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_route_that_never_answers_ends_with_the_deadline_and_says_what_was_seen() {
    for (act, seen) in [(Act::Status(404), "404"), (Act::Hang, "timeout")] {
        let pod = pod(Script::new().always(act)).await;
        let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
        let begun = Instant::now();
        let limit = Duration::from_millis(700);
        let error = find_with(&server, Numbered::beginning_at(2), Route::Answering, limit).await.unwrap_err();
        assert!(matches!(error, DebugError::TimedOut { stage: Stage::Route, .. }), "{error}");
        assert!(error.to_string().contains(seen), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_run_that_ends_while_its_route_is_tried_ends_the_wait() {
    let pod = pod(Script::new().always(Act::Status(404))).await;
    let run = Run::new("RUNNING", Some(&link(&pod)));
    let server = control_plane(&run).await;
    let ending = async {
        while pod.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        run.becomes("FAILED", Some(&link(&pod)));
    };
    let (found, ()) = tokio::join!(find(&server), ending);
    assert!(matches!(found, Err(DebugError::Terminal { .. })), "{found:?}");
}

#[tokio::test]
async fn a_pod_that_is_replaced_is_followed() {
    let (old, new) = (pod(Script::new().always(Act::Hang)).await, pod(Script::new()).await);
    let run = Run::new("RUNNING", Some(&link(&old)));
    let server = control_plane(&run).await;
    let replacing = async {
        while old.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        // For a while there is no link at all.
        run.becomes("QUEUED", None);
        let asked = server.count("GetActionDetails");
        while server.count("GetActionDetails") < asked + 2 {
            tokio::task::yield_now().await;
        }
        run.becomes("RUNNING", Some(&link(&new)));
    };
    let (found, ()) = tokio::join!(find(&server), replacing);
    assert_eq!(found.unwrap().url.as_str(), new.url("/pod/6060/?target_port=6060"));
}

#[tokio::test]
async fn without_the_wait_for_the_route_nobody_is_dialled() {
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let tokens = Numbered::beginning_at(2);
    let way = find_with(&server, tokens, Route::Linked, Duration::from_secs(20)).await.unwrap();
    assert_eq!((way.token.unwrap().expose_secret(), pod.requests().len()), (GOOD, 0));
}

/// K5: a link to another host is refused before anything is sent there.
#[tokio::test]
async fn a_link_to_another_host_gets_no_token() {
    let listener = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let evil = format!("http://{}/", listener.local_addr().unwrap());
    let server = control_plane(&Run::new("RUNNING", Some(&evil))).await;
    let error = ProviderError::from(find(&server).await.unwrap_err());
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("log_info.uri")));
    assert!(error.to_string().contains("data_plane_hosts = \"127.0.0.2\""), "{error}");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "somebody dialled");
    // The control plane was asked whether the host is its own.
    assert_eq!((server.count("GetPublicClientConfig"), server.count("SelectCluster")), (1, 1));
}
