//! The control plane, typed: one method for each RPC.

use anyssh_core::{Deadline, ProviderError};
use serde::Serialize;

use crate::auth::{Freshness, PublicClientConfig};
use crate::connect_rpc::{Code, ConnectClient, Messages, Procedure, RpcError};
use crate::opaque;
use crate::target::ActionName;
use crate::wire::{
    AbortRequest, Action, ActionDetails, ActionIdentifier, DetailsAnswer, DetailsRequest, ListActionsAnswer,
    ListActionsRequest, ListRequest, ListRunsAnswer, ListRunsRequest, ProjectIdentifier, Run, RunIdentifier, Sort,
};

const RUNS: &str = "flyteidl2.workflow.RunService";
const GET_ACTION_DETAILS: Procedure = Procedure::repeatable(RUNS, "GetActionDetails");
const WATCH_ACTION_DETAILS: Procedure = Procedure::repeatable(RUNS, "WatchActionDetails");
const ABORT_RUN: Procedure = Procedure::repeatable(RUNS, "AbortRun");
const LIST_RUNS: Procedure = Procedure::repeatable(RUNS, "ListRuns");
const LIST_ACTIONS: Procedure = Procedure::repeatable(RUNS, "ListActions");

/// How many runs one page has, and how many pages are read: a list that never ends must not fill the memory.
const PAGE: u32 = 100;
const MOST_PAGES: usize = 100;

/// Where every name belongs: an organisation, a project and a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) org: String,
    pub(crate) project: String,
    pub(crate) domain: String,
}

impl Scope {
    pub(crate) fn run(&self, name: &str) -> RunIdentifier {
        let Self { org, project, domain } = self.clone();
        RunIdentifier { org, project, domain, name: name.to_owned() }
    }

    pub(crate) fn action(&self, name: &ActionName) -> ActionIdentifier {
        ActionIdentifier { run: self.run(&name.run), name: name.action.clone() }
    }

    pub(crate) fn project(&self) -> ProjectIdentifier {
        let Self { org, project, domain } = self.clone();
        ProjectIdentifier { organization: org, domain, name: project }
    }
}

/// The control plane, as far as SSH needs it.
#[derive(Clone, Debug)]
pub(crate) struct ControlPlane {
    rpc: ConnectClient,
    /// The same without a token, for what anybody may ask.
    anonymous: ConnectClient,
    scope: Scope,
}

impl ControlPlane {
    pub(crate) fn new(rpc: ConnectClient, anonymous: ConnectClient, scope: Scope) -> Self {
        Self { rpc, anonymous, scope }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The client for services that have a module of their own.
    pub(crate) fn rpc(&self) -> &ConnectClient {
        &self.rpc
    }

    pub(crate) async fn action_details(
        &self,
        action: &ActionName,
        deadline: Deadline,
    ) -> Result<ActionDetails, RpcError> {
        let request = DetailsRequest { action_id: self.scope.action(action) };
        let answer = self.rpc.bulk(GET_ACTION_DETAILS, &request, deadline).await?;
        let unreadable = |fault: String| answer.unreadable(&fault);
        let Some(details) = opaque::at(answer.text()?, &["details"]).map_err(unreadable)? else {
            return Ok(ActionDetails::default());
        };
        // The task is as large and as odd as its author made it.
        let details = opaque::only(details, ActionDetails::MEMBERS).map_err(unreadable)?;
        Ok(answer.part(&details)?)
    }

    /// The action whenever it changes, at once and whole each time.
    pub(crate) async fn watch_action(
        &self,
        action: &ActionName,
        deadline: Deadline,
        freshness: Freshness,
    ) -> Result<Messages<DetailsAnswer>, RpcError> {
        let request = DetailsRequest { action_id: self.scope.action(action) };
        self.rpc.server_stream(WATCH_ACTION_DETAILS, &request, deadline, freshness).await
    }

    /// Ends a run and its pods. One that is gone is fine: `false`.
    pub(crate) async fn abort_run(&self, run: &str, reason: &str, deadline: Deadline) -> Result<bool, RpcError> {
        let request = AbortRequest { run_id: self.scope.run(run), reason: reason.to_owned() };
        match self.rpc.unary::<serde_json::Value>(ABORT_RUN, &request, deadline).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The runs of the project and domain, newest first.
    pub(crate) async fn runs(&self, deadline: Deadline) -> Result<Vec<Run>, ProviderError> {
        let mut runs = Vec::new();
        let mut token = String::new();
        for _ in 0..MOST_PAGES {
            let request = ListRunsRequest { request: page(token), project_id: self.scope.project() };
            let answer: ListRunsAnswer = self.rpc.unary(LIST_RUNS, &request, deadline).await?;
            runs.extend(answer.runs);
            match answer.token {
                next if next.is_empty() => return Ok(runs),
                next => token = next,
            }
        }
        Ok(runs)
    }

    /// The actions of a run.
    pub(crate) async fn actions(&self, run: &str, deadline: Deadline) -> Result<Vec<Action>, ProviderError> {
        let mut actions = Vec::new();
        let mut token = String::new();
        for _ in 0..MOST_PAGES {
            let request = ListActionsRequest { request: page(token), run_id: self.scope.run(run) };
            let answer: ListActionsAnswer = self.rpc.unary(LIST_ACTIONS, &request, deadline).await?;
            actions.extend(answer.actions);
            match answer.token {
                next if next.is_empty() => return Ok(actions),
                next => token = next,
            }
        }
        Ok(actions)
    }

    /// The domain that the control plane's data planes are under, where it names one.
    pub(crate) async fn data_plane_domain(&self, deadline: Deadline) -> Result<Option<String>, RpcError> {
        let answer = PublicClientConfig::ask(&self.anonymous, deadline).await?;
        Ok(Some(answer.dataplane_domain).filter(|domain| !domain.is_empty()))
    }
}

fn page(token: String) -> ListRequest {
    ListRequest { limit: PAGE, token, sort_by: Sort { key: "created_at" } }
}

/// A request without fields.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

#[cfg(test)]
mod tests {
    use crate::testing::{Server, action, within};
    use crate::wire::Phase;

    /// A run is reached whatever its task holds; of the rest everything is read strictly (S9).
    #[tokio::test]
    async fn the_details_are_read_whatever_the_task_holds() {
        let task = format!(r#"{{"custom": {{"x": 1e300, "x": 2}}, "z": "{}"}}"#, "x".repeat(2 << 20));
        let attempts = r#"[{"attempt": 2, "phase": 4}]"#;
        for (status, attempts, is_read) in [
            (r#"{"phase": "ACTION_PHASE_RUNNING"}"#, attempts, true),
            (r#"["ACTION_PHASE_RUNNING"]"#, attempts, false),
            (r#"{"phase": 4}"#, r#"[{"attempt": 1e300}]"#, false),
            (r#"{"phase": 4, "phase": 5}"#, attempts, false),
        ] {
            let answer = format!(
                r#"{{"details": {{"id": {{"name": "a0"}}, "task": {task}, "status": {status}, "attempts": {attempts}}}}}"#
            );
            let server = Server::start(move |exchange| {
                let answer = answer.clone();
                async move { exchange.text(&answer).await }
            })
            .await;
            let details = server.control_plane().action_details(&action(), within(20)).await;
            assert_eq!(details.is_ok(), is_read, "{status} {details:?}");
            if let Ok(details) = details {
                assert_eq!((details.status.phase, details.attempts[0].attempt), (Phase::Running, 2));
            }
        }
    }
}
