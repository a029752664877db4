//! What a run is started again from: the task, the settings and the inputs of the run that was.
//!
//! Task and inputs pass through as they come, byte by byte, up to 64 MiB.

use anyssh_core::{ErrorKind, ProviderError, escape};
use anyssh_http::Answer;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Relaunch;
use crate::cluster::Purpose;
use crate::connect_rpc::{Code, LARGEST_BULK, Procedure, RpcError};
use crate::error::mismatch;
use crate::opaque;
use crate::target::{ActionName, ROOT_ACTION};
use crate::wire::{ActionIdentifier, RunIdentifier};

const RUNS: &str = "flyteidl2.workflow.RunService";
pub(super) const GET_RUN_DETAILS: Procedure = Procedure::repeatable(RUNS, "GetRunDetails");
pub(super) const GET_ACTION_DETAILS: Procedure = Procedure::repeatable(RUNS, "GetActionDetails");
const GET_ACTION_DATA_URIS: Procedure = Procedure::repeatable(RUNS, "GetActionDataURIs");

const DATA: &str = "flyteidl2.dataproxy.DataProxyService";
const GET_ACTION_DATA: Procedure = Procedure::repeatable(DATA, "GetActionData");
const UPLOAD_INPUTS: Procedure = Procedure::repeatable(DATA, "UploadInputs");

/// The task of the source action, and the settings of its run.
#[derive(Debug)]
pub(super) struct Specs {
    pub(super) task: Box<RawValue>,
    pub(super) run: Value,
}

/// The inputs of the source action.
enum Inputs {
    Here(Box<RawValue>),
    /// In the store, where nobody could read them for us.
    At(String),
}

/// The inputs where the new run finds them: exactly one of the two.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed {
    #[serde(skip_serializing_if = "Option::is_none")]
    inputs: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offloaded_input_data: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UploadRequest<'a> {
    run_id: RunIdentifier,
    task_spec: &'a RawValue,
    inputs: &'a RawValue,
}

impl Relaunch<'_> {
    pub(super) async fn source_specs(&self) -> Result<Specs, ProviderError> {
        let (rpc, scope) = (self.flyte.control.rpc(), self.flyte.control.scope());
        let request = json!({"runId": scope.run(&self.source.run)});
        let run = rpc.bulk(GET_RUN_DETAILS, &request, self.deadline).await.map_err(named("task"))?;
        check_run(member(&run, &["details", "action", "id", "run", "name"])?, self.source)?;
        let run_spec = match member(&run, &["details", "runSpec"])? {
            Some(spec) => run.part(spec.get())?,
            None => json!({}),
        };
        let task = if self.source.action == ROOT_ACTION {
            member(&run, &["details", "action", "task"])?.map(RawValue::to_owned)
        } else {
            let request = json!({"actionId": scope.action(self.source)});
            let details = rpc.bulk(GET_ACTION_DETAILS, &request, self.deadline).await.map_err(named("task"))?;
            check_run(member(&details, &["details", "id", "run", "name"])?, self.source)?;
            member(&details, &["details", "task"])?.map(RawValue::to_owned)
        };
        let no_task = || {
            ProviderError::new(ErrorKind::Failed, format!("{} has no task, so it cannot be started again", self.source))
                .with_field("task")
        };
        let task = task.filter(|task| opaque::is_object(task)).ok_or_else(no_task)?;
        Ok(Specs { task, run: run_spec })
    }

    /// The inputs of the source action, put where the run called `action` finds them.
    pub(super) async fn place_inputs(&self, action: &ActionName, task: &RawValue) -> Result<Placed, ProviderError> {
        match self.inputs().await? {
            Inputs::Here(inputs) => self.upload(action, task, inputs).await,
            Inputs::At(uri) => {
                let offloaded = json!({"uri": uri, "inputsHash": hash_of_uri(&uri)});
                Ok(Placed { offloaded_input_data: Some(offloaded), ..Placed::default() })
            }
        }
    }

    async fn inputs(&self) -> Result<Inputs, ProviderError> {
        let action = self.flyte.control.scope().action(self.source);
        let data_plane = self.data_plane(Purpose::ReadData(action.clone())).await?;
        let answer = match data_plane.bulk(GET_ACTION_DATA, &json!({"actionId": action}), self.deadline).await {
            Err(error) if error.code() == Some(Code::NotFound) => return self.inputs_by_uri(&action, error).await,
            answer => answer.map_err(named("inputs"))?,
        };
        let inputs = member(&answer, &["inputs"])?.filter(|inputs| opaque::is_object(inputs));
        // Nothing is left out but what is empty.
        Ok(Inputs::Here(inputs.map_or_else(empty_object, RawValue::to_owned)))
    }

    /// Where the inputs are, for a run whose outputs are gone: a server that reads both at once then gives
    /// neither. That the inputs are still there nobody can tell; if they are not, the new run says so.
    async fn inputs_by_uri(&self, action: &ActionIdentifier, error: RpcError) -> Result<Inputs, ProviderError> {
        if error.server_message().contains("inputs") {
            return Err(self.gone("the inputs", error));
        }
        let request = json!({"actionId": action});
        let found = self.flyte.control.rpc().bulk(GET_ACTION_DATA_URIS, &request, self.deadline).await;
        let found = match found {
            Err(none) if none.is_unimplemented() || none.code() == Some(Code::NotFound) => None,
            found => member(&found?, &["inputsUri"])?.map(|uri| serde_json::from_str::<String>(uri.get())),
        };
        let Some(Ok(uri)) = found.filter(|uri| uri.as_ref().is_ok_and(|uri| !uri.is_empty())) else {
            return Err(self.gone("the inputs or outputs", error));
        };
        let shown = escape::printable(&uri, escape::MESSAGE_CAP);
        self.progress.tell(&format!("the outputs of {} are gone; its inputs are taken from {shown}", self.source));
        Ok(Inputs::At(uri))
    }

    fn gone(&self, what: &str, error: RpcError) -> ProviderError {
        let words = escape::printable(error.server_message(), escape::MESSAGE_CAP);
        let message = format!("{what} of {} are gone, so it cannot be started again: {words}", self.source);
        ProviderError::new(ErrorKind::Failed, message).with_field("inputs").with_source(error)
    }

    /// Uploads the inputs; where there is no upload, they go into the request.
    async fn upload(
        &self,
        action: &ActionName,
        task_spec: &RawValue,
        inputs: Box<RawValue>,
    ) -> Result<Placed, ProviderError> {
        let scope = self.flyte.control.scope();
        let data_plane = self.data_plane(Purpose::WriteInputs(scope.project())).await?;
        let request = UploadRequest { run_id: scope.run(&action.run), task_spec, inputs: &inputs };
        let answer = match data_plane.bulk(UPLOAD_INPUTS, &request, self.deadline).await {
            Err(error) if error.is_unimplemented() => {
                return Ok(Placed { inputs: Some(inputs), ..Placed::default() });
            }
            answer => answer.map_err(named("inputs"))?,
        };
        match member(&answer, &["offloadedInputData"])?.filter(|uploaded| opaque::is_object(uploaded)) {
            Some(uploaded) => {
                Ok(Placed { offloaded_input_data: Some(answer.part(uploaded.get())?), ..Placed::default() })
            }
            None => Err(ProviderError::new(ErrorKind::Protocol, "offloaded_input_data is missing from UploadInputs")
                .with_field("offloaded_input_data")),
        }
    }
}

/// A member of an answer, not read.
fn member<'a>(answer: &'a Answer, path: &[&str]) -> Result<Option<&'a RawValue>, ProviderError> {
    let found = opaque::at(answer.text()?, path).map_err(|fault| answer.unreadable(&fault));
    Ok(found?)
}

/// A text in an answer; what is no text is none.
pub(super) fn text_at(answer: &Answer, path: &[&str]) -> Result<Option<String>, ProviderError> {
    Ok(member(answer, path)?.and_then(|text| serde_json::from_str(text.get()).ok()))
}

/// The details are of the run that was asked for (S8), where they say so.
fn check_run(name: Option<&RawValue>, source: &ActionName) -> Result<(), ProviderError> {
    match name.map(|name| serde_json::from_str::<String>(name.get())) {
        None => Ok(()),
        Some(Ok(name)) if name == source.run => Ok(()),
        Some(name) => Err(mismatch("details.action.id", &source.run, &name.unwrap_or_default())),
    }
}

/// The error of a call, with what it was about where there was too much of it.
fn named(field: &'static str) -> impl Fn(RpcError) -> ProviderError {
    move |error| {
        if !error.is_too_large() {
            return error.into();
        }
        let message = format!("{field}: too large to be passed on ({} MiB at most): {error}", LARGEST_BULK >> 20);
        ProviderError::new(ErrorKind::Protocol, message).with_field(field).with_source(error)
    }
}

fn empty_object() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_default()
}

/// What stands for the hash of inputs that nobody read, as Flyte's own client makes it: FNV-1a (64 bits) of
/// the URI, in base64. Equal inputs elsewhere have another hash, so at worst a cache is missed.
fn hash_of_uri(uri: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Base64UrlUnpadded::encode_string(&uri.bytes().fold(0xcbf2_9ce4_8422_2325, step).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with the function of flyte 2.12.1 (`_run.py`, `_uri_inputs_hash`).
    #[test]
    fn the_hash_of_a_uri_is_that_of_the_vendors_client() {
        for (uri, hash) in
            [("s3://bucket/r1/a0/inputs.pb", "T4YPsHku-Sc"), ("gs://b/\u{fc}", "CZ7MFWh6rxk"), ("", "y_Kc5IQiIyU")]
        {
            assert_eq!(hash_of_uri(uri), hash);
        }
    }
}
