//! [`SshDebug`] over a scripted control plane and a pod.

use std::time::Duration;

use anyssh_core::ErrorKind;
use anyssh_server::{Act, Script};

use super::kit::{Numbered, Run, control_plane, link, pod};
use crate::testing::flyte_in;
use crate::{ConnectOptions, DebugError, Phase, SshDebug, Stage};

fn options() -> ConnectOptions {
    let mut options = ConnectOptions::new("r1");
    options.timeout = Duration::from_secs(20);
    options.poll_interval = Duration::from_millis(100);
    options
}

#[tokio::test]
async fn everything_that_ssh_needs_is_told_and_written() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let flyte = flyte_in(&server, home.path()).with_tokens(Numbered::beginning_at(2));
    let debug = SshDebug::connect(&flyte, options()).await.unwrap();
    assert_eq!((debug.run_name.as_str(), debug.action_name.as_str()), ("r1", "a0"));
    assert_eq!((debug.host_alias.as_str(), debug.wss_url), ("flyte-debug", pod.url("/pod/6060/?target_port=6060")));
    let headers = debug.headers_file.unwrap();
    assert!(headers.ends_with(".flyte/ssh-debug/flyte-debug.headers"));
    assert_eq!(std::fs::read_to_string(&headers).unwrap(), "Authorization: Bearer token-2\n");
    let block = &debug.ssh_config;
    assert!(block.starts_with("Host flyte-debug\n  User root\n  IdentityFile \""), "{block}");
    assert!(block.contains("\n  ProxyCommand anyssh tunnel flyte r1\n") && !block.contains("token-2"), "{block}");

    // K8: a new token replaces what is in the file.
    let mut fresh = options();
    fresh.refresh_token = true;
    fresh.wait_for_route = false;
    SshDebug::connect(&flyte, fresh).await.unwrap();
    assert_eq!(std::fs::read_to_string(&headers).unwrap(), "Authorization: Bearer token-3\n");
}

#[tokio::test]
async fn the_two_ends_have_errors_of_their_own() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new().always(Act::Status(404))).await;
    let run = Run::new("RUNNING", Some(&link(&pod)));
    let server = control_plane(&run).await;
    let flyte = flyte_in(&server, home.path()).with_tokens(Numbered::beginning_at(2));
    let mut short = options();
    short.timeout = Duration::from_millis(500);
    let error = SshDebug::connect(&flyte, short.clone()).await.unwrap_err();
    assert!(matches!(error, DebugError::TimedOut { stage: Stage::Route, .. }), "{error}");
    run.becomes("QUEUED", None);
    let error = SshDebug::connect(&flyte, short).await.unwrap_err();
    assert!(matches!(error, DebugError::TimedOut { stage: Stage::Link, .. }), "{error}");
    run.becomes("TIMED_OUT", None);
    let error = SshDebug::connect(&flyte, options()).await.unwrap_err();
    assert!(matches!(error, DebugError::Terminal { phase: Phase::TimedOut, .. }), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_its_name() {
    let home = tempfile::tempdir().unwrap();
    let server = control_plane(&Run::new("RUNNING", None)).await;
    let flyte = flyte_in(&server, home.path());
    for (field, change) in [
        ("run_name", (|options: &mut ConnectOptions| options.run_name = "a/b".into()) as fn(&mut ConnectOptions)),
        ("user", |options| options.user = "-oProxyCommand=x".into()),
        ("host_alias", |options| options.host_alias = "*".into()),
    ] {
        let mut options = options();
        change(&mut options);
        let Err(DebugError::Other(error)) = SshDebug::connect(&flyte, options).await else { panic!("{field}") };
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some(field)));
    }
    assert_eq!(server.count("GetActionDetails"), 0);
}

#[test]
fn a_program_without_a_runtime_can_connect_too() {
    let home = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (server, _pod) = runtime.block_on(async {
        let pod = pod(Script::new()).await;
        (control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await, pod)
    });
    let flyte = flyte_in(&server, home.path()).with_tokens(Numbered::beginning_at(2));
    assert_eq!(SshDebug::connect_blocking(&flyte, options()).unwrap().run_name, "r1");
}
