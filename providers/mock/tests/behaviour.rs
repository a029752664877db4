//! What mock does beyond the contract that tests/conformance.rs runs, with the real `ssh`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyssh_core::secrecy::ExposeSecret as _;
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::ssh_key::{LineEnding, PrivateKey};
use anyssh_core::{
    CallerKey, CreateRequest, Credential, Deadline, ErrorKind, Expiry, HostTrust, IdempotencyKey, KeyPair, Revocation,
    Session, SessionId, SessionRef, Settings, SshProvider, Target, Transport, Validity,
};
use anyssh_mock::{Act, MockProvider, PROVIDER, Script, Verb};
use tempfile::TempDir;
use tokio::process::Command;

const TARGETS: [&str; 2] = ["certificate", "password"];

fn target(word: &str) -> Target {
    Target::parse("target", word).unwrap()
}

fn soon() -> Deadline {
    Deadline::at(Instant::now() + Duration::from_secs(20))
}

fn request(word: &str) -> CreateRequest {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = [u8::try_from(number % 250).unwrap(); 32];
    let key = KeyPair::Fresh(Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(&seed))));
    let idempotency_key = IdempotencyKey::parse("key", &format!("test-{number}")).unwrap();
    CreateRequest::new(target(word), key, idempotency_key, SystemTime::now(), soon())
}

/// Logs in with what the session says and nothing else.
async fn ssh(session: &Session, line: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let Transport::Tcp { host, port } = &session.endpoint.transport else { panic!("not TCP") };
    let HostTrust::Pinned(keys) = &session.endpoint.host_trust else { panic!("not pinned") };
    put(&home, "known_hosts", &format!("[{host}]:{port} {}\n", keys[0].to_line()), 0o600);
    match &session.login.credential {
        Credential::Certificate { key, certificate } => {
            put(&home, "key", &key.to_openssh(LineEnding::LF).unwrap(), 0o600);
            put(&home, "key-cert.pub", &format!("{}\n", certificate.to_line()), 0o600);
        }
        Credential::Password(password) => {
            put(&home, "password", password.secret().expose_secret(), 0o600);
            put(&home, "askpass", &format!("#!/bin/sh\ncat {}/password\n", home.path().display()), 0o700);
        }
        other => panic!("not expected here: {other:?}"),
    }
    let mut command = Command::new("ssh");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("SSH_ASKPASS_REQUIRE", "force");
    command.env("SSH_ASKPASS", home.path().join("askpass"));
    command.args(["-F", "none", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null", "-oLogLevel=ERROR"]);
    command.arg(format!("-oUserKnownHostsFile={}", home.path().join("known_hosts").display()));
    command.arg(format!("-oIdentityFile={}", home.path().join("key").display()));
    command.args(["-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oNumberOfPasswordPrompts=1"]);
    command.args(["-l", session.login.user.as_str(), "-p", &port.to_string(), "--", &host.to_string(), line]);
    tokio::time::timeout(Duration::from_secs(20), command.output()).await.expect("ssh hangs").unwrap()
}

fn put(home: &TempDir, name: &str, text: &str, mode: u32) {
    let path: &Path = &home.path().join(name);
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn each_target_gives_a_session_that_ssh_can_use_at_once() {
    let provider = PROVIDER.build(&Settings::new()).unwrap();
    for word in TARGETS {
        let session = provider.create(&request(word)).await.unwrap();
        let output = ssh(&session, "echo $USER; exit 7").await;
        let user = format!("{}\n", session.login.user.as_str());
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout)), (Some(7), user.into()), "{word}");
        assert_eq!(session.expiry, Expiry::WithProcess);
    }
}

#[tokio::test]
async fn any_other_target_is_not_found_and_the_two_are_named() {
    let error = MockProvider::new().create(&request("nonsense")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no target nonsense, only certificate, password and tunnel");
}

#[tokio::test]
async fn the_directory_lists_both_targets_as_running() {
    let directory = PROVIDER.directory(&Settings::new()).unwrap().unwrap();
    let listed = directory.targets(soon()).await.unwrap();
    let shown: Vec<_> = listed.iter().map(|one| (one.target.as_str(), one.state.as_str())).collect();
    assert_eq!(shown, [("certificate", "running"), ("password", "running"), ("tunnel", "running")]);
    assert_eq!(PROVIDER.build(&Settings::new()).unwrap().capabilities(), PROVIDER.capabilities);
}

#[tokio::test(start_paused = true)]
async fn clause_2_every_method_ends_by_its_deadline() {
    let hour = Act::Delay(Duration::from_secs(3600));
    for act in [hour, Act::LateAnswer(Duration::from_secs(3600))] {
        let script = Script::new().always(Verb::Create, act.clone()).always(Verb::Validate, act.clone());
        let script = script.always(Verb::Revoke, act.clone());
        let provider = MockProvider::scripted(script);
        let reference = SessionRef::by_id(target("password"), SessionId::parse("id", "mock-1").unwrap());
        let begin = tokio::time::Instant::now();
        let at = |seconds| Deadline::at((begin + Duration::from_secs(seconds)).into_std());
        let mut create = request("password");
        create.deadline = at(5);
        assert_eq!(provider.create(&create).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(provider.validate(&reference, at(10)).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(provider.revoke(&reference, at(15)).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() < Duration::from_secs(16));
        assert_eq!(provider.live_sessions(), 0, "clause 5: {act:?} left something behind");
    }
}

#[tokio::test]
async fn clause_2_a_deadline_in_the_past_does_nothing() {
    let provider = MockProvider::new();
    let mut late = request("certificate");
    late.deadline = Deadline::at(Instant::now());
    assert_eq!(provider.create(&late).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(provider.live_sessions(), 0);
}

#[tokio::test]
async fn clause_3_a_callers_own_key_gets_a_certificate_without_its_private_half() {
    let mut request = request("certificate");
    let public_key = request.key_pair.public_key().clone();
    request.key_pair = KeyPair::Caller { public_key, key: CallerKey::Agent };
    let session = MockProvider::new().create(&request).await.unwrap();
    assert!(matches!(session.login.credential, Credential::CertificateOnly { key: CallerKey::Agent, .. }));
}

#[tokio::test]
async fn clause_9_the_old_credential_is_dead_at_the_new_place_too() {
    let provider = MockProvider::new();
    for word in TARGETS {
        let request = request(word);
        let old = provider.create(&request).await.unwrap();
        let new = provider.regenerate(&(&old).into(), &request).await.unwrap().session;
        let mixed = Session::new(new.id, new.target, new.endpoint, old.login, new.expiry);
        assert_eq!(ssh(&mixed, "true").await.status.code(), Some(255), "{word}");
    }
}

#[tokio::test]
async fn clause_10_regenerating_what_is_not_there_is_an_error() {
    let provider = MockProvider::new();
    let unknown = SessionRef::by_id(target("password"), SessionId::parse("id", "mock-1").unwrap());
    let error = provider.regenerate(&unknown, &request("password")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(provider.live_sessions(), 0);
}

/// Clause 11 and K6.
#[tokio::test]
async fn clause_11_no_debug_shows_the_password() {
    let provider = MockProvider::new();
    let session = provider.create(&request("password")).await.unwrap();
    let Credential::Password(password) = &session.login.credential else { panic!("no password") };
    let secret = password.secret().expose_secret();
    assert_eq!(secret.len(), 32);
    assert!(!format!("{session:?} {provider:?} {:?}", SessionRef::from(&session)).contains(secret));
}

#[tokio::test]
async fn a_session_of_one_target_is_no_session_of_the_other() {
    let provider = MockProvider::new();
    let session = provider.create(&request("password")).await.unwrap();
    let confused = SessionRef::by_id(target("certificate"), session.id.clone());
    assert_eq!(provider.revoke(&confused, soon()).await.unwrap(), Revocation::AlreadyGone);
    assert!(is_valid(&provider, &session).await);
}

#[tokio::test]
async fn a_script_fails_as_told_and_then_works() {
    let script = Script::new().once(Verb::Create, Act::Fail(ErrorKind::Unavailable, "busy".into()));
    let provider = MockProvider::scripted(script);
    let error = provider.create(&request("password")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str(), error.is_retryable()),
        (ErrorKind::Unavailable, "busy", true)
    );
    assert!(provider.create(&request("password")).await.is_ok());
}

#[tokio::test]
async fn a_script_makes_sessions_that_are_over_or_refused() {
    for word in TARGETS {
        let over = MockProvider::scripted(Script::new().expire());
        let session = over.create(&request(word)).await.unwrap();
        assert!(session.expiry.is_past(SystemTime::now()) && !is_valid(&over, &session).await);
        assert_eq!(ssh(&session, "true").await.status.code(), Some(255), "{word}");
        let refusing = MockProvider::scripted(Script::new().refuse());
        let session = refusing.create(&request(word)).await.unwrap();
        assert!(is_valid(&refusing, &session).await);
        let output = ssh(&session, "true").await;
        assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"), "{word}");
    }
}

#[tokio::test]
async fn dropping_the_provider_ends_its_sessions() {
    let provider = MockProvider::new();
    let session = provider.create(&request("password")).await.unwrap();
    drop(provider);
    let Transport::Tcp { port, .. } = session.endpoint.transport else { panic!("not TCP") };
    assert!(std::net::TcpStream::connect(("127.0.0.1", port.get())).is_err());
}

async fn is_valid(provider: &MockProvider, session: &Session) -> bool {
    matches!(provider.validate(&session.into(), soon()).await.unwrap(), Validity::Valid { .. })
}
