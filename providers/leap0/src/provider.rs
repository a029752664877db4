//! The trait: requests in, sessions out, and nothing left behind.

use std::time::SystemTime;

use anyssh_core::{
    Capabilities, CreateRequest, Deadline, ErrorKind, FieldError, ProviderError, Regenerated, Revocation, Session,
    SessionId, SessionKey, SessionRef, Settings, SshProvider, Target, TargetDirectory, TargetSummary, Validity,
    async_trait, escape,
};
use secrecy::SecretString;

use crate::CAPABILITIES;
use crate::api::{Leap0, Opened};
use crate::attempts::{Attempts, Reached};
use crate::config::Config;
use crate::ending::{Absence, Claim, absence};
use crate::error::Error;
use crate::generations::{Generation, Generations, Which};
use crate::opening::{may_have_arrived, unavailable_if_in_time};
use crate::ready;
use crate::trust::Trust;
use crate::wire::{Sandbox, SandboxState};

const SANDBOX: &str = "a sandbox's id: letters, digits, '.', '_' and '-'";

const NEEDS_ID: &str =
    "the second generation of the Leap0 API replaces a credential by its id, which has to be named: --session-id ID";

/// SSH into Leap0 sandboxes.
#[derive(Debug)]
pub struct Leap0Provider {
    pub(crate) api: Leap0,
    pub(crate) generations: Generations,
    pub(crate) attempts: Attempts,
    trust: Trust,
}

impl Leap0Provider {
    /// A provider from settings; no request is made. Which generation of the API answers is remembered in
    /// the settings' state directory, if they name one, else in this value.
    ///
    /// # Errors
    /// Of kind `Config`, naming the setting that is missing or does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        let Config { http, generations, trust } = Config::read(settings)?;
        Ok(Self { api: Leap0::over(http), generations, attempts: Attempts::default(), trust })
    }

    async fn try_create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        self.check_target(&request.target)?;
        let opened = self.open_when_up(request).await?;
        self.accepted(request, opened, Detect::IfNotKnown).await
    }

    /// What cannot work is refused before anything is asked for.
    fn check_target(&self, target: &Target) -> Result<(), ProviderError> {
        sandbox(target)?;
        self.trust.of(target).map(|_| ())
    }

    /// The session that was made, if it can be used; else it is ended.
    async fn accepted(
        &self,
        request: &CreateRequest,
        opened: Opened,
        detect: Detect,
    ) -> Result<Session, ProviderError> {
        let id = opened.id.as_ref().ok().cloned();
        let error = match self.try_accept(request, opened, detect).await {
            Ok(session) => return Ok(session),
            Err(error) => error,
        };
        let error = self.take_back(&request.target, id.as_ref(), error).await;
        self.attempts.forget(&request.attempt);
        Err(error)
    }

    async fn try_accept(
        &self,
        request: &CreateRequest,
        opened: Opened,
        detect: Detect,
    ) -> Result<Session, ProviderError> {
        opened.id?;
        let answer = opened.access?;
        let host_trust = self.trust.of(&request.target)?;
        let session = ready::session(&answer, &request.target, &self.trust, host_trust)?;
        if detect == Detect::IfNotKnown && self.generations.known().is_none() {
            let password = &answer.value.password;
            self.detect(&request.target, &session.id, password, request.deadline).await?;
        }
        if let anyssh_core::Expiry::At(end) = session.expiry {
            self.attempts.note_end(&session.id, end, SystemTime::now());
        }
        Ok(session)
    }

    /// One question about a credential that was made just now: only generation 2 knows the path, and a
    /// credential that is there is found.
    async fn detect(
        &self,
        target: &Target,
        id: &SessionId,
        password: &SecretString,
        deadline: Deadline,
    ) -> Result<(), ProviderError> {
        match self.api.validate_access(sandbox(target)?, Generation::Two, id, password, deadline).await {
            Ok(answer) => {
                self.generations.learn(Generation::Two);
                if ready::is_valid(&answer, target)? {
                    return Ok(());
                }
                let why = "the API says that the credential it made just now is not good".to_owned();
                Err(Error::Refused { field: "valid", why }.into())
            }
            Err(error) if absence(&error) != Absence::No => {
                self.generations.learn(Generation::One);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Asks whichever generation answers for a new credential in place of an old one.
    async fn reopen(
        &self,
        target: &Target,
        id: Option<&SessionId>,
        deadline: Deadline,
    ) -> Result<Opened, ProviderError> {
        let mut not_there = None;
        for generation in self.generations.order() {
            let which = match (generation, id) {
                (Generation::One, _) => Which::Only,
                (Generation::Two, Some(id)) => Which::Id(id),
                (Generation::Two, None) => continue,
            };
            match self.api.reopen(sandbox(target)?, which, deadline).await {
                Ok(opened) => {
                    self.generations.learn(*generation);
                    return Ok(opened);
                }
                Err(error) => match absence(&error) {
                    Absence::NotFound => not_there = Some(error),
                    Absence::NoSuchCall => {}
                    Absence::No => return Err(error),
                },
            }
        }
        Err(match not_there {
            Some(error) if id.is_some() || self.generations.known() == Some(Generation::One) => error,
            _ => Error::Unsupported(NEEDS_ID).into(),
        })
    }

    async fn try_regenerate(
        &self,
        session: &SessionRef,
        request: &CreateRequest,
    ) -> Result<Regenerated, ProviderError> {
        self.check_target(&request.target)?;
        let known = match &session.key {
            SessionKey::Id(id) => Some(id.clone()),
            SessionKey::Attempt(attempt) => match self.attempts.reached(attempt) {
                Some(Reached::Made(id)) => Some(id),
                _ => None,
            },
        };
        self.wait_until_up(request).await?;
        let opened = match self.reopen(&request.target, known.as_ref(), request.deadline).await {
            Ok(opened) => opened,
            Err(error) if may_have_arrived(&error) => {
                let left = self.left_behind(&request.target, known.as_ref());
                return Err(unavailable_if_in_time(error, request.deadline).with_left_behind(left));
            }
            Err(error) => return Err(error),
        };
        let new = self.accepted(request, opened, Detect::Never).await?;
        match known {
            Some(old) if old != new.id => self.attempts.forget_id(&old),
            _ => {}
        }
        Ok(Regenerated { session: new, still_alive: None })
    }
}

/// Whether the generation is to be found out with the new credential. The answer to a regenerate has told it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detect {
    IfNotKnown,
    Never,
}

#[async_trait]
impl SshProvider for Leap0Provider {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        self.attempts.note(&request.attempt, Reached::Nothing);
        let created = self.try_create(request).await;
        if created.is_err() {
            // The error says what may be left; only a create that is dropped leaves its note.
            self.attempts.forget(&request.attempt);
        }
        created
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        let SessionKey::Id(id) = &session.key else {
            return Err(Error::Unsupported("a credential is validated by its id and password").into());
        };
        let password = session.password.as_ref().ok_or(Error::NoPassword)?;
        let until = self.attempts.end_of(id);
        if let Some(end) = until.filter(|end| *end <= SystemTime::now()) {
            return Ok(Validity::Invalid { reason: format!("it expired at {}", ready::shown(end)) });
        }
        for generation in self.generations.order() {
            let asked = self.api.validate_access(sandbox(&session.target)?, *generation, id, password, deadline);
            match asked.await {
                Ok(answer) => {
                    self.generations.learn(*generation);
                    let is_valid = ready::is_valid(&answer, &session.target)?;
                    let reason = "Leap0 says that the id and the password do not log in: expired, replaced, or wrong";
                    return Ok(match is_valid {
                        true => Validity::Valid { until },
                        false => Validity::Invalid { reason: reason.to_owned() },
                    });
                }
                Err(error) if absence(&error) == Absence::No => return Err(error),
                Err(_) => {}
            }
        }
        Ok(Validity::Invalid { reason: "Leap0 knows no such credential".to_owned() })
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        if session.target != request.target {
            let message = format!("the session is of {}, and the new one is for {}", session.target, request.target);
            return Err(ProviderError::new(ErrorKind::Usage, message));
        }
        self.try_regenerate(session, request).await
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        match &session.key {
            SessionKey::Id(id) => {
                let claim = session.password.as_ref().map_or(Claim::Said, Claim::Password);
                let revocation = self.end(&session.target, Some(id), claim, deadline).await?;
                self.attempts.forget_id(id);
                Ok(revocation)
            }
            SessionKey::Attempt(attempt) => self.end_attempt(&session.target, attempt, deadline).await,
        }
    }
}

#[async_trait]
impl TargetDirectory for Leap0Provider {
    async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError> {
        let sandboxes = self.api.sandboxes(deadline).await?;
        // What is deleted can be reached by nobody.
        let living =
            sandboxes.iter().filter(|sandbox| !matches!(sandbox.state(), Ok(SandboxState::Deleted("deleted"))));
        living.map(summary).collect()
    }
}

fn summary(sandbox: &Sandbox) -> Result<TargetSummary, ProviderError> {
    Ok(TargetSummary {
        target: Target::parse("id", &sandbox.id).map_err(ProviderError::protocol)?,
        name: None,
        state: escape::printable(sandbox.state_word(), escape::MESSAGE_CAP),
    })
}

/// A sandbox's id. Narrower than a target: it is one segment, and no quote or shell word is in it.
pub(crate) fn sandbox(target: &Target) -> Result<&str, ProviderError> {
    match SessionId::parse("target", target.as_str()) {
        Ok(_) => Ok(target.as_str()),
        Err(_) => Err(ProviderError::usage(FieldError::new("target", SANDBOX, target.as_str()))),
    }
}
