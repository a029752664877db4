//! Inputs: where they are kept, and which cluster keeps them.

use serde_json::{Value, json};

use super::calls::{action_name, text};
use super::failure::{Failure, RpcCode};
use super::state::{Flyte, State};

/// `SelectCluster`: the gateway's host has the data, or the control plane itself.
pub(super) fn select_cluster(flyte: &Flyte, state: &mut State, input: &Value) -> Result<Value, Failure> {
    match (&input["operation"], &input["actionId"], &input["projectId"]) {
        (operation, id @ Value::Object(_), Value::Null) if operation == "OPERATION_GET_ACTION_DATA" => {
            action_name(id)?;
            flyte.find(state, &id["run"])?;
        }
        (operation, Value::Null, id @ Value::Object(_)) if operation == "OPERATION_UPLOAD_INPUTS" => {
            flyte.check_project(id)?;
        }
        _ => return Err(Failure::invalid("operation and resource do not go together")),
    }
    let endpoint = if flyte.data_elsewhere { flyte.gateway_url() } else { "" };
    Ok(json!({"clusterEndpoint": endpoint, "cluster": "pond-1"}))
}

pub(super) fn action_data(flyte: &Flyte, state: &mut State, input: &Value) -> Result<Value, Failure> {
    let id = &input["actionId"];
    let name = action_name(id)?;
    let run = flyte.find(state, &id["run"])?;
    if run.action(&name).is_none() {
        return Err(Failure::new(RpcCode::NotFound, format!("no action {name}")));
    }
    let inputs = run.inputs.clone().ok_or_else(|| Failure::new(RpcCode::NotFound, "inputs not found"))?;
    let prefix = format!("s3://bucket/{}/{name}", run.name);
    Ok(json!({
        "inputs": inputs,
        "outputs": {"literals": []},
        "inputsUri": format!("{prefix}/inputs.pb"),
        "outputsUri": format!("{prefix}/outputs.pb"),
    }))
}

pub(super) fn upload(flyte: &Flyte, state: &mut State, input: &Value) -> Result<Value, Failure> {
    match (&input["runId"], &input["projectId"]) {
        // The run need not be there yet.
        (Value::Object(_), Value::Null) => {}
        (Value::Null, id @ Value::Object(_)) => flyte.check_project(id)?,
        _ => return Err(Failure::invalid("id: exactly one of runId and projectId")),
    }
    if !input["taskSpec"].is_object() || !input["inputs"].is_object() {
        return Err(Failure::invalid("taskSpec and inputs are needed"));
    }
    let uri = format!("s3://bucket/uploads/{}/inputs.pb", state.uploads.len() + 1);
    state.uploads.insert(uri.clone(), input["inputs"].clone());
    Ok(json!({"offloadedInputData": {"inputsHash": hash(&uri), "uri": uri}}))
}

/// The inputs that `CreateRun` names, which have to be there.
pub(super) fn inputs_of(state: &State, input: &Value) -> Result<Option<Value>, Failure> {
    let offloaded = &input["offloadedInputData"];
    match (&input["inputs"], offloaded) {
        (Value::Null, Value::Null) => Ok(None),
        (inputs @ Value::Object(_), Value::Null) => Ok(Some(inputs.clone())),
        (Value::Null, Value::Object(_)) => {
            let uri = text(offloaded, "uri");
            let uploaded = state.uploads.get(uri).filter(|_| text(offloaded, "inputsHash") == hash(uri));
            uploaded.cloned().map(Some).ok_or_else(|| Failure::invalid("offloadedInputData: never uploaded"))
        }
        _ => Err(Failure::invalid("input_wrapper: at most one of inputs and offloadedInputData")),
    }
}

fn hash(uri: &str) -> String {
    format!("hash-of-{}", uri.len())
}
