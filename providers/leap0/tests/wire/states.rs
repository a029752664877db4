//! Sandboxes that are not up: waited for, resumed, or a clear error.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyssh_core::{ErrorKind, Progress, SshProvider as _, Wake};
use anyssh_leap0::Generation;
use serde_json::json;
use wiremock::MockServer;

use crate::kit::{
    LONG, access, answer, at, calls, count, create, fixed, made, ok, provider, refusal, request, sandbox, server, with,
};

/// A server whose sandbox is in these states, one after the other, and then runs.
async fn passing(states: &[&str]) -> MockServer {
    let whole = MockServer::start().await;
    for state in states {
        answer(&whole, "GET", &at(""), 1, ok(&sandbox(state))).await;
    }
    answer(&whole, "GET", &at(""), u64::MAX, ok(&sandbox("running"))).await;
    answer(&whole, "POST", &at("ssh/access"), u64::MAX, made(&access())).await;
    whole
}

fn listening() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    (Progress::new(move |message| listener.lock().unwrap().push(message.to_owned())), heard)
}

/// S8: a state that nobody knows yet is waited for; each change is told.
#[tokio::test]
async fn a_sandbox_on_its_way_is_waited_for_and_each_state_is_told() {
    let server = passing(&["starting", "snapshotting", "unpausing", "polishing"]).await;
    let (progress, heard) = listening();
    fixed(&server, "2").create(&request(LONG).with_progress(progress)).await.unwrap();
    let expected =
        ["waiting for the sandbox (starting)", "snapshotting", "resuming the sandbox (unpausing)", "polishing"];
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!((count(&server, "GET ").await, count(&server, "POST ssh/access").await), (5, 1));
}

#[tokio::test]
async fn a_paused_sandbox_is_resumed_by_the_request_itself() {
    let server = passing(&["paused"]).await;
    let (progress, heard) = listening();
    fixed(&server, "2").create(&request(LONG).with_progress(progress)).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), ["resuming the sandbox (paused)"]);
    assert_eq!(calls(&server).await, ["GET ", "POST ssh/access"]);
}

#[tokio::test]
async fn a_sandbox_that_does_not_come_back_is_an_error_that_names_its_state() {
    for (state, words) in [
        ("stopped", "the sandbox is stopped, and it does not resume by itself: start it first"),
        ("stopping", "the sandbox is stopping, and it does not resume by itself: start it first"),
        ("deleting", "the sandbox is deleting"),
        ("deleted", "the sandbox is deleted"),
    ] {
        for before in [&[][..], &["starting"]] {
            let server = passing(&[before, &[state]].concat()).await;
            let error = create(&server).await.unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Failed, Some("state")));
            assert_eq!((error.to_string().as_str(), error.left_behind()), (words, None));
            assert_eq!(count(&server, "POST ssh/access").await, 0);
        }
    }
}

/// S8: the deadline wins, and the last state is named.
#[tokio::test]
async fn a_sandbox_that_is_not_up_in_time_is_a_timeout_that_names_the_state() {
    let server = MockServer::start().await;
    answer(&server, "GET", &at(""), u64::MAX, ok(&sandbox("starting"))).await;
    let begin = Instant::now();
    let error = provider(&server).create(&request(Duration::from_millis(700))).await.unwrap_err();
    assert_eq!((error.kind(), error.left_behind()), (ErrorKind::TimedOut, None));
    assert!(error.to_string().contains("starting"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_sandbox_that_may_not_be_woken_has_to_run() {
    for state in ["paused", "starting", "unpausing", "new"] {
        let server = passing(&[state]).await;
        let error = provider(&server).create(&request(LONG).with_wake(Wake::Forbidden)).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Failed, Some("state")), "{error}");
        assert!(error.to_string().contains(&format!("\"{state}\", and it may not be woken")), "{error}");
        assert_eq!(count(&server, "POST ssh/access").await, 0);
    }
    let up = server(Generation::Two, &access()).await;
    provider(&up).create(&request(LONG).with_wake(Wake::Forbidden)).await.unwrap();
    let unknown = MockServer::start().await;
    let error = provider(&unknown).create(&request(LONG).with_wake(Wake::Forbidden)).await.unwrap_err();
    assert_eq!((error.kind(), calls(&unknown).await.len()), (ErrorKind::NotFound, 1));
}

/// A conflict that is about the state, not about a credential: the sandbox went away between look and create.
#[tokio::test]
async fn a_conflict_with_a_state_is_waited_out() {
    let server = MockServer::start().await;
    for state in ["running", "snapshotting", "running"] {
        answer(&server, "GET", &at(""), 1, ok(&sandbox(state))).await;
    }
    answer(&server, "POST", &at("ssh/access"), 1, refusal(409, "snapshotting")).await;
    answer(&server, "POST", &at("ssh/access"), 1, made(&access())).await;
    fixed(&server, "1").create(&request(LONG)).await.unwrap();
    assert_eq!(calls(&server).await, ["GET ", "POST ssh/access", "GET ", "GET ", "POST ssh/access"]);
}

/// S8, S9: a sandbox that is another one, or none.
#[tokio::test]
async fn a_sandbox_that_is_not_the_one_asked_for_is_refused() {
    for (field, value) in [
        ("id", json!("sbx-other")),
        ("id", json!(null)),
        ("id", json!(7)),
        ("state", json!("run\u{1b}ning")),
        ("state", json!("-running")),
        ("state", json!("")),
        ("state", json!(null)),
        ("state", json!(["running"])),
    ] {
        let server = MockServer::start().await;
        answer(&server, "GET", &at(""), 1, ok(&with(sandbox("running"), field, Some(value)))).await;
        let error = create(&server).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{error}");
        assert_eq!(calls(&server).await.len(), 1);
        crate::kit::check_message(&error);
    }
}
