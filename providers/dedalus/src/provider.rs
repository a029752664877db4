//! The trait: requests in, sessions out.

use anyssh_core::{
    Capabilities, CreateRequest, Deadline, ErrorKind, FieldError, ProviderError, Regenerated, Revocation, Session,
    SessionId, SessionKey, SessionRef, Settings, SshProvider, Target, TargetDirectory, TargetSummary, Validity,
    async_trait, escape,
};
use anyssh_http::Timed;

use crate::CAPABILITIES;
use crate::api::Dedalus;
use crate::creation::waiting_for;
use crate::error::Error;
use crate::ready;
use crate::wire::{Machine, SshSession, Stage};

const MACHINE: &str = "a machine's id: letters, digits, '.', '_' and '-'";

/// SSH into Dedalus machines.
#[derive(Debug)]
pub struct DedalusProvider {
    pub(crate) api: Dedalus,
}

impl DedalusProvider {
    /// A provider from settings and options; no request is made.
    ///
    /// # Errors
    /// Of kind `Config`, naming the setting that is missing or does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        Ok(Self { api: Dedalus::new(settings)? })
    }
}

#[async_trait]
impl SshProvider for DedalusProvider {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        self.try_create(request).await
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        let SessionKey::Id(id) = &session.key else {
            return Err(Error::Unsupported("a session is validated by its id: asking by attempt would make one").into());
        };
        match self.api.ssh_session(machine(&session.target)?, id, deadline).await {
            Ok(answer) => {
                ready::check_ids(&answer.value, &session.target, id)?;
                validity(&answer)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Validity::Invalid { reason: "Dedalus knows no such session".to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        if session.target != request.target {
            let message = format!("the session is of {}, and the new one is for {}", session.target, request.target);
            return Err(ProviderError::new(ErrorKind::Usage, message));
        }
        let old = match &session.key {
            SessionKey::Id(id) => Some(id.clone()),
            SessionKey::Attempt(attempt) => self.find(&session.target, attempt, request.deadline).await?,
        };
        let session = self.try_create(request).await?;
        let still_alive = match old {
            // The same key made the same session: there is no old one.
            Some(old) if old != session.id => {
                self.end(&request.target, &old, request.deadline).await.is_err().then_some(old)
            }
            _ => None,
        };
        Ok(Regenerated { session, still_alive })
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        match &session.key {
            SessionKey::Id(id) => self.end(&session.target, id, deadline).await,
            SessionKey::Attempt(attempt) => self.end_attempt(&session.target, attempt, deadline).await,
        }
    }
}

#[async_trait]
impl TargetDirectory for DedalusProvider {
    async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError> {
        let machines = self.api.machines(deadline).await?;
        // What is destroyed can be reached by nobody.
        let living = machines.iter().filter(|machine| machine.phase() != Some("destroyed"));
        living.map(summary).collect()
    }
}

fn summary(machine: &Machine) -> Result<TargetSummary, ProviderError> {
    let shown = |text: &str| escape::printable(text, escape::MESSAGE_CAP);
    Ok(TargetSummary {
        target: Target::parse("machine_id", &machine.machine_id).map_err(ProviderError::protocol)?,
        name: machine.name.as_deref().filter(|name| !name.is_empty()).map(shown),
        state: machine.phase().map_or("unknown".to_owned(), shown),
    })
}

fn validity(answer: &Timed<SshSession>) -> Result<Validity, ProviderError> {
    let invalid = |reason: String| Ok(Validity::Invalid { reason });
    match answer.value.stage().map_err(ProviderError::protocol)? {
        Stage::Pending(word) => invalid(format!("it is not ready: {}", waiting_for(&word))),
        Stage::Over(status) => invalid(format!("it is {status}")),
        Stage::Ready => match ready::until(&answer.value)? {
            Some(end) if end <= answer.now() => invalid(format!("it has expired{}", answer.clock_note())),
            until => Ok(Validity::Valid { until }),
        },
    }
}

/// A machine's id. Narrower than a target: it is one segment, and no quote or shell word is in it.
pub(crate) fn machine(target: &Target) -> Result<&str, ProviderError> {
    match SessionId::parse("target", target.as_str()) {
        Ok(_) => Ok(target.as_str()),
        Err(_) => Err(ProviderError::usage(FieldError::new("target", MACHINE, target.as_str()))),
    }
}
