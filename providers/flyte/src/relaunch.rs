//! Starting a run again in debug mode: the same task, the same inputs, and an SSH server in its pod.
//!
//! The task, the settings of the run and the inputs pass through as JSON trees in which only the named keys
//! are touched, so that nothing is lost that is not known here.

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError, Wake, escape};
use serde_json::{Value, json};

use crate::cluster::{self, Purpose};
use crate::connect_rpc::{Code, ConnectClient, Procedure};
use crate::debug_name::debug_name;
use crate::flyte::Flyte;
use crate::run_spec;
use crate::target::{ActionName, ROOT_ACTION};

const RUNS: &str = "flyteidl2.workflow.RunService";
const GET_RUN_DETAILS: Procedure = Procedure::repeatable(RUNS, "GetRunDetails");
const GET_ACTION_DETAILS: Procedure = Procedure::repeatable(RUNS, "GetActionDetails");
/// A second arrival under the same name is `already_exists`, which is as good.
const CREATE_RUN: Procedure = Procedure::repeatable(RUNS, "CreateRun");

const DATA: &str = "flyteidl2.dataproxy.DataProxyService";
const GET_ACTION_DATA: Procedure = Procedure::repeatable(DATA, "GetActionData");
const UPLOAD_INPUTS: Procedure = Procedure::repeatable(DATA, "UploadInputs");

/// What a relaunch is made of.
#[derive(Debug)]
pub(crate) struct Relaunch<'a> {
    pub(crate) flyte: &'a Flyte,
    /// The run, and the action whose task and inputs are taken.
    pub(crate) source: &'a ActionName,
    /// The name of the new run, if one was asked for.
    pub(crate) name: Option<&'a str>,
    /// Who may log in: one line.
    pub(crate) public_key: &'a str,
    /// Whether a run may be started at all, which costs money.
    pub(crate) wake: Wake,
    pub(crate) deadline: Deadline,
    pub(crate) progress: &'a Progress,
}

/// The run to log in to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launched {
    pub(crate) action: ActionName,
    /// Whether it was there before.
    pub(crate) existed: bool,
}

impl Relaunch<'_> {
    /// Starts the run, unless one of its name is there: then that one is meant.
    ///
    /// # Errors
    /// `Failed` if the source has no task or its inputs are gone; the calls'.
    pub(crate) async fn start(&self) -> Result<Launched, ProviderError> {
        let action = ActionName::new("name", &debug_name(&self.source.run, self.name), ROOT_ACTION);
        let action = action.map_err(ProviderError::usage)?;
        if self.exists(&action).await? {
            return Ok(Launched { action, existed: true });
        }
        if self.wake == Wake::Forbidden {
            let message = format!("there is no run {}, and none may be started", action.run);
            return Err(ProviderError::new(ErrorKind::Failed, message).with_field("name"));
        }
        self.progress.tell(&format!("starting {} again as {}", self.source.run, action.run));
        let (task, run_spec) = self.source_specs().await?;
        let inputs = self.inputs().await?;
        let inputs = self.upload(&action, &task, inputs).await?;
        let source = self.flyte.control.scope().run(&self.source.run);
        let mut request = json!({
            "runId": self.flyte.control.scope().run(&action.run),
            "taskSpec": task,
            "runSpec": run_spec::for_debugging(run_spec, &source, self.public_key),
        });
        merge(&mut request, inputs);
        match self.flyte.control.rpc().unary::<Value>(CREATE_RUN, &request, self.deadline).await {
            Ok(answer) => check_name(&answer, &action).map(|()| Launched { action, existed: false }),
            Err(error) if error.code() == Some(Code::AlreadyExists) => Ok(Launched { action, existed: true }),
            // Some servers call a name that is taken `internal`, and an answer may have been lost.
            Err(error) if error.kind() == ErrorKind::Unavailable => match self.exists(&action).await {
                Ok(true) => Ok(Launched { action, existed: true }),
                _ => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    async fn exists(&self, action: &ActionName) -> Result<bool, ProviderError> {
        match self.flyte.control.action_details(action, self.deadline).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The task of the source action, and the settings of the source run.
    async fn source_specs(&self) -> Result<(Value, Value), ProviderError> {
        let (rpc, scope) = (self.flyte.control.rpc(), self.flyte.control.scope());
        let request = json!({"runId": scope.run(&self.source.run)});
        let run: Value = rpc.unary(GET_RUN_DETAILS, &request, self.deadline).await?;
        let run_spec = run.pointer("/details/runSpec").cloned().unwrap_or_else(|| json!({}));
        let task = if self.source.action == ROOT_ACTION {
            run.pointer("/details/action/task").cloned()
        } else {
            let request = json!({"actionId": scope.action(self.source)});
            let details: Value = rpc.unary(GET_ACTION_DETAILS, &request, self.deadline).await?;
            details.pointer("/details/task").cloned()
        };
        let no_task = || {
            ProviderError::new(ErrorKind::Failed, format!("{} has no task, so it cannot be started again", self.source))
                .with_field("task")
        };
        Ok((task.filter(Value::is_object).ok_or_else(no_task)?, run_spec))
    }

    async fn inputs(&self) -> Result<Value, ProviderError> {
        let action = self.flyte.control.scope().action(self.source);
        let data_plane = self.data_plane(Purpose::ReadData(action.clone())).await?;
        let answer = data_plane.unary::<Value>(GET_ACTION_DATA, &json!({"actionId": action}), self.deadline).await;
        let mut answer = answer.map_err(|error| match error.code() {
            Some(Code::NotFound) => {
                let words = escape::printable(error.server_message(), escape::MESSAGE_CAP);
                let message = format!(
                    "the inputs or outputs of {}/{action} are gone, so it cannot be started again: {words}",
                    self.source.run,
                    action = self.source.action
                );
                ProviderError::new(ErrorKind::Failed, message).with_field("inputs").with_source(error)
            }
            _ => error.into(),
        })?;
        Ok(answer.get_mut("inputs").map_or_else(|| json!({}), Value::take))
    }

    /// The inputs where the new run finds them: uploaded, or in the request where there is no upload.
    async fn upload(&self, action: &ActionName, task: &Value, inputs: Value) -> Result<Value, ProviderError> {
        let data_plane = self.data_plane(Purpose::WriteInputs(self.flyte.control.scope().project())).await?;
        let request = json!({"runId": self.flyte.control.scope().run(&action.run), "taskSpec": task, "inputs": inputs});
        match data_plane.unary::<Value>(UPLOAD_INPUTS, &request, self.deadline).await {
            Ok(mut answer) => match answer.get_mut("offloadedInputData").map(Value::take) {
                Some(uploaded) => Ok(json!({ "offloadedInputData": uploaded })),
                None => {
                    Err(ProviderError::new(ErrorKind::Protocol, "offloaded_input_data is missing from UploadInputs")
                        .with_field("offloaded_input_data"))
                }
            },
            Err(error) if error.is_unimplemented() => Ok(json!({ "inputs": inputs })),
            Err(error) => Err(error.into()),
        }
    }

    async fn data_plane(&self, purpose: Purpose) -> Result<ConnectClient, ProviderError> {
        let endpoint = &self.flyte.config.endpoint;
        match cluster::select(&self.flyte.control, purpose, &endpoint.base_url, self.deadline).await? {
            Some(cluster) => Ok(self.flyte.control.rpc().to(endpoint.http_to(cluster)?)),
            None => Ok(self.flyte.control.rpc().clone()),
        }
    }
}

fn merge(request: &mut Value, more: Value) {
    if let (Value::Object(request), Value::Object(more)) = (request, more) {
        request.extend(more);
    }
}

/// The run that was made has the name that was asked for (S8).
fn check_name(answer: &Value, action: &ActionName) -> Result<(), ProviderError> {
    match answer.pointer("/run/action/id/run/name").and_then(Value::as_str) {
        Some(name) if name != action.run => Err(crate::error::mismatch("run.action.id.run.name", &action.run, name)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
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
        let (raced, _) =
            server(|method| (method == "CreateRun").then(|| (409, json!({"code": "already_exists"})))).await;
        assert!(start(&raced, "a0").await.unwrap().existed);
        // Some servers have another word for that.
        let created = std::sync::atomic::AtomicBool::new(false);
        let (internal, _) = server(move |method| match method {
            "CreateRun" => {
                created.store(true, std::sync::atomic::Ordering::SeqCst);
                Some((501, json!({"code": "internal", "message": "duplicate key"})))
            }
            "GetActionDetails" if created.load(std::sync::atomic::Ordering::SeqCst) => {
                Some((200, details("QUEUED", None)))
            }
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
}
