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
    #[serde(alias = "error_info")]
    pub(crate) error_info: Option<ErrorInfo>,
    #[serde(alias = "abort_info")]
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
    #[serde(alias = "log_info")]
    pub(crate) log_info: Vec<TaskLog>,
}

/// A link that goes with an attempt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct TaskLog {
    pub(crate) uri: String,
    #[serde(alias = "link_type")]
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

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<LinkType, E> {
        Ok(LinkType::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<LinkType, E> {
        Ok(LinkType::Other)
    }
}

impl ActionDetails {
    /// Its fields, as the JSON calls them.
    pub(crate) const MEMBERS: &'static [&'static str] = &["id", "status", "errorInfo", "abortInfo", "attempts"];

    /// Why it is over, in the server's words, as it came.
    pub(crate) fn reason(&self) -> Option<&str> {
        let aborted = self.abort_info.as_ref().map(|info| info.reason.as_str());
        let failed = self.error_info.as_ref().map(|info| info.message.as_str());
        aborted.into_iter().chain(failed).find(|words| !words.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The JSON of protobuf may use the names of the definition, numbers for enums, and fields that come later.
    #[test]
    fn details_are_read_in_every_spelling() {
        let camel = r#"{"details": {"errorInfo": {"message": "oom"}, "new": [1], "attempts": [
            {"attempt": 1, "phase": "ACTION_PHASE_RUNNING", "logInfo": [{"uri": "/x", "linkType": "IDE", "ready": true}]}]}}"#;
        let snake = r#"{"details": {"error_info": {"message": "oom"}, "attempts": [
            {"attempt": 1, "phase": 4, "log_info": [{"uri": "/x", "link_type": 2, "ready": true, "ttl": "1s"}]}]}}"#;
        for text in [camel, snake] {
            let answer: DetailsAnswer = serde_json::from_str(text).unwrap();
            let attempt = &answer.details.attempts[0];
            assert_eq!((answer.details.reason(), &attempt.phase), (Some("oom"), &Phase::Running));
            assert!(attempt.log_info[0].ready && attempt.log_info[0].link_type == LinkType::Ide);
        }
        let aborted = r#"{"details": {"abort_info": {"reason": "me"}, "errorInfo": {"message": "oom"}}}"#;
        assert_eq!(serde_json::from_str::<DetailsAnswer>(aborted).unwrap().details.reason(), Some("me"));
    }
}
