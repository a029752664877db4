//! An action in full (packages `flyteidl2.workflow` and `flyteidl2.core`), as far as it is read here.

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

use super::{ActionIdentifier, Phase};

/// Of GetActionDetails and WatchActionDetails.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetailsRequest {
    pub(crate) action_id: ActionIdentifier,
}

/// Of GetActionDetails, and each message of WatchActionDetails: always all of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DetailsAnswer {
    pub(crate) details: ActionDetails,
}

/// An action.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ActionDetails {
    pub(crate) id: Option<ActionIdentifier>,
    pub(crate) status: ActionStatus,
    pub(crate) error_info: Option<ErrorInfo>,
    pub(crate) abort_info: Option<AbortInfo>,
    pub(crate) attempts: Vec<ActionAttempt>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ActionStatus {
    pub(crate) phase: Phase,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ErrorInfo {
    pub(crate) message: String,
    pub(crate) code: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct AbortInfo {
    pub(crate) reason: String,
}

/// One try at an action: one pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ActionAttempt {
    pub(crate) phase: Phase,
    pub(crate) attempt: u32,
    pub(crate) log_info: Vec<TaskLog>,
}

/// A link that goes with an attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TaskLog {
    pub(crate) uri: String,
    pub(crate) link_type: LinkType,
    pub(crate) ready: bool,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkType {
    /// A port of the pod: here the WebSocket bridge is.
    Ide,
    /// Logs, dashboards, what is not known here.
    #[default]
    Other,
}

impl<'de> Deserialize<'de> for LinkType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LinkTypeVisitor)
    }
}

struct LinkTypeVisitor;

impl Visitor<'_> for LinkTypeVisitor {
    type Value = LinkType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or the number of a type of link")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<LinkType, E> {
        Ok(if name == "IDE" { LinkType::Ide } else { LinkType::Other })
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<LinkType, E> {
        Ok(if number == 2 { LinkType::Ide } else { LinkType::Other })
    }
}

impl ActionDetails {
    /// Why it is over, in the server's words, as it came.
    pub(crate) fn reason(&self) -> Option<&str> {
        let aborted = self.abort_info.as_ref().map(|info| info.reason.as_str());
        let failed = self.error_info.as_ref().map(|info| info.message.as_str());
        aborted.into_iter().chain(failed).find(|words| !words.is_empty())
    }
}
