//! `WatchActionDetails`.

use std::io::Read as _;
use std::time::Duration;

use anyssh_testkit::emulator::{Boot, Emulator, FlyteEmulator, Phase, RpcCode, RpcLogin, Run, Snapshot, Watching};
use serde_json::{Value, json};

use super::client::{Ask, Reply, by_action, run_service};

fn watch(run: &str) -> Ask {
    let message = by_action(run, "a0").to_string().into_bytes();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Ask::new(&format!("POST {}", run_service("WatchActionDetails")))
        .typed("application/connect+json", [&[0], &length[..], &message].concat())
}

fn phases(reply: &Reply) -> Vec<Value> {
    let envelopes = reply.envelopes();
    envelopes
        .iter()
        .filter(|(flags, _)| *flags == 0)
        .map(|(_, message)| message["details"]["status"]["phase"].clone())
        .collect()
}

fn end(reply: &Reply) -> Value {
    let (flags, message) = reply.envelopes().pop().unwrap();
    assert_eq!(flags, 2, "{message}");
    message
}

fn dying() -> FlyteEmulator {
    let boot = Boot::with(Snapshot::in_phase(Phase::Queued))
        .then(Snapshot::serving())
        .lasting(Duration::from_millis(20))
        .then(Snapshot::in_phase(Phase::Failed));
    Emulator::flyte().with_run(Run::new("pond-dbg").with_boot(boot)).start_blocking().unwrap()
}

#[test]
fn a_stream_shows_each_snapshot_once_and_ends_with_the_action() {
    let reply = watch("pond-dbg").send(&dying());
    assert!(reply.head.contains("content-type: application/connect+json"), "{}", reply.head);
    assert_eq!(phases(&reply), ["ACTION_PHASE_QUEUED", "ACTION_PHASE_RUNNING", "ACTION_PHASE_FAILED"]);
    assert_eq!(end(&reply), json!({}));
}

#[test]
fn a_change_reaches_those_who_watch() {
    let emulator = Emulator::flyte().start_blocking().unwrap();
    let mut stream = watch("pond-dbg").header("connection", "close").start(&emulator.base_url());
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&said).contains("ACTION_PHASE_RUNNING") {
        let count = stream.read(&mut chunk).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&chunk[..count]);
    }
    emulator.show("pond-dbg", "a0", Snapshot::in_phase(Phase::TimedOut)).unwrap();
    stream.read_to_end(&mut said).unwrap();
    assert!(String::from_utf8_lossy(&said).contains("ACTION_PHASE_TIMED_OUT"));
}

#[test]
fn streams_end_early_are_cut_or_fail_as_scripted() {
    let emulator = dying();
    let with = |watching| {
        emulator.set_watching(watching);
        emulator.set_boot("pond-dbg", "a0", Boot::default()).unwrap();
        watch("pond-dbg").send(&emulator)
    };
    let ended = with(Watching::EndsAfter(1));
    assert_eq!((phases(&ended).len(), end(&ended)), (1, json!({})));
    assert_eq!(with(Watching::CutAfter(1)).envelopes().len(), 1);
    let failed = with(Watching::FailsAfter(1, RpcCode::Unavailable));
    assert_eq!((phases(&failed).len(), &end(&failed)["error"]["code"]), (1, &json!("unavailable")));
    let unimplemented = with(Watching::FailsAfter(0, RpcCode::Unimplemented));
    assert_eq!((unimplemented.status, &end(&unimplemented)["error"]["code"]), (200, &json!("unimplemented")));
}

#[test]
fn a_silent_stream_says_nothing_and_stays_open() {
    let emulator = Emulator::flyte().start_blocking().unwrap();
    emulator.set_watching(Watching::Silent);
    let mut stream = watch("pond-dbg").start(&emulator.base_url());
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut said = Vec::new();
    let error = stream.read_to_end(&mut said).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains("details"), "{said}");
}

#[test]
fn a_stream_fails_in_its_last_envelope() {
    let emulator = Emulator::flyte().with_rpc_login(RpcLogin::Required).start_blocking().unwrap();
    let refused = watch("pond-dbg").send(&emulator);
    assert_eq!((refused.status, &end(&refused)["error"]["code"]), (200, &json!("unauthenticated")));
    let token = emulator.issue_token(Duration::from_secs(60));
    let missing = watch("other").bearer(&token).send(&emulator);
    assert_eq!(end(&missing)["error"]["code"], "not_found");
    let unframed = watch("pond-dbg").bearer(&token).typed("application/connect+json", b"{}".to_vec());
    assert_eq!(unframed.send(&emulator).failure(), (400, "invalid_argument".into()));
}
