//! Tasks and inputs that are large, odd or gone: what passes through is not read.

use std::sync::{Arc, Mutex};

use anyssh_core::{ErrorKind, ProviderError};
use serde_json::{Value, json};

use super::{sent, server, start};
use crate::connect_rpc::LARGEST_BULK;
use crate::relaunch::Launched;
use crate::testing::{Exchange, Server};

/// What reaches CreateRun and UploadInputs, as texts.
type Bodies = Arc<Mutex<Vec<(String, String)>>>;

/// A control plane whose run has this task and these inputs, written exactly like this. What has to be
/// answered otherwise is for `answer`, which gives the exchange back if it does not.
async fn verbatim<F>(
    task: &str,
    inputs: &str,
    answer: impl Fn(Exchange) -> F + Send + Sync + 'static,
) -> (Server, Bodies)
where
    F: Future<Output = Option<Exchange>> + Send + 'static,
{
    let run = format!(r#"{{"details": {{"runSpec": {{}}, "action": {{"task": {task}}}}}}}"#);
    let data = format!(r#"{{"outputs": {{}}, "inputs": {inputs}}}"#);
    let (bodies, answer) = (Bodies::default(), Arc::new(answer));
    let kept = Arc::clone(&bodies);
    let server = Server::start(move |exchange: Exchange| {
        let (run, data) = (run.clone(), data.clone());
        let body = String::from_utf8(exchange.body.clone()).unwrap();
        kept.lock().unwrap().push((exchange.method.clone(), body));
        let answered = answer(exchange);
        async move {
            let Some(exchange) = answered.await else { return };
            match exchange.method.as_str() {
                "GetRunDetails" => exchange.text(&run).await,
                "GetActionData" => exchange.text(&data).await,
                "UploadInputs" => exchange.text(r#"{"offloadedInputData":{"uri":"s3://i","inputsHash":"h"}}"#).await,
                "CreateRun" | "SelectCluster" => exchange.text("{}").await,
                _ => exchange.json(404, &json!({"code": "not_found", "message": "no such run"})).await,
            }
        }
    })
    .await;
    (server, bodies)
}

async fn pass(exchange: Exchange) -> Option<Exchange> {
    Some(exchange)
}

fn body(bodies: &Bodies, method: &str) -> String {
    let bodies = bodies.lock().unwrap();
    bodies.iter().find(|(seen, _)| seen == method).map(|(_, body)| body.clone()).unwrap()
}

/// Numbers beyond a double's exact range, texts beyond any that we read, and whatever a later server adds
/// come out with the very bytes that went in.
#[tokio::test]
async fn a_task_and_inputs_pass_through_byte_by_byte() {
    let long = "x".repeat(200_000);
    let task = format!(r#"{{"custom": {{"a": 1e300, "b": 9007199254740993.0, "c": -0.0, "d": 1E+2}}, "z": "{long}"}}"#);
    let inputs = format!(r#"{{ "literals" : [{}{}], "é": "\u00e9\u0000" }}"#, "[".repeat(60), "]".repeat(60));
    let (server, bodies) = verbatim(&task, &inputs, pass).await;
    start(&server, "a0").await.unwrap();
    let (uploaded, created) = (body(&bodies, "UploadInputs"), body(&bodies, "CreateRun"));
    assert!(uploaded.contains(&format!(r#""inputs":{inputs}"#)) && uploaded.contains(&task));
    assert!(created.contains(&format!(r#""taskSpec":{task}"#)) && !created.contains("literals"));
}

/// S9: inputs far above what an answer may have otherwise are passed on, up to a cap of their own.
#[tokio::test]
async fn inputs_of_8_mib_are_passed_on() {
    let inputs = format!(r#"{{"literals": [{{"name": "x", "value": "{}"}}]}}"#, "x".repeat(8 << 20));
    let (server, bodies) = verbatim("{}", &inputs, pass).await;
    start(&server, "a0").await.unwrap();
    assert!(body(&bodies, "UploadInputs").contains(&inputs));
}

/// S9: beyond that nothing is read, and nothing is started; the error names what it was.
#[tokio::test]
async fn more_than_the_cap_is_an_error_that_names_it() {
    for (method, field) in [("GetActionData", "inputs"), ("GetRunDetails", "task")] {
        let too_large = move |exchange: Exchange| async move {
            if exchange.method != method {
                return Some(exchange);
            }
            exchange.beginning(LARGEST_BULK + 1, r#"{"inputs": {"#).await;
            None
        };
        let (server, _) = verbatim("{}", "{}", too_large).await;
        let error = start(&server, "a0").await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some(field)), "{error}");
        assert!(error.to_string().starts_with(&format!("{field}: too large to be passed on (64 MiB at most)")));
        assert_eq!(server.count("CreateRun"), 0);
    }
}

/// The server's own cap is named too.
#[tokio::test]
async fn inputs_that_the_server_does_not_take_are_named() {
    let (server, _) = server(|method| (method == "UploadInputs").then_some((413, Value::Null))).await;
    let error = start(&server, "a0").await.unwrap_err();
    assert_eq!(error.field(), Some("inputs"), "{error}");
    assert!(error.to_string().contains("HTTP 413"), "{error}");
}

#[tokio::test]
async fn a_run_without_inputs_has_an_empty_object_for_them() {
    for inputs in ["null", "{}"] {
        let (server, bodies) = verbatim("{}", inputs, pass).await;
        start(&server, "a0").await.unwrap();
        assert!(body(&bodies, "UploadInputs").contains(r#""inputs":{}"#));
    }
}

/// What a server answers whose run has lost its outputs, and what it says of URIs.
async fn without_outputs(words: &str, uris: (u16, Value)) -> (Result<Launched, ProviderError>, super::Log) {
    let gone = json!({"code": "not_found", "message": words});
    let (server, log) = server(move |method| match method {
        "GetActionData" => Some((404, gone.clone())),
        "GetActionDataURIs" => Some(uris.clone()),
        _ => None,
    })
    .await;
    (start(&server, "a0").await, log)
}

/// A debug run needs no outputs: the inputs are named by where they lie, with the hash of the vendor's client.
#[tokio::test]
async fn a_run_whose_outputs_are_gone_is_started_from_where_its_inputs_lie() {
    let uris = json!({"inputsUri": "s3://bucket/r1/a0/inputs.pb", "outputsUri": "s3://gone"});
    let (started, log) = without_outputs("failed to read outputs", (200, uris)).await;
    started.unwrap();
    let created = sent(&log, "CreateRun");
    let offloaded = json!({"uri": "s3://bucket/r1/a0/inputs.pb", "inputsHash": "T4YPsHku-Sc"});
    assert_eq!(created["offloadedInputData"], offloaded);
    assert!(created.get("inputs").is_none() && sent(&log, "GetActionDataURIs")["actionId"]["name"] == "a0");
    assert!(log.lock().unwrap().iter().all(|(method, _)| method != "UploadInputs"));
}

#[tokio::test]
async fn inputs_that_are_gone_or_that_nobody_can_name_are_the_end() {
    let good = || (200, json!({"inputsUri": "s3://i"}));
    let cases = [
        ("inputs not found", good(), "the inputs of"),
        ("outputs not found", (404, Value::Null), "the inputs or outputs of"),
        ("outputs not found", (404, json!({"code": "not_found"})), "the inputs or outputs of"),
        ("outputs not found", (200, json!({})), "the inputs or outputs of"),
        ("outputs not found", (200, json!({"inputsUri": ""})), "the inputs or outputs of"),
        ("outputs not found", (200, json!({"inputsUri": 7})), "the inputs or outputs of"),
    ];
    for (words, uris, expected) in cases {
        let (started, log) = without_outputs(words, uris).await;
        let error = started.unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Failed, Some("inputs")), "{error}");
        assert!(error.to_string().starts_with(expected) && error.to_string().ends_with(words), "{error}");
        assert!(log.lock().unwrap().iter().all(|(method, _)| method != "CreateRun"));
    }
}

/// S8: the details are those of the run that was asked for.
#[tokio::test]
async fn the_details_of_another_run_are_not_started_from() {
    let (server, _) = server(|method| {
        let mut run = super::source_run();
        run["details"]["action"]["id"] = json!({"run": {"name": "r2"}, "name": "a0"});
        (method == "GetRunDetails").then_some((200, run))
    })
    .await;
    let error = start(&server, "a0").await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("details.action.id")), "{error}");
}
