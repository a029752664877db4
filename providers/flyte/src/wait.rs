//! Waiting for the way into a pod: first for the link, then for the route behind it.

use anyssh_core::{Deadline, ErrorKind, Progress};
use tokio::time::timeout_at;

use crate::error::{DebugError, Stage, mismatch};
use crate::link::{self, DebugLink};
use crate::target::ActionName;
use crate::watch::ActionWatch;
use crate::wire::ActionDetails;

/// Waits until the control plane shows a link to the debug server.
///
/// # Errors
/// [`DebugError::Terminal`] as soon as the action is over; [`DebugError::TimedOut`] with the last phase.
pub(crate) async fn for_link(
    watch: &mut ActionWatch,
    deadline: Deadline,
    progress: &Progress,
) -> Result<DebugLink, DebugError> {
    let mut last = None;
    let searching = async {
        loop {
            let details = match watch.next().await {
                // The question itself ran into the deadline: what was seen before says more than that.
                Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(None),
                details => details?,
            };
            match look(&details, watch.action())? {
                Seen::Link(link) => return Ok(Some(link)),
                Seen::Pending(what) if last.as_ref() == Some(&what) => {}
                Seen::Pending(what) => {
                    progress.tell(&what);
                    last = Some(what);
                }
            }
        }
    };
    let found: Result<_, DebugError> = timeout_at(deadline.instant().into(), searching).await.unwrap_or(Ok(None));
    found?.ok_or_else(|| {
        let last = last.unwrap_or_else(|| "nothing: the control plane did not answer".to_owned());
        DebugError::TimedOut { stage: Stage::Link, last }
    })
}

/// What one state says about the way into the pod.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Link(DebugLink),
    /// Not there yet: what is being waited for.
    Pending(String),
}

/// Reads a state, which has to be one of this action (S8).
///
/// # Errors
/// [`DebugError::Terminal`] if the action is over, link or not.
pub(crate) fn look(details: &ActionDetails, action: &ActionName) -> Result<Seen, DebugError> {
    if let Some(id) = &details.id
        && (id.run.name != action.run || id.name != action.action)
    {
        let (asked, found) = (format!("{}/{}", action.run, action.action), format!("{}/{}", id.run.name, id.name));
        return Err(mismatch("details.id", &asked, &found).into());
    }
    let phase = &details.status.phase;
    if phase.is_terminal() {
        return Err(DebugError::terminal(action, phase, details.reason()));
    }
    match link::find(details) {
        Some(link) => Ok(Seen::Link(link)),
        None => Ok(Seen::Pending(format!("the run is {phase}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use anyssh_core::ProviderError;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Exchange, Server, action, details, within};

    const LINK: &str = "https://pod.example/";
    const NEVER: Duration = Duration::from_secs(3600);

    /// Waits for the link of `r1/a0`; what was told on the way.
    async fn wait(server: &Server, interval: Duration, seconds: u64) -> (Result<DebugLink, DebugError>, Vec<String>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let progress = {
            let told = Arc::clone(&told);
            Progress::new(move |message| told.lock().unwrap().push(message.to_owned()))
        };
        let deadline = within(seconds);
        let mut watch = ActionWatch::new(&server.control_plane(), &action(), interval, deadline);
        let found = for_link(&mut watch, deadline, &progress).await;
        let told = told.lock().unwrap().clone();
        (found, told)
    }

    async fn pending(exchange: Exchange) {
        exchange.json(200, &details("QUEUED", None)).await;
    }

    #[tokio::test]
    async fn a_link_that_is_there_takes_one_question() {
        let server = Server::start(|exchange| async move {
            let request: Value = serde_json::from_slice(&exchange.body).unwrap();
            let run = json!({"org": "acme", "project": "flytesnacks", "domain": "development", "name": "r1"});
            assert_eq!(request, json!({"actionId": {"run": run, "name": "a0"}}));
            assert!(exchange.head.contains("POST /flyteidl2.workflow.RunService/GetActionDetails HTTP/1.1"));
            exchange.json(200, &details("RUNNING", Some(LINK))).await;
        })
        .await;
        let (found, told) = wait(&server, NEVER, 20).await;
        assert_eq!(found.unwrap(), DebugLink { uri: LINK.to_owned(), attempt: 1 });
        assert!(told.is_empty() && server.count("GetActionDetails") == 1);
    }

    #[tokio::test]
    async fn a_late_link_comes_over_the_stream_and_the_phases_are_told() {
        let server = Server::start(|mut exchange| async move {
            match exchange.method.as_str() {
                "WatchActionDetails" => {
                    exchange.stream().await;
                    exchange.message(&details("QUEUED", None)).await;
                    exchange.message(&details("DANCING", None)).await;
                    exchange.message(&details("RUNNING", Some(LINK))).await;
                    exchange.hold().await;
                }
                _ => pending(exchange).await,
            }
        })
        .await;
        let (found, told) = wait(&server, NEVER, 20).await;
        assert!(found.is_ok());
        assert_eq!(told, ["the run is queued", "the run is ACTION_PHASE_DANCING"]);
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_or_ends_early_is_opened_again() {
        let server = Server::start(|mut exchange| async move {
            match (exchange.method.as_str(), exchange.number) {
                ("WatchActionDetails", 0) => {
                    exchange.stream().await;
                    exchange.message(&details("INITIALIZING", None)).await;
                }
                ("WatchActionDetails", 1) => {
                    exchange.stream().await;
                    exchange.message(&details("INITIALIZING", None)).await;
                    exchange.end(&json!({})).await;
                }
                ("WatchActionDetails", _) => {
                    exchange.stream().await;
                    exchange.message(&details("RUNNING", Some(LINK))).await;
                    exchange.hold().await;
                }
                _ => pending(exchange).await,
            }
        })
        .await;
        assert!(wait(&server, NEVER, 20).await.0.is_ok());
        assert_eq!(server.count("WatchActionDetails"), 3);
    }

    #[tokio::test]
    async fn a_silent_an_erring_and_a_missing_stream_leave_it_to_the_questions() {
        for kind in ["silent", "headless", "erring", "page", "404", "415", "501"] {
            let server = Server::start(move |mut exchange| async move {
                match (exchange.method.as_str(), kind) {
                    ("WatchActionDetails", "silent") => {
                        exchange.stream().await;
                        exchange.hold().await;
                    }
                    ("WatchActionDetails", "headless") => exchange.hold().await,
                    ("WatchActionDetails", "erring") => {
                        exchange.stream().await;
                        exchange.end(&json!({"error": {"code": "internal", "message": "no"}})).await;
                    }
                    ("WatchActionDetails", "page") => exchange.json(200, &json!({})).await,
                    ("WatchActionDetails", status) => exchange.json(status.parse().unwrap(), &Value::Null).await,
                    _ if exchange.number < 3 => pending(exchange).await,
                    _ => exchange.json(200, &details("RUNNING", Some(LINK))).await,
                }
            })
            .await;
            let (found, _) = wait(&server, Duration::from_millis(60), 20).await;
            assert!(found.is_ok(), "{kind}: {found:?}");
            assert_eq!(server.count("WatchActionDetails"), 1, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_question_that_finds_the_server_away_for_a_moment_is_asked_again() {
        let server = Server::start(|exchange| async move {
            match (exchange.method.as_str(), exchange.number) {
                ("GetActionDetails", 0) => pending(exchange).await,
                // All four attempts of one question, and the first of the next.
                ("GetActionDetails", 1..=5) => {
                    exchange.json(503, &json!({"code": "unavailable", "message": "x"})).await;
                }
                ("GetActionDetails", _) => exchange.json(200, &details("RUNNING", Some(LINK))).await,
                _ => exchange.json(404, &Value::Null).await,
            }
        })
        .await;
        assert!(wait(&server, Duration::from_millis(20), 30).await.0.is_ok());
    }

    #[tokio::test]
    async fn every_terminal_phase_ends_the_wait_at_once_with_its_reason() {
        for phase in ["SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "RECOVERED"] {
            let server = Server::start(move |mut exchange| async move {
                // Also where there is a link, and also when it comes over the stream.
                let mut over = details(phase, Some(LINK));
                over["details"]["abortInfo"] = json!({"reason": "enough \u{7}"});
                match exchange.method.as_str() {
                    "WatchActionDetails" => {
                        exchange.stream().await;
                        exchange.message(&over).await;
                        exchange.hold().await;
                    }
                    _ if phase == "FAILED" => exchange.json(200, &over).await,
                    _ => pending(exchange).await,
                }
            })
            .await;
            let error = wait(&server, NEVER, 20).await.0.unwrap_err();
            assert!(matches!(&error, DebugError::Terminal { run, action, .. } if run == "r1" && action == "a0"));
            let word = phase.to_ascii_lowercase().replace('_', " ");
            assert_eq!(error.to_string(), format!(r"run r1, action a0: it is over: {word}: enough \x07"));
            let error = ProviderError::from(error);
            assert_eq!((error.kind(), error.field()), (ErrorKind::Failed, Some("phase")));
        }
    }

    /// S8: the deadline ends the wait, and the last phase seen is named, known or not.
    #[tokio::test]
    async fn the_deadline_ends_the_wait_and_names_the_last_phase() {
        for phase in ["WAITING_FOR_RESOURCES", "PAUSED", "UNSPECIFIED"] {
            let server = Server::start(move |exchange| async move {
                match exchange.method.as_str() {
                    "WatchActionDetails" => exchange.hold().await,
                    _ => exchange.json(200, &details(phase, None)).await,
                }
            })
            .await;
            let error = wait(&server, NEVER, 1).await.0.unwrap_err();
            assert!(matches!(error, DebugError::TimedOut { stage: Stage::Link, .. }));
            let word = phase.to_ascii_lowercase().replace('_', " ");
            assert!(error.to_string().ends_with(&format!("last seen: the run is {word}")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_control_plane_that_never_answers_ends_with_the_deadline() {
        let server = Server::start(|exchange| async move { exchange.hold().await }).await;
        let error = wait(&server, NEVER, 1).await.0.unwrap_err();
        assert!(error.to_string().ends_with("last seen: nothing: the control plane did not answer"), "{error}");
    }

    #[tokio::test]
    async fn a_run_that_is_not_there_is_told_at_once() {
        let server = Server::start(|exchange| async move {
            exchange.json(404, &json!({"code": "not_found", "message": "no run r1"})).await;
        })
        .await;
        let error = ProviderError::from(wait(&server, NEVER, 20).await.0.unwrap_err());
        assert!(error.kind() == ErrorKind::NotFound && error.to_string().ends_with("not_found: no run r1"), "{error}");
        assert_eq!(server.count("WatchActionDetails"), 0);
    }

    /// S8: an answer about another run is no answer.
    #[test]
    fn an_answer_about_another_action_is_refused() {
        let details = serde_json::from_value(json!({"id": {"run": {"name": "r2"}, "name": "a0"}})).unwrap();
        let error = ProviderError::from(look(&details, &action()).unwrap_err());
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("details.id")));
        assert!(error.to_string().contains("\"r2/a0\"") && error.to_string().contains("\"r1/a0\""), "{error}");
    }
}
