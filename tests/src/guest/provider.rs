//! The trait, as the scenario says.

use std::time::{Duration, Instant, SystemTime};

use anyssh_core::{
    Capabilities, CreateRequest, Credential, Deadline, Endpoint, ErrorKind, Expiry, FieldError, FirstUse, Host,
    HostAlias, HostKey, HostTrust, LeftBehind, Login, Password, Port, ProviderError, Regenerated, Revocation, Session,
    SessionId, SessionKey, SessionRef, SshProvider, Target, TargetDirectory, TargetSummary, Transport, UserName,
    Validity, Wake, WebSocketUrl, async_trait,
};
use secrecy::ExposeSecret as _;

use super::record::{self, Call};
use super::scenario::{Act, KINDS, Scenario, Trust};

/// The provider.
#[derive(Debug)]
pub(super) struct Guest {
    scenario: Scenario,
}

impl Guest {
    pub(super) fn new(scenario: Scenario) -> Self {
        Self { scenario }
    }

    /// Writes the call down, does what the script has for it, and writes down that it was done.
    async fn act(&self, call: &Call, act: &Act, target: &Target, deadline: Deadline) -> Result<(), ProviderError> {
        let time_left_ms = u64::try_from(deadline.remaining(Instant::now()).as_millis()).unwrap_or(u64::MAX);
        let request_timeout_ms = self.scenario.request_timeout_ms;
        let call = Call { phase: "begin".into(), time_left_ms, request_timeout_ms, ..call.clone() };
        self.record(&call)?;
        let answer = follow(act, target, deadline).await;
        self.record(&Call { phase: "end".into(), ..call })?;
        answer
    }

    fn record(&self, call: &Call) -> Result<(), ProviderError> {
        record::add(&self.scenario.record, call)
            .map_err(|error| ProviderError::new(ErrorKind::Local, format!("the record: {error}")))
    }

    fn made(&self, request: &CreateRequest) -> Call {
        let colour = self.scenario.colour.iter().map(|colour| format!("colour={colour}"));
        let flags = [("flag", self.scenario.flag), ("no-wake", request.wake == Wake::Forbidden)];
        let flags = flags.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned());
        Call {
            target: request.target.to_string(),
            attempt: Some(request.attempt.idempotency_key.to_string()),
            options: colour.chain(flags).collect(),
            ..Call::default()
        }
    }

    fn session(&self, request: &CreateRequest, bearer: &str) -> Result<Session, FieldError> {
        let part = &self.scenario.session;
        let target = match &part.target {
            Some(other) => Target::parse("target", other)?,
            None => request.target.clone(),
        };
        let host = Host::parse("host", "127.0.0.1")?;
        let port = Port::from_number("port", part.port.into())?;
        let password = Password::parse("password", part.password.as_str().into())?;
        let login = Login { user: UserName::parse("user", &part.user)?, credential: Credential::Password(password) };
        let transport = match &part.web_socket {
            None => Transport::Tcp { host, port },
            Some(url) => Transport::WebSocket {
                url: WebSocketUrl::parse("url", url)?,
                headers: vec![("Authorization".into(), format!("Bearer {bearer}").into())],
                ca_file: None,
            },
        };
        let endpoint = Endpoint { transport, host_trust: trust(&part.trust)? };
        let now = SystemTime::now();
        let expiry = match part.expires_in {
            None => Expiry::Unknown,
            Some(seconds) if seconds < 0 => Expiry::At(now - Duration::from_secs(seconds.unsigned_abs())),
            Some(seconds) => Expiry::At(now + Duration::from_secs(seconds.unsigned_abs())),
        };
        let id = SessionId::parse("session_id", &part.id)?;
        Ok(Session::new(id, target, endpoint, login, expiry).with_created_at(now))
    }
}

#[async_trait]
impl SshProvider for Guest {
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        for message in &self.scenario.progress {
            request.progress.tell(message);
        }
        let call = Call { verb: "create".into(), ..self.made(request) };
        self.act(&call, &self.scenario.create, &request.target, request.deadline).await?;
        self.session(request, &self.scenario.session.bearer).map_err(ProviderError::protocol)
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        self.act(&asked("validate", session), &self.scenario.validate, &session.target, deadline).await?;
        let until = self.scenario.session.expires_in.map(|_| SystemTime::UNIX_EPOCH + Duration::from_secs(4102444800));
        Ok(match self.scenario.valid {
            true => Validity::Valid { until },
            false => Validity::Invalid { reason: "checked out".into() },
        })
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        let call = Call { id: asked("", session).id, verb: "regenerate".into(), ..self.made(request) };
        self.act(&call, &self.scenario.regenerate, &session.target, request.deadline).await?;
        let old = match &session.key {
            SessionKey::Id(id) if self.scenario.session.still_alive => Some(id.clone()),
            _ => None,
        };
        let session = self.session(request, &self.scenario.session.fresh_bearer).map_err(ProviderError::protocol)?;
        Ok(Regenerated { session, still_alive: old })
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        self.act(&asked("revoke", session), &self.scenario.revoke, &session.target, deadline).await?;
        Ok(if self.scenario.gone { Revocation::AlreadyGone } else { Revocation::Revoked })
    }
}

#[async_trait]
impl TargetDirectory for Guest {
    async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError> {
        let target = |text| Target::parse("target", text).map_err(ProviderError::protocol);
        let call = Call { verb: "targets".into(), ..Call::default() };
        self.act(&call, &self.scenario.targets, &target("any")?, deadline).await?;
        Ok(vec![
            TargetSummary { target: target("room-1")?, name: None, state: "running".into() },
            TargetSummary { target: target("room-22")?, name: Some("the big one".into()), state: "asleep".into() },
        ])
    }
}

fn asked(verb: &str, session: &SessionRef) -> Call {
    let (id, attempt) = match &session.key {
        SessionKey::Id(id) => (Some(id.to_string()), None),
        SessionKey::Attempt(attempt) => (None, Some(attempt.idempotency_key.to_string())),
    };
    let password_length = session.password.as_ref().map(|password| password.expose_secret().len());
    Call { verb: verb.into(), target: session.target.to_string(), id, attempt, password_length, ..Call::default() }
}

async fn follow(act: &Act, target: &Target, deadline: Deadline) -> Result<(), ProviderError> {
    match act {
        Act::Work => Ok(()),
        Act::Delay(millis) => {
            tokio::time::sleep(Duration::from_millis(*millis)).await;
            Ok(())
        }
        Act::Fail(kind, message, field) => {
            let error = ProviderError::new(kind_of(kind), message.clone());
            Err(match field {
                Some(field) => error.with_field(field.clone()),
                None => error,
            })
        }
        Act::Leave(left) => {
            let session = match &left.session {
                Some(id) => Some(SessionId::parse("session_id", id).map_err(ProviderError::protocol)?),
                None => None,
            };
            let left = LeftBehind { target: target.clone(), session, until: left.until.clone().into() };
            Err(ProviderError::new(ErrorKind::TimedOut, "not ready in time").with_left_behind(left))
        }
        Act::Hang => {
            tokio::time::sleep_until(deadline.instant().into()).await;
            Err(ProviderError::new(ErrorKind::TimedOut, "timeout: the room is still being made"))
        }
        Act::Ignore => std::future::pending().await,
        Act::Panic => panic!("the guest panics, as it was told to"),
    }
}

fn kind_of(name: &str) -> ErrorKind {
    KINDS.into_iter().find(|kind| format!("{kind:?}") == name).unwrap_or(ErrorKind::Local)
}

fn trust(trust: &Trust) -> Result<HostTrust, FieldError> {
    Ok(match trust {
        Trust::Pinned(lines) => {
            HostTrust::Pinned(lines.iter().map(|line| HostKey::parse("host_key", line)).collect::<Result<_, _>>()?)
        }
        Trust::Authority(line) => HostTrust::CertAuthority { key: HostKey::parse("host_ca", line)? },
        Trust::FirstUse { alias, group, accepted } => {
            let mut first_use = FirstUse::new(HostAlias::parse("alias", alias)?);
            if let Some(group) = group {
                first_use = first_use.in_group(group.clone());
            }
            HostTrust::FirstUse(if *accepted { first_use.accepted() } else { first_use })
        }
    })
}
