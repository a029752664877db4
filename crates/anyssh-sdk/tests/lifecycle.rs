//! The life of a session: whatever happens, what was made is revoked and the error says what is not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyssh_core::{
    Capabilities, CreateRequest, Deadline, Endpoint, ErrorKind, Expiry, Host, HostKey, HostTrust, KeyPair, Login,
    Password, Port, ProviderError, ProviderInfo, Regenerated, Revocation, Session, SessionId, SessionKey, SessionRef,
    SshProvider, Target, Transport, UserName, Validity,
};
use anyssh_sdk::{Cancel, Error, Kind, Operation, Provider, RequestOptions, with_session};
use async_trait::async_trait;

static INFO: ProviderInfo =
    ProviderInfo::new("scripted", "for tests", |_| Err(ProviderError::unsupported("built by hand")));

/// How `create` behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Create {
    Works,
    Hangs,
    Fails,
    ForAnotherTarget,
    Expired,
    TrustsNobody,
}

#[derive(Debug)]
struct Scripted {
    create: Create,
    revoke_fails: bool,
    revoked: Arc<Mutex<Vec<String>>>,
}

fn session(target: &str, expiry: Expiry) -> Session {
    let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
    let keys = vec![HostKey::parse("host_key", line).unwrap()];
    Session::new(
        SessionId::parse("id", "s1").unwrap(),
        Target::parse("target", target).unwrap(),
        Endpoint {
            transport: Transport::Tcp { host: Host::parse("host", "127.0.0.1").unwrap(), port: Port::SSH },
            host_trust: HostTrust::Pinned(keys),
        },
        Login::password(UserName::parse("user", "me").unwrap(), Password::parse("password", "pw".into()).unwrap()),
        expiry,
    )
}

#[async_trait]
impl SshProvider for Scripted {
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    async fn create(&self, _: &CreateRequest) -> Result<Session, ProviderError> {
        match self.create {
            Create::Works => Ok(session("t", Expiry::Unknown)),
            Create::Hangs => pending().await,
            Create::Fails => Err(ProviderError::new(ErrorKind::Forbidden, "no")),
            Create::ForAnotherTarget => Ok(session("other", Expiry::Unknown)),
            Create::Expired => Ok(session("t", Expiry::At(SystemTime::UNIX_EPOCH))),
            Create::TrustsNobody => {
                let mut session = session("t", Expiry::Unknown);
                session.endpoint.host_trust = HostTrust::Pinned(Vec::new());
                Ok(session)
            }
        }
    }

    async fn validate(&self, _: &SessionRef, _: Deadline) -> Result<Validity, ProviderError> {
        pending().await
    }

    async fn regenerate(&self, _: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        Ok(Regenerated { session: self.create(request).await?, still_alive: None })
    }

    async fn revoke(&self, session: &SessionRef, _: Deadline) -> Result<Revocation, ProviderError> {
        let key = match &session.key {
            SessionKey::Id(id) => id.to_string(),
            SessionKey::Attempt(_) => "attempt".to_owned(),
        };
        self.revoked.lock().unwrap().push(key);
        if self.revoke_fails {
            return Err(ProviderError::new(ErrorKind::Unavailable, "cannot be reached"));
        }
        Ok(Revocation::Revoked)
    }
}

struct Case {
    provider: Provider,
    request: CreateRequest,
    revoked: Arc<Mutex<Vec<String>>>,
}

fn case(create: Create, revoke_fails: bool) -> Case {
    let revoked = Arc::new(Mutex::new(Vec::new()));
    let scripted = Scripted { create, revoke_fails, revoked: Arc::clone(&revoked) };
    let provider = Provider::from_value(&INFO, Arc::new(scripted));
    let deadline = Deadline::at((tokio::time::Instant::now() + Duration::from_secs(60)).into_std());
    let request = provider.request("t", &RequestOptions::until(deadline)).unwrap();
    Case { provider, request, revoked }
}

impl Case {
    async fn run(&self, cancel: &Cancel) -> Result<i32, Error> {
        Ok(with_session(&self.provider, &self.request, cancel, async |_| 7).await?.value)
    }

    fn revoked(&self) -> Vec<String> {
        self.revoked.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn a_session_is_revoked_after_its_use() {
    let case = case(Create::Works, false);
    assert_eq!(case.run(&Cancel::never()).await.unwrap(), 7);
    assert_eq!(case.revoked(), ["s1"]);
}

#[tokio::test]
async fn a_revoke_that_fails_does_not_undo_the_use_and_is_told() {
    let case = case(Create::Works, true);
    let finished = with_session(&case.provider, &case.request, &Cancel::never(), async |_| 7).await.unwrap();
    assert_eq!(finished.value, 7);
    let failure = finished.revocation.unwrap_err();
    assert_eq!((failure.kind(), failure.operation()), (Kind::Unavailable, Operation::Revoke));
}

#[tokio::test]
async fn a_session_is_revoked_when_its_use_panics() {
    let Case { provider, request, revoked } = case(Create::Works, false);
    let task = tokio::spawn(async move {
        let cancel = Cancel::never();
        let panics = async |_: &Session| -> i32 { panic!("in use") };
        drop(with_session(&provider, &request, &cancel, panics).await);
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(*revoked.lock().unwrap(), ["s1"]);
}

/// C6: a cancelled creation is revoked through its attempt, which is all that is known of it.
#[tokio::test]
async fn a_cancelled_creation_is_revoked_by_its_attempt() {
    let case = case(Create::Hangs, false);
    let (trigger, cancel) = Cancel::pair();
    trigger.cancel(15);
    let error = case.run(&cancel).await.unwrap_err();
    assert_eq!((error.kind(), error.kind().code()), (Kind::Interrupted(15), 143));
    assert_eq!(case.revoked(), ["attempt"]);
    assert!(error.clean_up_failure().is_none());
}

#[tokio::test]
async fn a_cancelled_creation_that_cannot_be_revoked_says_so() {
    let case = case(Create::Hangs, true);
    let (trigger, cancel) = Cancel::pair();
    trigger.cancel(2);
    let error = case.run(&cancel).await.unwrap_err();
    assert_eq!(error.clean_up_failure().unwrap().to_string(), "cannot be reached");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_misses_its_deadline_is_cut_off_and_revoked_by_its_attempt() {
    let case = case(Create::Hangs, false);
    let start = tokio::time::Instant::now();
    let error = case.run(&Cancel::never()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(start.elapsed() < Duration::from_secs(66), "{:?}", start.elapsed());
    assert_eq!(case.revoked(), ["attempt"]);
}

#[tokio::test]
async fn a_failed_creation_is_the_providers_own_to_clean_up() {
    let case = case(Create::Fails, false);
    let error = case.run(&Cancel::never()).await.unwrap_err();
    assert_eq!((error.kind(), error.provider(), error.target().unwrap().as_str()), (Kind::Auth, "scripted", "t"));
    assert!(case.revoked().is_empty());
}

/// S8 for every provider, also those that are not ours: an unfit session is refused and revoked.
#[tokio::test]
async fn a_session_that_does_not_fit_the_question_is_refused_and_revoked() {
    for (create, field) in
        [(Create::ForAnotherTarget, "target"), (Create::Expired, "expires_at"), (Create::TrustsNobody, "host_trust")]
    {
        let case = case(create, false);
        let error = case.run(&Cancel::never()).await.unwrap_err();
        assert_eq!((error.kind(), error.field()), (Kind::Protocol, Some(field)));
        assert_eq!(case.revoked(), ["s1"], "{create:?}");
    }
}

/// S8: a regenerated session is looked at like a new one.
#[tokio::test(start_paused = true)]
async fn a_regenerated_session_that_does_not_fit_is_refused_and_revoked() {
    let case = case(Create::ForAnotherTarget, false);
    let old = SessionRef::by_id(case.request.target.clone(), SessionId::parse("id", "old").unwrap());
    let error = case.provider.regenerate(&old, &case.request).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (Kind::Protocol, Operation::Regenerate));
    assert_eq!(case.revoked(), ["s1"]);
}

#[tokio::test]
async fn a_key_of_the_callers_is_refused_by_a_provider_that_cannot_bind_to_it() {
    let case = case(Create::Works, false);
    let public_key = case.request.attempt.public_key.clone();
    let callers = KeyPair::Caller { public_key, key: anyssh_core::CallerKey::Agent };
    let options = RequestOptions::new(Duration::from_secs(1)).with_key_pair(callers);
    let error = case.provider.request("t", &options).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (Kind::Usage, Operation::Configure));
}

#[tokio::test]
async fn targets_of_a_provider_without_a_list_are_an_error_and_not_an_empty_list() {
    let case = case(Create::Works, false);
    let error = case.provider.targets(case.request.deadline).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (Kind::Usage, Operation::Targets));
}

#[test]
fn an_unknown_provider_is_an_error_that_lists_the_ones_there_are() {
    let error = Provider::builtin("nope", &anyssh_sdk::Settings::new()).unwrap_err();
    assert!(error.to_string().contains("mock"), "{error}");
}

/// Platform teams spawn these on a runtime with many threads.
#[test]
fn the_futures_can_be_sent_between_threads() {
    fn sendable<T: Send>(_: T) {}
    let case = case(Create::Works, false);
    let cancel = Cancel::never();
    sendable(case.provider.create(&case.request));
    sendable(with_session(&case.provider, &case.request, &cancel, async |_| 7));
}
