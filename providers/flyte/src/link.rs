//! Which of an action's links leads to the debug server.

use crate::wire::{ActionAttempt, ActionDetails, LinkType, TaskLog};

/// A link to the debug server of one attempt, as the control plane tells it: not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DebugLink {
    pub(crate) uri: String,
    /// The number of the attempt: another one is another pod, with another host key.
    pub(crate) attempt: u32,
}

/// The link of the newest attempt, if that is not over. Those of earlier ones lead to pods that are gone or
/// going, whatever their phase says yet.
///
/// Only links of type IDE count; their names mean nothing, and `ready` is never set for this server, so
/// it only decides between two links of one attempt.
pub(crate) fn find(details: &ActionDetails) -> Option<DebugLink> {
    let newest = details.attempts.iter().map(|attempt| attempt.attempt).max()?;
    // Of attempts without numbers the last one told is the newest.
    let candidates = details.attempts.iter().rev().filter(|one| one.attempt == newest && !one.phase.is_terminal());
    let link = candidates.into_iter().find_map(ide_link)?;
    Some(DebugLink { uri: link.uri.clone(), attempt: newest })
}

fn ide_link(attempt: &ActionAttempt) -> Option<&TaskLog> {
    let links = || attempt.log_info.iter().filter(|log| log.link_type == LinkType::Ide && !log.uri.is_empty());
    links().find(|log| log.ready).or_else(|| links().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(attempts: &serde_json::Value) -> Option<(String, u32)> {
        let details = serde_json::from_value(json!({ "attempts": attempts })).unwrap();
        find(&details).map(|link| (link.uri, link.attempt))
    }

    fn ide(uri: &str) -> serde_json::Value {
        json!({"uri": uri, "linkType": "IDE"})
    }

    #[test]
    fn the_newest_attempt_that_is_not_over_wins() {
        let several = json!([
            {"attempt": 2, "phase": "ACTION_PHASE_RUNNING", "logInfo": [ide("https://two/")]},
            {"attempt": 1, "phase": "ACTION_PHASE_FAILED", "logInfo": [{"uri": "https://one/", "linkType": 2, "ready": true}]},
        ]);
        assert_eq!(found(&several), Some(("https://two/".to_owned(), 2)));
        let starting = json!([
            {"attempt": 1, "phase": "ACTION_PHASE_ABORTED", "logInfo": [ide("https://one/")]},
            {"attempt": 2, "phase": "ACTION_PHASE_INITIALIZING"},
        ]);
        assert_eq!(found(&starting), None, "the old pod is gone, the new one has no link yet");
        let ending = json!([
            {"attempt": 1, "phase": "ACTION_PHASE_RUNNING", "logInfo": [ide("https://one/")]},
            {"attempt": 2, "phase": "ACTION_PHASE_QUEUED"},
        ]);
        assert_eq!(found(&ending), None, "the old pod is going, though its phase is behind");
        let over = json!([
            {"attempt": 1, "phase": "ACTION_PHASE_RUNNING", "logInfo": [ide("https://one/")]},
            {"attempt": 2, "phase": "ACTION_PHASE_FAILED", "logInfo": [ide("https://two/")]},
        ]);
        assert_eq!(found(&over), None, "a third one comes, or the run ends");
        let unnumbered = json!([{"logInfo": [ide("https://one/")]}, {"logInfo": [ide("https://two/")]}]);
        assert_eq!(found(&unnumbered), Some(("https://two/".to_owned(), 0)));
    }

    #[test]
    fn only_links_of_type_ide_with_a_uri_count_and_ready_comes_first() {
        let logs = json!([{"attempt": 1, "logInfo": [
            {"uri": "https://logs/"}, {"uri": "https://board/", "linkType": "DASHBOARD"}, ide(""),
            {"linkType": "IDE"}, ide("https://first/"), {"uri": "https://ready/", "linkType": "IDE", "ready": true},
        ]}]);
        assert_eq!(found(&logs), Some(("https://ready/".to_owned(), 1)));
        assert_eq!(found(&json!([{"logInfo": [ide(""), ide("/rel"), ide("/other")]}])), Some(("/rel".to_owned(), 0)));
        assert_eq!(found(&json!([])), None);
    }
}
