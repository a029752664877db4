//! Starting a run again in debug mode: the same task, the same inputs, and an SSH server in its pod.
//!
//! The task and the inputs pass through as they come, and of the settings of the run only the named keys are
//! touched, so that nothing is lost that is not known here. `source.rs` has the run that was,
//! `origin.rs` what one that is there was made from.

mod origin;
mod source;

use anyssh_core::{Deadline, ErrorKind, LeftBehind, Progress, ProviderError, Target, Wake, escape};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::{self, Purpose};
use crate::connect_rpc::{Code, ConnectClient, Procedure, RpcError};
use crate::debug_name::{self, debug_name};
use crate::flyte::Flyte;
use crate::run_spec;
use crate::target::{ActionName, ROOT_ACTION};
use crate::wire::RunIdentifier;
use source::Placed;

const RUNS: &str = "flyteidl2.workflow.RunService";
/// A second arrival under the same name is `already_exists`, which is as good.
const CREATE_RUN: Procedure = Procedure::repeatable(RUNS, "CreateRun");

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest<'a> {
    run_id: RunIdentifier,
    task_spec: &'a RawValue,
    run_spec: Value,
    #[serde(flatten)]
    inputs: Placed,
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
            return self.attach(action).await;
        }
        if self.wake == Wake::Forbidden {
            let message = format!("there is no run {}, and none may be started", action.run);
            return Err(ProviderError::new(ErrorKind::Failed, message).with_field("name"));
        }
        self.progress.tell(&format!("starting {} again as {}", self.source.run, action.run));
        let specs = self.source_specs().await?;
        let inputs = self.place_inputs(&action, &specs.task).await?;
        let scope = self.flyte.control.scope();
        let request = CreateRequest {
            run_id: scope.run(&action.run),
            task_spec: &specs.task,
            run_spec: run_spec::for_debugging(specs.run, &scope.run(&self.source.run), self.public_key),
            inputs,
        };
        match self.flyte.control.rpc().unary::<Value>(CREATE_RUN, &request, self.deadline).await {
            Ok(answer) => check_name(&answer, &action).map(|()| Launched { action, existed: false }),
            // Taken by an earlier arrival of this very call, or by somebody who was a moment faster.
            Err(error) if error.code() == Some(Code::AlreadyExists) => match error.may_have_arrived() {
                true => Ok(Launched { action, existed: false }),
                false => self.attach(action).await,
            },
            // Some servers call a name that is taken `internal`, and an answer may have been lost.
            Err(error) if error.may_have_arrived() => match self.exists(&action).await {
                Ok(true) if error.code().is_some() => self.attach(action).await,
                Ok(true) => Ok(Launched { action, existed: false }),
                Ok(false) => Err(error.into()),
                Err(_) => Err(self.may_be_there(&action, error)),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Uses the run that is there, if it is what a name that was not chosen has to mean: several runs of long
    /// names, and all actions of one run, have one name for their debug runs.
    async fn attach(&self, action: ActionName) -> Result<Launched, ProviderError> {
        let may_be_another = self.source.action != ROOT_ACTION || debug_name::is_shared(&self.source.run);
        if self.name.is_none() && may_be_another {
            let (found, asked) = (self.made_from(&action).await?, self.meant().await?);
            if let Some(other) = found.differs_from(&asked) {
                let other = escape::printable(other, escape::MESSAGE_CAP);
                let message = format!("run {} is there, and comes from {other}: choose another name", action.run);
                return Err(ProviderError::new(ErrorKind::Conflict, message).with_field("name"));
            }
        }
        Ok(Launched { action, existed: true })
    }

    /// The run that an error leaves behind, perhaps (N4).
    fn may_be_there(&self, action: &ActionName, error: RpcError) -> ProviderError {
        let error = ProviderError::from(error);
        let run = &action.run;
        let until = format!("the run {run} may have been started: log in with anyssh flyte {run}, or abort it");
        match Target::parse("target", &self.source.to_string()) {
            Ok(target) => error.with_left_behind(LeftBehind { target, session: None, until: until.into() }),
            Err(_) => error,
        }
    }

    async fn exists(&self, action: &ActionName) -> Result<bool, ProviderError> {
        match self.flyte.control.action_details(action, self.deadline).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
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

/// The run that was made has the name that was asked for (S8).
fn check_name(answer: &Value, action: &ActionName) -> Result<(), ProviderError> {
    match answer.pointer("/run/action/id/run/name").and_then(Value::as_str) {
        Some(name) if name != action.run => Err(crate::error::mismatch("run.action.id.run.name", &action.run, name)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
