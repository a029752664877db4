//! Runs that are there already: whose they are, and who started them.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyssh_core::{ErrorKind, Progress, ProviderError, Wake};
use serde_json::{Value, json};

use super::{server, start};
use crate::relaunch::{Launched, Relaunch};
use crate::target::ActionName;
use crate::testing::{Server, details, flyte, within};

/// Two names that are alike in their first 26 characters.
const LONG: &str = "training-experiment-2026-11-b";
const ALIKE: &str = "training-experiment-2026-11-a";

async fn start_long(server: &Server, name: Option<&str>) -> Result<Launched, ProviderError> {
    let relaunch = Relaunch {
        flyte: &flyte(server),
        source: &ActionName::new("target", LONG, "a0").unwrap(),
        name,
        public_key: "ssh-ed25519 AAAA",
        wake: Wake::Allowed,
        deadline: within(20),
        progress: &Progress::silent(),
    };
    relaunch.start().await
}

fn made_from(origin: &str) -> Value {
    json!({"details": {"runSpec": {"relation": {"relatedTo": {"name": origin}}}, "action": {}}})
}

/// S8: a name that was cut may be another run's; nobody is logged in to that one's pod instead.
#[tokio::test]
async fn a_debug_run_of_another_run_is_not_taken_for_ours() {
    for (origin, is_ours) in [(LONG, true), (ALIKE, false)] {
        let (server, _) = server(move |method| match method {
            "GetActionDetails" => Some((200, details("RUNNING", None))),
            "GetRunDetails" => Some((200, made_from(origin))),
            _ => None,
        })
        .await;
        let started = start_long(&server, None).await;
        assert_eq!(started.is_ok(), is_ours, "{started:?}");
        if let Err(error) = started {
            assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("name")));
            assert!(error.to_string().contains(ALIKE), "{error}");
        }
        // Whoever names it means it.
        assert!(start_long(&server, Some("mine")).await.unwrap().existed);
    }
}

/// S8: all actions of a run have one name for their debug runs; one that runs another task is not taken for ours.
#[tokio::test]
async fn a_debug_run_of_another_action_is_not_taken_for_ours() {
    for (task, is_ours) in [("t.main", false), ("t.child", true)] {
        let of = |task: &str| json!({"taskTemplate": {"id": {"name": task}}});
        let (server, _) = server(move |method| match method {
            "GetActionDetails" => Some((200, json!({"details": {"id": {"name": "b1"}, "task": of("t.child")}}))),
            "GetRunDetails" => Some((200, json!({"details": {"action": {"task": of(task)}}}))),
            _ => None,
        })
        .await;
        let started = start(&server, "b1").await;
        assert_eq!(started.is_ok(), is_ours, "{started:?}");
        if let Err(error) = started {
            assert_eq!((error.kind(), error.field()), (ErrorKind::Conflict, Some("name")));
            assert!(error.to_string().contains("comes from t.main"), "{error}");
        }
        assert!(start(&server, "a0").await.unwrap().existed);
    }
}

/// N4: a repeat that finds the name taken found what the first arrival made.
#[tokio::test]
async fn a_run_that_a_lost_first_try_made_is_ours() {
    let tries = AtomicUsize::new(0);
    let (server, _) = server(move |method| match (method, tries.load(Ordering::SeqCst)) {
        ("CreateRun", 0) => {
            tries.store(1, Ordering::SeqCst);
            Some((503, json!({"code": "unavailable"})))
        }
        ("CreateRun", _) => Some((409, json!({"code": "already_exists"}))),
        _ => None,
    })
    .await;
    assert!(!start(&server, "a0").await.unwrap().existed);
}

/// N4: where nobody can say whether the run was started, the error says that it may have been.
#[tokio::test]
async fn a_run_that_may_have_been_started_is_named() {
    let asked = AtomicUsize::new(0);
    let (server, _) = server(move |method| match method {
        "CreateRun" => Some((501, json!({"code": "internal", "message": "no answer from the database"}))),
        "GetActionDetails" if asked.fetch_add(1, Ordering::SeqCst) > 0 => Some((403, Value::Null)),
        _ => None,
    })
    .await;
    let error = start(&server, "a0").await.unwrap_err();
    assert!(error.to_string().contains("no answer from the database"), "{error}");
    let left = error.left_behind().unwrap();
    assert!(left.until.contains("the run r1-dbg may have been started"), "{}", left.until);
}
