//! Lists of runs and actions, and the end of a run (package `flyteidl2.workflow`).

use serde::{Deserialize, Serialize};

use super::details::ActionStatus;
use super::{ActionIdentifier, ProjectIdentifier, RunIdentifier};

/// Of AbortRun.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AbortRequest {
    pub(crate) run_id: RunIdentifier,
    pub(crate) reason: String,
}

/// One page of a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRequest {
    pub(crate) limit: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) token: String,
    pub(crate) sort_by: Sort,
}

/// Newest first is the direction's zero value.
#[derive(Debug, Serialize)]
pub(crate) struct Sort {
    pub(crate) key: &'static str,
}

/// Of ListRuns.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListRunsRequest {
    pub(crate) request: ListRequest,
    pub(crate) project_id: ProjectIdentifier,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListRunsAnswer {
    pub(crate) runs: Vec<Run>,
    pub(crate) token: String,
}

/// Of ListActions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListActionsRequest {
    pub(crate) request: ListRequest,
    pub(crate) run_id: RunIdentifier,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListActionsAnswer {
    pub(crate) actions: Vec<Action>,
    pub(crate) token: String,
}

/// A run is its root action.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Run {
    pub(crate) action: Action,
}

/// An action in a list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Action {
    pub(crate) id: ActionIdentifier,
    pub(crate) status: ActionStatus,
    pub(crate) metadata: ActionMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ActionMetadata {
    pub(crate) task: Option<TaskMetadata>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TaskMetadata {
    #[serde(alias = "short_name")]
    pub(crate) short_name: String,
}
