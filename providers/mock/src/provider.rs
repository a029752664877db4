//! The trait: requests in, sessions out.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyssh_core::secrecy::{ExposeSecret as _, SecretString};
use anyssh_core::{
    Attempt, Capabilities, CreateRequest, Credential, Deadline, Endpoint, Expiry, Host, HostTrust, Login, Port,
    ProviderError, Regenerated, Revocation, Session, SessionId, SessionKey, SessionRef, SshProvider, Target,
    TargetDirectory, TargetSummary, Transport, UserName, Validity, WebSocketUrl, async_trait,
};
use anyssh_server::Account;
use tokio::time::{Instant, sleep, timeout_at};

use crate::CAPABILITIES;
use crate::error::Error;
use crate::script::{Act, Script, Verb};
use crate::vendor::{self, Access, Kind, Order, Running};

/// Sessions on servers in this process. Dropping it ends them all.
#[derive(Debug)]
pub struct MockProvider {
    account: Account,
    script: Script,
    sessions: Mutex<HashMap<SessionId, Live>>,
}

/// A session that has not been revoked.
#[derive(Debug)]
struct Live {
    target: Target,
    attempt: Attempt,
    running: Running,
}

impl MockProvider {
    /// A provider without sessions, for the current user.
    pub fn new() -> Self {
        Self::scripted(Script::new())
    }

    /// The same, misbehaving as the script says.
    pub fn scripted(script: Script) -> Self {
        // A user without an entry in /etc/passwd, or with a name that no SSH session has, is called mock.
        let current = Account::current().filter(|account| UserName::parse("user", &account.name).is_ok());
        let account = current.unwrap_or_else(|| Account::new("mock", "/", "/bin/sh"));
        Self { account, script, sessions: Mutex::default() }
    }

    /// The same for another account: in a test, one whose shell has no start-up files.
    #[must_use]
    pub fn with_account(mut self, account: Account) -> Self {
        self.account = account;
        self
    }

    /// What it does instead of working.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// How many sessions live. In a test: that nothing was left behind.
    pub fn live_sessions(&self) -> usize {
        self.sessions().len()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Live>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a session and remembers it, with its attempt, before anybody hears of it.
    fn start(&self, request: &CreateRequest) -> Result<Session, Error> {
        let kind = Kind::of(&request.target)?;
        let (expired, refused) = (self.script.expires(), self.script.refuses());
        let order = Order { kind, account: &self.account, key_pair: &request.key_pair, expired, refused };
        let now = SystemTime::now();
        let running = vendor::start(&order, now)?;
        let session = self.session(request, &running)?.with_created_at(now);
        let live = Live { target: request.target.clone(), attempt: request.attempt.clone(), running };
        self.sessions().insert(session.id.clone(), live);
        Ok(session)
    }

    fn session(&self, request: &CreateRequest, running: &Running) -> Result<Session, Error> {
        let transport = transport(running)?;
        let user = UserName::parse("user", &self.account.name)?;
        let host_trust = HostTrust::Pinned(vec![running.host_key.clone()]);
        let credential = match &running.access {
            Access::Certificate(certificate) => request.key_pair.certified((**certificate).clone()),
            Access::Password(password) => Credential::Password(password.clone()),
        };
        let expiry = match running.until {
            Some(end) if self.script.expires() => Expiry::At(end),
            _ => Expiry::WithProcess,
        };
        Ok(Session::new(
            running.id.clone(),
            request.target.clone(),
            Endpoint { transport, host_trust },
            Login { user, credential },
            expiry,
        ))
    }

    /// The id of a live session, however it is named.
    fn find(&self, session: &SessionRef) -> Option<SessionId> {
        let sessions = self.sessions();
        let mut of_target = sessions.iter().filter(|(_, live)| live.target == session.target);
        let found = match &session.key {
            SessionKey::Id(id) => of_target.find(|(known, _)| *known == id),
            SessionKey::Attempt(attempt) => of_target.find(|(_, live)| live.attempt == *attempt),
        };
        found.map(|(id, _)| id.clone())
    }

    /// Ends a session: dropping it closes its port and kills what it runs.
    fn end(&self, id: &SessionId) -> bool {
        let ended = self.sessions().remove(id);
        ended.is_some()
    }

    /// What the script has for before the work; the answer is what it has for after it.
    async fn before(&self, verb: Verb, deadline: Deadline) -> Result<Duration, Error> {
        let (wait, late) = match self.script.act(verb) {
            Act::Work => (Duration::ZERO, Duration::ZERO),
            Act::Fail(kind, message) => return Err(Error::Scripted { kind, message }),
            Act::Delay(delay) => (delay, Duration::ZERO),
            Act::LateAnswer(delay) => (Duration::ZERO, delay),
        };
        wait_for(wait, deadline).await?;
        Ok(late)
    }

    async fn try_create(&self, request: &CreateRequest, verb: Verb) -> Result<Session, Error> {
        let late = self.before(verb, request.deadline).await?;
        let session = self.start(request)?;
        if let Err(error) = wait_for(late, request.deadline).await {
            self.end(&session.id);
            return Err(error);
        }
        Ok(session)
    }
}

impl Default for MockProvider {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SshProvider for MockProvider {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        Ok(self.try_create(request, Verb::Create).await?)
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        let late = self.before(Verb::Validate, deadline).await?;
        wait_for(late, deadline).await?;
        let until = self.find(session).and_then(|id| Some(self.sessions().get(&id)?.running.until));
        Ok(match until {
            None => Validity::Invalid { reason: "mock has no such session in this process".into() },
            Some(Some(end)) if end <= SystemTime::now() => Validity::Invalid { reason: "it has expired".into() },
            Some(until) => Validity::Valid { until },
        })
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        let old = self.find(session).filter(|_| session.target == request.target);
        let old = old.ok_or_else(|| Error::NoSuchSession(format!("of {} to regenerate", session.target)))?;
        let session = self.try_create(request, Verb::Regenerate).await?;
        self.end(&old);
        Ok(Regenerated { session, still_alive: None })
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        let late = self.before(Verb::Revoke, deadline).await?;
        let ended = self.find(session).is_some_and(|id| self.end(&id));
        wait_for(late, deadline).await?;
        Ok(if ended { Revocation::Revoked } else { Revocation::AlreadyGone })
    }
}

/// How the server of a session is reached.
fn transport(running: &Running) -> Result<Transport, Error> {
    let (Some(port), Some(token)) = (running.server.bridge_port(), &running.bearer) else {
        let host = Host::Address(Ipv4Addr::LOCALHOST.into());
        return Ok(Transport::Tcp { host, port: Port::from_number("port", running.server.port().into())? });
    };
    let url = WebSocketUrl::parse("url", &format!("ws://{}:{port}/ssh", Ipv4Addr::LOCALHOST))?;
    let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
    Ok(Transport::WebSocket { url, headers: vec![("Authorization".to_owned(), bearer)], ca_file: None })
}

/// Waits, but not beyond the deadline. A deadline that has passed already fails without any wait.
async fn wait_for(delay: Duration, deadline: Deadline) -> Result<(), Error> {
    let deadline = Instant::from_std(deadline.instant());
    if deadline <= Instant::now() {
        return Err(Error::TimedOut("about to begin"));
    }
    if delay.is_zero() {
        return Ok(());
    }
    timeout_at(deadline, sleep(delay)).await.map_err(|_| Error::TimedOut("waiting"))
}

/// The three targets.
#[derive(Debug)]
pub(crate) struct MockTargets;

#[async_trait]
impl TargetDirectory for MockTargets {
    async fn targets(&self, _deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError> {
        let summary = |kind: Kind| {
            let target = Target::parse("target", kind.word()).map_err(ProviderError::protocol)?;
            Ok(TargetSummary { target, name: None, state: "running".into() })
        };
        Kind::ALL.into_iter().map(summary).collect()
    }
}
