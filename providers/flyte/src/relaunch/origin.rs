//! What a run that is there already was made from.

use anyssh_core::ProviderError;
use serde_json::json;

use super::Relaunch;
use super::source::{GET_ACTION_DETAILS, GET_RUN_DETAILS, text_at};
use crate::target::{ActionName, ROOT_ACTION};

/// A run, and the task that it runs, as far as the control plane says.
#[derive(Debug, Default)]
pub(super) struct Origin {
    run: Option<String>,
    task: Option<String>,
}

impl Origin {
    /// What is not the same in both; what either does not know differs from nothing.
    pub(super) fn differs_from(&self, other: &Self) -> Option<&str> {
        let pairs = [(&self.run, &other.run), (&self.task, &other.task)];
        pairs.into_iter().find_map(|pair| match pair {
            (Some(one), Some(other)) if one != other => Some(one.as_str()),
            _ => None,
        })
    }
}

impl Relaunch<'_> {
    /// What the debug run that is there was made from.
    pub(super) async fn made_from(&self, action: &ActionName) -> Result<Origin, ProviderError> {
        let request = json!({"runId": self.flyte.control.scope().run(&action.run)});
        let run = self.flyte.control.rpc().bulk(GET_RUN_DETAILS, &request, self.deadline).await?;
        Ok(Origin {
            run: text_at(&run, &["details", "runSpec", "relation", "relatedTo", "name"])?,
            task: text_at(&run, &["details", "action", "task", "taskTemplate", "id", "name"])?,
        })
    }

    /// What it would be made from now. The task of the root action goes without saying.
    pub(super) async fn meant(&self) -> Result<Origin, ProviderError> {
        let run = Some(self.source.run.clone());
        if self.source.action == ROOT_ACTION {
            return Ok(Origin { run, task: None });
        }
        let request = json!({"actionId": self.flyte.control.scope().action(self.source)});
        let details = self.flyte.control.rpc().bulk(GET_ACTION_DETAILS, &request, self.deadline).await?;
        Ok(Origin { run, task: text_at(&details, &["details", "task", "taskTemplate", "id", "name"])? })
    }
}
