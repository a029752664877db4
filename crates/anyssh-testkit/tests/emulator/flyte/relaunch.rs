//! Runs that are made from other runs, and lists of them.

use anyssh_testkit::emulator::{Emulator, FlyteEmulator, Run};
use anyssh_testkit::key;
use serde_json::{Value, json};

use super::client::{Ask, by_action, run_id};

fn start() -> FlyteEmulator {
    Emulator::flyte().with_run(Run::plain("pond").with_action("train")).start_blocking().unwrap()
}

fn data(method: &str, input: &Value) -> Ask {
    Ask::call(&format!("/flyteidl2.dataproxy.DataProxyService/{method}"), input)
}

fn debug_spec(source: &Value) -> Value {
    let line = key(1).public_key().to_openssh().unwrap();
    let mut spec = source.clone();
    spec["envs"]["values"].as_array_mut().unwrap().extend([
        json!({"key": "_F_E_SSH", "value": "1"}),
        json!({"key": "_F_SSH_PK", "value": line}),
        json!({"key": "_F_E_VS", "value": "True"}),
    ]);
    spec
}

#[test]
fn a_run_is_made_again_in_debug_mode_and_nothing_of_it_is_lost() {
    let emulator = start();
    let source = Ask::run("GetRunDetails", &json!({"runId": run_id("pond")})).send(&emulator).json();
    let (spec, task) = (&source["details"]["runSpec"], &source["details"]["action"]["task"]);
    assert_eq!(
        (Some(spec), Some(task)),
        (emulator.run_spec("pond").as_ref(), emulator.task_spec("pond", "a0").as_ref())
    );
    let inputs = data("GetActionData", &by_action("pond", "a0")).send(&emulator).json()["inputs"].take();
    let upload = json!({"runId": run_id("pond-dbg"), "taskSpec": task, "inputs": inputs});
    let offloaded = data("UploadInputs", &upload).send(&emulator).json()["offloadedInputData"].take();
    let create = json!({"runId": run_id("pond-dbg"), "taskSpec": task, "offloadedInputData": offloaded, "runSpec": debug_spec(spec)});
    let made = Ask::run("CreateRun", &create).send(&emulator).json();
    assert_eq!(made["run"]["action"]["id"]["run"]["name"], "pond-dbg");
    assert_eq!(Ask::run("CreateRun", &create).send(&emulator).failure(), (409, "already_exists".into()));
    assert_eq!(emulator.inputs("pond-dbg"), emulator.inputs("pond"));
    assert_eq!(emulator.task_spec("pond-dbg", "a0"), emulator.task_spec("pond", "a0"));
    let details = Ask::run("GetActionDetails", &by_action("pond-dbg", "a0")).send(&emulator).json();
    assert_eq!(details["details"]["attempts"][0]["logInfo"][0]["linkType"], "IDE");
}

#[test]
fn a_run_without_the_debug_variables_has_no_way_in_and_the_server_may_name_it() {
    let emulator = start();
    let project = json!({"organization": "acme", "name": "pond", "domain": "development"});
    let create = json!({"projectId": project, "taskSpec": {"x": 1}, "inputs": {"literals": []}, "runSpec": {}});
    let made = Ask::run("CreateRun", &create).send(&emulator).json();
    let name = made["run"]["action"]["id"]["run"]["name"].as_str().unwrap();
    assert!(name.len() == 20 && name.starts_with('r'), "{name}");
    let details = Ask::run("GetActionDetails", &by_action(name, "a0")).send(&emulator).json();
    assert_eq!(details["details"]["attempts"], Value::Null);
}

#[test]
fn a_short_memory_gives_the_name_of_a_debug_run_free_when_it_is_over() {
    let emulator = Emulator::flyte().with_run(Run::plain("pond")).with_run(Run::new("pond-dbg")).with_short_memory();
    let emulator = emulator.start_blocking().unwrap();
    assert_eq!(emulator.runs(), ["pond", "pond-dbg"]);
    let abort = json!({"runId": run_id("pond-dbg"), "reason": "done"});
    assert_eq!(Ask::run("AbortRun", &abort).send(&emulator).status, 200);
    assert_eq!(emulator.runs(), ["pond"]);
    assert_eq!(Ask::run("AbortRun", &abort).send(&emulator).failure(), (404, "not_found".into()));
}

#[test]
fn runs_that_cannot_be_made_are_refused() {
    let emulator = start();
    let good = json!({"runId": run_id("pond-dbg"), "taskSpec": {"x": 1}, "runSpec": {}});
    for (field, value) in [
        ("runId", run_id("uuid-dbg")),
        ("runId", Value::Null),
        ("taskSpec", Value::Null),
        ("projectId", json!({"organization": "acme", "name": "pond", "domain": "development"})),
        ("offloadedInputData", json!({"uri": "s3://bucket/never", "inputsHash": "x"})),
    ] {
        let mut create = good.clone();
        create[field] = value;
        let failure = Ask::run("CreateRun", &create).send(&emulator).failure();
        assert_eq!(failure, (400, "invalid_argument".into()), "{field}");
    }
    assert_eq!(emulator.runs(), ["pond"]);
    let gone = Emulator::flyte().with_run(Run::plain("pond").without_inputs()).start_blocking().unwrap();
    let reply = data("GetActionData", &by_action("pond", "a0")).send(&gone);
    assert!(
        reply.failure() == (404, "not_found".into()) && reply.json()["message"].as_str().unwrap().contains("inputs")
    );
}

#[test]
fn data_are_kept_by_the_control_plane_or_by_the_cluster_that_it_names() {
    let select = |emulator: &FlyteEmulator| {
        let mut input = by_action("pond", "a0");
        input["operation"] = "OPERATION_GET_ACTION_DATA".into();
        Ask::call("/flyteidl2.cluster.ClusterService/SelectCluster", &input).send(emulator).json()
    };
    assert_eq!(select(&start())["clusterEndpoint"], Value::Null);
    let elsewhere = Emulator::flyte().with_run(Run::plain("pond")).with_data_elsewhere().start_blocking().unwrap();
    assert_eq!(select(&elsewhere)["clusterEndpoint"], elsewhere.gateway_url());
    let ask = data("GetActionData", &by_action("pond", "a0"));
    assert!(ask.try_send(&elsewhere.gateway_url()).unwrap().json()["inputs"].is_object());
    assert_eq!(Ask::run("GetRunDetails", &json!({})).try_send(&elsewhere.gateway_url()).unwrap().status, 404);
}

#[test]
fn lists_come_newest_first_page_by_page_and_by_phase() {
    let emulator = Emulator::flyte().with_run(Run::plain("one")).with_run(Run::new("two")).with_run(Run::new("three"));
    let emulator = emulator.start_blocking().unwrap();
    let list = |request: Value| Ask::run("ListRuns", &json!({"request": request, "org": "acme"})).send(&emulator);
    let names = |reply: &Value| -> Vec<String> {
        let runs = reply["runs"].as_array().cloned().unwrap_or_default();
        runs.iter().map(|run| run["action"]["id"]["run"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = list(json!({"limit": 2, "sortBy": {"key": "created_at"}})).json();
    let second = list(json!({"limit": 2, "sortBy": {"key": "created_at"}, "token": first["token"]})).json();
    assert_eq!((names(&first), names(&second)), (vec!["three".into(), "two".into()], vec!["one".into()]));
    assert_eq!(second["token"], Value::Null);
    let running = list(json!({"filters": [{"function": "VALUE_IN", "field": "phase", "values": ["1", "4"]}]})).json();
    assert_eq!(names(&running), ["three", "two"]);
    assert_eq!(list(json!({"limit": 101})).failure().0, 400);
    assert_eq!(list(json!({"token": "mine"})).failure().0, 400);
    let actions = Ask::run("ListActions", &json!({"runId": run_id("one")})).send(&emulator).json();
    assert_eq!(
        (actions["actions"].as_array().map(Vec::len), &actions["actions"][0]["id"]["name"]),
        (Some(1), &json!("a0"))
    );
}
