//! Starting a run again, over a scripted control plane.

mod attach;
mod bulk;

use std::sync::{Arc, Mutex};

use anyssh_core::{ErrorKind, Progress, ProviderError, Wake};
use serde_json::{Value, json};

use super::{Launched, Relaunch};
use crate::target::ActionName;
use crate::testing::{Exchange, Server, details, flyte, within};

const KEY: &str = "ssh-ed25519 AAAA flyte-ssh-debug";

fn source_run() -> Value {
    json!({"details": {
        "runSpec": {
            "labels": {"values": {"team": "a"}}, "interruptible": true, "taskSpecSource": "TASK_SPEC_SOURCE_EPHEMERAL",
            "envs": {"values": [
                {"key": "_F_SYS_PATH", "value": "./"}, {"key": "_F_E_VS", "value": "False"}, {"key": "B", "value": "c"},
            ]},
            "relation": {"relationType": "RELATION_TYPE_RECOVER"}, "relatedTo": {}, "recover": true, "unknownField": [1.5, null],
        },
        "action": {"task": task()},
    }})
}

fn task() -> Value {
    json!({"taskTemplate": {"id": {"name": "t.main", "version": "v1"}, "custom": {"x": 0.1, "y": [9007199254740991_u64, -0.25]}}})
}

fn inputs() -> Value {
    json!({"literals": [{"name": "x", "value": {"scalar": {"binary": {"value": "gaF4AQ==", "tag": "msgpack"}}}}]})
}

type Log = Arc<Mutex<Vec<(String, Value)>>>;

/// A control plane with the run `r1`; `answer` may answer otherwise.
async fn server(answer: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> (Server, Log) {
    let log: Log = Arc::default();
    let seen = Arc::clone(&log);
    let server = Server::start(move |exchange: Exchange| {
        let method = exchange.method.clone();
        let body = serde_json::from_slice(&exchange.body).unwrap();
        seen.lock().unwrap().push((method.clone(), body));
        let (status, body) = answer(&method).unwrap_or_else(|| match method.as_str() {
            "GetActionDetails" => (404, json!({"code": "not_found", "message": "no such run"})),
            "GetRunDetails" => (200, source_run()),
            "SelectCluster" => (200, json!({})),
            "GetActionData" => (200, json!({"inputs": inputs(), "outputs": {}})),
            "UploadInputs" => (200, json!({"offloadedInputData": {"uri": "s3://b/i", "inputsHash": "h"}})),
            "CreateRun" => (200, json!({"run": {"action": {"id": {"run": {"name": "r1-dbg"}, "name": "a0"}}}})),
            _ => (404, Value::Null),
        });
        async move { exchange.json(status, &body).await }
    })
    .await;
    (server, log)
}

async fn start(server: &Server, action: &str) -> Result<Launched, ProviderError> {
    start_if(server, action, Wake::Allowed).await
}

async fn start_if(server: &Server, action: &str, wake: Wake) -> Result<Launched, ProviderError> {
    let relaunch = Relaunch {
        flyte: &flyte(server),
        source: &ActionName::new("target", "r1", action).unwrap(),
        name: None,
        public_key: KEY,
        wake,
        deadline: within(20),
        progress: &Progress::silent(),
    };
    relaunch.start().await
}

fn sent(log: &Log, method: &str) -> Value {
    let log = log.lock().unwrap();
    log.iter().find(|(seen, _)| seen == method).map(|(_, body)| body.clone()).unwrap()
}

#[tokio::test]
async fn the_run_is_started_with_its_own_task_inputs_and_settings_and_our_variables() {
    let (server, log) = server(|_| None).await;
    let launched = start(&server, "a0").await.unwrap();
    assert_eq!((launched.action.run.as_str(), launched.existed), ("r1-dbg", false));
    let created = sent(&log, "CreateRun");
    assert_eq!(created["runId"]["name"], "r1-dbg");
    assert_eq!(created["taskSpec"], task());
    assert_eq!(created["offloadedInputData"], json!({"uri": "s3://b/i", "inputsHash": "h"}));
    assert!(created.get("inputs").is_none() && created.get("projectId").is_none());
    let spec = &created["runSpec"];
    assert_eq!(
        spec["envs"]["values"],
        json!([
            {"key": "_F_SYS_PATH", "value": "./"}, {"key": "_F_E_VS", "value": "True"}, {"key": "B", "value": "c"},
            {"key": "_F_E_SSH", "value": "1"}, {"key": "_F_SSH_PK", "value": KEY},
        ])
    );
    assert_eq!(spec["relation"]["relatedTo"]["name"], "r1");
    assert_eq!(spec["relation"]["relationType"], "RELATION_TYPE_RERUN");
    assert!(spec.get("relatedTo").is_none() && spec.get("recover").is_none());
    assert_eq!((&spec["labels"]["values"]["team"], &spec["unknownField"]), (&json!("a"), &json!([1.5, null])));
    let uploaded = sent(&log, "UploadInputs");
    assert_eq!((&uploaded["inputs"], &uploaded["taskSpec"]), (&inputs(), &task()));
    assert_eq!(uploaded["runId"]["name"], "r1-dbg");
}

#[tokio::test]
async fn a_run_that_is_there_is_attached_to_and_not_started() {
    let (existing, log) =
        server(|method| (method == "GetActionDetails").then(|| (200, details("RUNNING", None)))).await;
    assert!(start(&existing, "a0").await.unwrap().existed);
    assert_eq!(log.lock().unwrap().len(), 1);
    assert!(start_if(&existing, "a0", Wake::Forbidden).await.unwrap().existed);
    let (none, log) = server(|_| None).await;
    let error = start_if(&none, "a0", Wake::Forbidden).await.unwrap_err();
    assert!(error.to_string().contains("none may be started") && log.lock().unwrap().len() == 1, "{error}");
    // Also if another one was a moment faster.
    let (raced, _) = server(|method| (method == "CreateRun").then(|| (409, json!({"code": "already_exists"})))).await;
    assert!(start(&raced, "a0").await.unwrap().existed);
    // Some servers have another word for that.
    let created = std::sync::atomic::AtomicBool::new(false);
    let (internal, _) = server(move |method| match method {
        "CreateRun" => {
            created.store(true, std::sync::atomic::Ordering::SeqCst);
            Some((501, json!({"code": "internal", "message": "duplicate key"})))
        }
        "GetActionDetails" if created.load(std::sync::atomic::Ordering::SeqCst) => Some((200, details("QUEUED", None))),
        _ => None,
    })
    .await;
    assert!(start(&internal, "a0").await.unwrap().existed);
}

#[tokio::test]
async fn the_task_of_another_action_is_taken_from_there() {
    let (server, log) = server(|_| None).await;
    // Its details are not found, as those of the debug run are not.
    let error = start(&server, "b1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let asked: Vec<_> = log.lock().unwrap().iter().map(|(method, _)| method.clone()).collect();
    assert_eq!(asked, ["GetActionDetails", "GetRunDetails", "GetActionDetails"]);
    assert_eq!(log.lock().unwrap()[2].1["actionId"]["name"], "b1");
}

#[tokio::test]
async fn without_an_upload_the_inputs_go_into_the_request() {
    let (server, log) = server(|method| (method == "UploadInputs").then_some((404, Value::Null))).await;
    start(&server, "a0").await.unwrap();
    let created = sent(&log, "CreateRun");
    assert!(created["inputs"] == inputs() && created.get("offloadedInputData").is_none());
}

#[tokio::test]
async fn a_run_without_a_task_or_whose_inputs_are_gone_cannot_be_started_again() {
    let (no_task, _) =
        server(|method| (method == "GetRunDetails").then(|| (200, json!({"details": {"action": {}}})))).await;
    let error = start(&no_task, "a0").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Failed && error.to_string().contains("has no task"), "{error}");
    let gone = json!({"code": "not_found", "message": "inputs not found"});
    let (no_inputs, _) = server(move |method| (method == "GetActionData").then(|| (404, gone.clone()))).await;
    let error = start(&no_inputs, "a0").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Failed && error.to_string().ends_with("inputs not found"), "{error}");
}

/// S8: a run of another name than was asked for is not logged in to.
#[tokio::test]
async fn a_run_of_another_name_is_refused() {
    let other = json!({"run": {"action": {"id": {"run": {"name": "r2"}}}}});
    let (server, _) = server(move |method| (method == "CreateRun").then(|| (200, other.clone()))).await;
    assert_eq!(start(&server, "a0").await.unwrap_err().kind(), ErrorKind::Protocol);
}
