//! The trait over a scripted control plane and a pod.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyssh_core::{
    CreateRequest, Credential, Deadline, ErrorKind, FirstContact, HostTrust, IdempotencyKey, KeyPair, OptionValue,
    Revocation, SessionId, SessionRef, Settings, SshProvider as _, Target, TargetDirectory as _, Transport, Validity,
};
use anyssh_server::{Act, Script};
use secrecy::ExposeSecret as _;

use super::kit::{GOOD, Numbered, Run, control_plane, link, pod};
use crate::options::Options;
use crate::provider::FlyteProvider;
use crate::testing::{Server, flyte_in, within};

/// A provider of a user with this home, whose first token is good, and these options.
pub(super) fn provider(server: &Server, home: &Path, options: &[(&str, Option<&str>)]) -> FlyteProvider {
    let set = |settings: Settings, (name, text): &(&str, Option<&str>)| {
        settings.with_option(*name, text.map_or(OptionValue::Flag, |text| OptionValue::Text(text.to_owned())))
    };
    let options = [("poll-interval", Some("100ms"))].iter().chain(options).fold(Settings::new(), set);
    let flyte = flyte_in(server, home).with_tokens(Numbered::beginning_at(2));
    FlyteProvider { flyte, options: Options::read(&options).unwrap() }
}

pub(super) fn request(target: &str, limit: Duration) -> CreateRequest {
    let pair = anyssh_core::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
    let key = KeyPair::Fresh(std::sync::Arc::new(pair.into()));
    let idempotency_key = IdempotencyKey::parse("key", "k1").unwrap();
    let deadline = Deadline::at(Instant::now() + limit);
    CreateRequest::new(Target::parse("target", target).unwrap(), key, idempotency_key, SystemTime::now(), deadline)
}

const LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_session_has_the_route_the_token_the_key_file_and_a_host_name_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let session = provider(&server, home.path(), &[]).create(&request("r1", LIMIT)).await.unwrap();
    assert_eq!((session.id.as_str(), session.target.as_str(), session.login.user.as_str()), ("r1.a0.1", "r1", "root"));
    let Transport::WebSocket { url, headers, .. } = &session.endpoint.transport else { panic!("no WebSocket") };
    assert_eq!(url.as_str(), pod.url("/pod/6060/?target_port=6060"));
    assert_eq!((headers[0].0.as_str(), headers[0].1.expose_secret()), ("Authorization", "Bearer token-2"));
    let Credential::KeyFile(key) = &session.login.credential else { panic!("no key file") };
    assert!(key.ends_with(".flyte/ssh-debug/id_ed25519") && key.is_file());
    let HostTrust::FirstUse(first_use) = &session.endpoint.host_trust else { panic!("no first use") };
    assert_eq!(first_use.first_contact, FirstContact::Accept);
    let alias = first_use.alias.as_str();
    assert!(alias.starts_with("flyte.") && alias.ends_with(".r1.a0.1"), "{alias}");
    // K6: nothing of it prints the token.
    assert!(!format!("{session:?}").contains(GOOD));
}

#[tokio::test]
async fn a_session_is_valid_while_its_pod_answers_and_no_longer() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let run = Run::new("RUNNING", Some(&link(&pod)));
    let server = control_plane(&run).await;
    let provider = provider(&server, home.path(), &[]);
    let session = provider.create(&request("r1", LIMIT)).await.unwrap();
    let reference = SessionRef::from(&session);
    assert_eq!(provider.validate(&reference, within(20)).await.unwrap(), Validity::Valid { until: None });

    let reason = async |id: &str| {
        let id = SessionId::parse("id", id).unwrap();
        let reference = SessionRef::by_id(session.target.clone(), id);
        match provider.validate(&reference, within(20)).await.unwrap() {
            Validity::Invalid { reason } => reason,
            valid => panic!("{valid:?}"),
        }
    };
    assert_eq!(reason("r1.a0.0").await, "its pod is gone; the run goes on in attempt 1");
    assert!(reason("x").await.contains("RUN.ACTION.ATTEMPT"));
    assert_eq!(reason("r9.a0.1").await, "Flyte knows no such run or action");
    run.becomes("QUEUED", None);
    assert_eq!(reason("r1.a0.1").await, "there is no link to its debug server: the run is queued");
    run.becomes("SUCCEEDED", Some(&link(&pod)));
    assert_eq!(reason("r1.a0.1").await, "the run is over: succeeded");
}

#[tokio::test]
async fn a_pod_without_a_route_is_not_valid_and_one_that_refuses_is_an_error() {
    let home = tempfile::tempdir().unwrap();
    for (status, kind) in [(404, None), (403, Some(ErrorKind::Forbidden)), (502, Some(ErrorKind::Unavailable))] {
        let pod = pod(Script::new().always(Act::Status(status))).await;
        let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
        let target = Target::parse("target", "r1").unwrap();
        let reference = SessionRef::by_id(target, SessionId::parse("id", "r1.a0.1").unwrap());
        let looked = provider(&server, home.path(), &[]).validate(&reference, within(20)).await;
        match kind {
            None => assert!(matches!(looked, Ok(Validity::Invalid { .. })), "{looked:?}"),
            Some(kind) => assert_eq!(looked.unwrap_err().kind(), kind),
        }
    }
}

#[tokio::test]
async fn a_regenerated_session_has_a_new_token() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    pod.replace_bearer("token-3".into());
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let provider = provider(&server, home.path(), &[]);
    let reference =
        SessionRef::by_id(Target::parse("target", "r1").unwrap(), SessionId::parse("id", "r1.a0.1").unwrap());
    let regenerated = provider.regenerate(&reference, &request("r1", LIMIT)).await.unwrap();
    let Transport::WebSocket { headers, .. } = &regenerated.session.endpoint.transport else { panic!("no WebSocket") };
    assert_eq!((headers[0].1.expose_secret(), pod.requests().len()), ("Bearer token-3", 1));
    let other = provider.regenerate(&reference, &request("r2", LIMIT)).await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Usage);
}

#[tokio::test]
async fn revoke_is_local_and_aborts_the_run_only_when_told_to() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let session = provider(&server, home.path(), &[]).create(&request("r1", LIMIT)).await.unwrap();
    let reference = SessionRef::from(&session);
    let plain = provider(&server, home.path(), &[]);
    assert_eq!(plain.revoke(&reference, within(20)).await.unwrap(), Revocation::LocalOnly);
    assert!(server.count("AbortRun") == 0 && home.path().join(".flyte/ssh-debug/id_ed25519").is_file());

    let aborting = provider(&server, home.path(), &[("abort-run", None)]);
    assert_eq!(aborting.revoke(&reference, within(20)).await.unwrap(), Revocation::Revoked);
    assert!(matches!(aborting.validate(&reference, within(20)).await, Ok(Validity::Invalid { .. })));
    let unknown = SessionRef::by_id(Target::parse("target", "r9").unwrap(), SessionId::parse("id", "r9.a0.1").unwrap());
    assert_eq!(aborting.revoke(&unknown, within(20)).await.unwrap(), Revocation::AlreadyGone);
}

#[tokio::test]
async fn the_token_is_also_written_where_the_user_asked_for_it() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let file = home.path().join("mine.headers");
    let options = [("headers-file", file.to_str()), ("user", Some("me"))];
    let session = provider(&server, home.path(), &options).create(&request("r1/a0", LIMIT)).await.unwrap();
    assert_eq!(session.login.user.as_str(), "me");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "Authorization: Bearer token-2\n");
    let options = [("host-alias", Some("mine"))];
    provider(&server, home.path(), &options).create(&request("r1", LIMIT)).await.unwrap();
    assert!(home.path().join(".flyte/ssh-debug/mine.headers").is_file());
}

#[tokio::test]
async fn a_key_of_ones_own_is_named_and_has_to_be_there() {
    let home = tempfile::tempdir().unwrap();
    let pod = pod(Script::new()).await;
    let server = control_plane(&Run::new("RUNNING", Some(&link(&pod)))).await;
    let file = home.path().join("id");
    let options = [("identity-file", file.to_str())];
    let error = provider(&server, home.path(), &options).create(&request("r1", LIMIT)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("identity-file")));
    std::fs::File::create(&file).unwrap();
    let session = provider(&server, home.path(), &options).create(&request("r1", LIMIT)).await.unwrap();
    assert!(matches!(&session.login.credential, Credential::KeyFile(key) if *key == file));
}

#[tokio::test]
async fn the_runs_that_are_not_over_are_listed_over_all_pages() {
    let home = tempfile::tempdir().unwrap();
    let server = control_plane(&Run::new("RUNNING", None)).await;
    let targets = provider(&server, home.path(), &[]).targets(within(20)).await.unwrap();
    let shown: Vec<_> =
        targets.iter().map(|one| (one.target.as_str(), one.name.as_deref(), one.state.as_str())).collect();
    assert_eq!(shown, [("r1", Some(r"main\x1b"), "running"), ("r3", None, "unspecified")]);
}

/// S7: what is no run's name reaches no request.
#[tokio::test]
async fn a_target_that_is_no_run_is_refused_before_anything_is_sent() {
    let home = tempfile::tempdir().unwrap();
    let server = control_plane(&Run::new("RUNNING", None)).await;
    let error = provider(&server, home.path(), &[]).create(&request("r1/a0/x", LIMIT)).await.unwrap_err();
    assert_eq!((error.kind(), error.field(), server.count("GetActionDetails")), (ErrorKind::Usage, Some("target"), 0));
}
