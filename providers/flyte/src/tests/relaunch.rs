//! `--relaunch`: what is started, and what is left when nobody can log in.

use std::time::Duration;

use anyssh_core::{ErrorKind, Revocation, SessionRef, SshProvider as _};
use anyssh_server::{Act, Script};
use serde_json::{Value, json};

use super::kit::{Run, link, pod};
use super::provider::{provider, request};
use crate::testing::{Exchange, Server, within};

/// A control plane with the run `r1`, which can be started again as `r1-dbg`.
async fn control_plane(debug_run: &Run) -> Server {
    let debug_run = debug_run.clone();
    Server::start(move |exchange: Exchange| {
        let debug_run = debug_run.clone();
        async move {
            let body: Value = serde_json::from_slice(&exchange.body).unwrap();
            match exchange.method.as_str() {
                // Nothing is there before it is started.
                "GetActionDetails" if exchange.number == 0 => {
                    exchange.json(404, &json!({"code": "not_found"})).await;
                }
                "GetActionDetails" => {
                    assert_eq!(body["actionId"]["run"]["name"], "r1-dbg");
                    let mut details = debug_run.now();
                    details["details"]["id"]["run"]["name"] = json!("r1-dbg");
                    exchange.json(200, &details).await;
                }
                "GetRunDetails" => exchange.json(200, &json!({"details": {"action": {"task": {"x": 1}}}})).await,
                "GetActionData" => exchange.json(200, &json!({"inputs": {}})).await,
                "CreateRun" => {
                    let key = &body["runSpec"]["envs"]["values"][2];
                    assert!(key["key"] == "_F_SSH_PK" && key["value"].as_str().unwrap().starts_with("ssh-ed25519 "));
                    exchange.json(200, &json!({})).await;
                }
                "AbortRun" => {
                    assert_eq!(body["runId"]["name"], "r1-dbg");
                    exchange.json(200, &json!({})).await;
                }
                _ => exchange.json(404, &Value::Null).await,
            }
        }
    })
    .await
}

#[tokio::test]
async fn the_session_is_of_the_run_that_was_started_and_for_the_target_that_was_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let provider = provider(&server, home.path(), &[("relaunch", None), ("abort-run", None)]);
    let session = provider.create(&request("r1", Duration::from_secs(20))).await.unwrap();
    assert_eq!((session.id.as_str(), session.target.as_str()), ("r1-dbg.a0.1", "r1"));
    assert_eq!(provider.revoke(&SessionRef::from(&session), within(20)).await.unwrap(), Revocation::Revoked);
}

#[tokio::test]
async fn a_run_that_was_started_and_not_reached_is_named_or_aborted() {
    let home = tempfile::tempdir().unwrap();
    for (options, aborted) in [(vec![("relaunch", None)], 0), (vec![("relaunch", None), ("abort-run", None)], 1)] {
        let pod = pod(Script::new().always(Act::Status(403))).await;
        let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
        let provider = provider(&server, home.path(), &options);
        let error = provider.create(&request("r1", Duration::from_secs(20))).await.unwrap_err();
        assert_eq!((error.kind(), server.count("AbortRun")), (ErrorKind::Forbidden, aborted));
        assert_eq!(error.left_behind().is_some(), aborted == 0, "{error}");
        assert!(aborted == 1 || error.to_string().contains("anyssh flyte r1-dbg"), "{error}");
    }
}

/// Clause 6: an attempt whose `create` was dropped is found by the name that the run has each time.
#[tokio::test]
async fn what_an_attempt_started_is_found_by_its_name() {
    let home = tempfile::tempdir().unwrap();
    let server = control_plane(&Run::new("RUNNING", None)).await;
    let provider = provider(&server, home.path(), &[("relaunch", None), ("abort-run", None)]);
    let request = request("r1", Duration::from_secs(20));
    let reference = SessionRef::by_attempt(request.target.clone(), request.attempt.clone());
    assert_eq!(provider.revoke(&reference, within(20)).await.unwrap(), Revocation::Revoked);
}
