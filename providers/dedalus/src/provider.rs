//! The trait: requests in, sessions out, and nothing left behind.

use std::time::{Duration, Instant};

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{
    Attempt, Capabilities, CreateRequest, Deadline, ErrorKind, FieldError, KeyPair, LeftBehind, ProviderError,
    Regenerated, Revocation, Session, SessionId, SessionKey, SessionRef, Settings, SshProvider, Target,
    TargetDirectory, TargetSummary, Validity, Wake, async_trait, escape,
};
use anyssh_http::{HttpError, POLL_INTERVAL, Polled, poll_until};

use crate::CAPABILITIES;
use crate::api::{Dedalus, Opened, Timed};
use crate::config::Config;
use crate::error::Error;
use crate::ready::{self, Asked};
use crate::wire::{Machine, SshSession, Stage};

/// What taking back may need, counted from its start (clause 2 of the trait's contract).
const CLEAN_UP: Duration = Duration::from_secs(5);

const MACHINE: &str = "a machine's id: letters, digits, '.', '_' and '-'";

const UNTIL_EXPIRED: &str = "it ends by itself when it expires, or revoke it by its id";
const UNTIL_EXPIRED_UNNAMED: &str = "it ends by itself when it expires; its id is not known";

/// SSH into Dedalus machines.
#[derive(Debug)]
pub struct DedalusProvider {
    api: Dedalus,
    identity: Option<KeyPair>,
}

impl DedalusProvider {
    /// A provider from settings and options; no request is made.
    ///
    /// # Errors
    /// Of kind `Config` or `Usage`, naming the setting or option that is missing or does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        let Config { http, identity } = Config::read(settings)?;
        Ok(Self { api: Dedalus::over(http), identity })
    }

    /// The key of `--identity` wins over the request's.
    fn key_pair<'a>(&'a self, request: &'a CreateRequest) -> &'a KeyPair {
        self.identity.as_ref().unwrap_or(&request.key_pair)
    }

    /// The public key that a create of this attempt sends.
    fn public_key<'a>(&'a self, attempt: &'a Attempt) -> &'a PublicKey {
        self.identity.as_ref().map_or(&attempt.public_key, KeyPair::public_key)
    }

    /// Creating is waking, so the only way not to wake is to look first. Between the look and the create
    /// the machine may fall asleep; then it is woken all the same.
    async fn check_running(&self, machine: &str, deadline: Deadline) -> Result<(), ProviderError> {
        let found = self.api.machine(machine, deadline).await?;
        match found.phase() {
            Some("running") => Ok(()),
            Some(phase) => Err(Error::NotRunning { phase: phase.to_owned() }.into()),
            None => Err(Error::Missing { field: "phase", of: "a machine" }.into()),
        }
    }

    async fn try_create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        let machine = machine(&request.target)?;
        if request.wake == Wake::Forbidden {
            self.check_running(machine, request.deadline).await?;
        }
        let key = &request.attempt.idempotency_key;
        let public_key = self.public_key(&request.attempt);
        let Opened { id, session } = match self.api.open(machine, public_key, key, request.deadline).await {
            Ok(opened) => opened,
            Err(error) if may_have_arrived(&error) => return Err(self.take_back_attempt(request, error).await),
            Err(error) => return Err(error),
        };
        match self.wait_until_ready(request, &id, session).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.take_back(&request.target, id, error).await),
        }
    }

    async fn wait_until_ready(
        &self,
        request: &CreateRequest,
        id: &SessionId,
        first: Result<Timed<SshSession>, ProviderError>,
    ) -> Result<Session, ProviderError> {
        let machine = machine(&request.target)?;
        let mut first = Some(first?);
        let ready = poll_until(request.deadline, POLL_INTERVAL, &request.progress, || {
            let known = first.take();
            async move {
                let answer = match known {
                    Some(answer) => answer,
                    None => self.api.ssh_session(machine, id, request.deadline).await?,
                };
                polled(answer, &request.target, id)
            }
        });
        let asked = Asked { target: &request.target, id, key_pair: self.key_pair(request) };
        Ok(ready::session(&ready.await?, &asked)?)
    }

    /// Ends what a failed create made, within its own bound; what stays is in the error.
    async fn take_back(&self, target: &Target, id: SessionId, error: ProviderError) -> ProviderError {
        if is_over(&error) || self.end(target, &id, clean_up_deadline()).await.is_ok() {
            return error;
        }
        error.with_left_behind(left_behind(target, Some(id)))
    }

    /// The same for a create whose answer was lost: nobody knows yet whether it made anything.
    async fn take_back_attempt(&self, request: &CreateRequest, error: ProviderError) -> ProviderError {
        match self.end_attempt(&request.target, &request.attempt, clean_up_deadline()).await {
            Ok(_) => error,
            Err(failure) => match failure.left_behind() {
                Some(left) => error.with_left_behind(left.clone()),
                None => error,
            },
        }
    }

    /// Ends a session, and believes it only when the API says so itself.
    async fn end(&self, target: &Target, id: &SessionId, deadline: Deadline) -> Result<Revocation, ProviderError> {
        let machine = machine(target)?;
        match self.api.delete_ssh_session(machine, id, deadline).await {
            Ok(None) => Ok(Revocation::Revoked),
            Ok(Some(session)) => self.until_over(session, target, id, deadline).await,
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Revocation::AlreadyGone),
            // It cannot be deleted in this state: perhaps because it is over.
            Err(error) if error.kind() == ErrorKind::Conflict => match self.look(target, id, deadline).await? {
                None | Some(Stage::Over(_)) => Ok(Revocation::AlreadyGone),
                Some(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    async fn until_over(
        &self,
        deleted: SshSession,
        target: &Target,
        id: &SessionId,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
        ready::check_ids(&deleted, target, id)?;
        let mut known = Some(deleted.stage().map_err(ProviderError::protocol)?);
        let silent = anyssh_core::Progress::silent();
        let over = poll_until(deadline, POLL_INTERVAL, &silent, || {
            let known = known.take();
            async move {
                let stage = match known {
                    Some(stage) => Some(stage),
                    None => self.look(target, id, deadline).await?,
                };
                Ok::<_, ProviderError>(match stage {
                    None | Some(Stage::Over(_)) => Polled::Ready(stage),
                    Some(Stage::Ready) => Polled::Pending { hint: None, what: "deleted, but still ready".to_owned() },
                    Some(Stage::Pending(word)) => Polled::Pending { hint: None, what: word },
                })
            }
        });
        Ok(match over.await? {
            Some(Stage::Over("failed" | "expired")) => Revocation::AlreadyGone,
            _ => Revocation::Revoked,
        })
    }

    /// Where a session is in its life; `None` if it is not known.
    async fn look(&self, target: &Target, id: &SessionId, deadline: Deadline) -> Result<Option<Stage>, ProviderError> {
        match self.api.ssh_session(machine(target)?, id, deadline).await {
            Ok(answer) => {
                ready::check_ids(&answer.value, target, id)?;
                Ok(Some(answer.value.stage().map_err(ProviderError::protocol)?))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends whatever an attempt made. Repeating the create with the same key is the way to learn the id;
    /// if nothing was made, it makes a session, and that is ended at once.
    async fn end_attempt(
        &self,
        target: &Target,
        attempt: &Attempt,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
        let id = match self.find(target, attempt, deadline).await {
            Ok(Some(id)) => id,
            Ok(None) => return Ok(Revocation::AlreadyGone),
            Err(error) => return Err(error.with_left_behind(left_behind(target, None))),
        };
        let ended = self.end(target, &id, deadline).await;
        ended.map_err(|error| error.with_left_behind(left_behind(target, Some(id))))
    }

    /// The id of what an attempt made; `None` if its machine is gone, and every session with it.
    async fn find(
        &self,
        target: &Target,
        attempt: &Attempt,
        deadline: Deadline,
    ) -> Result<Option<SessionId>, ProviderError> {
        let (public_key, key) = (self.public_key(attempt), &attempt.idempotency_key);
        match self.api.open(machine(target)?, public_key, key, deadline).await {
            Ok(opened) => Ok(Some(opened.id)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
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

/// What one answer says about the wait.
fn polled(
    answer: Timed<SshSession>,
    target: &Target,
    id: &SessionId,
) -> Result<Polled<Timed<SshSession>>, ProviderError> {
    let session = &answer.value;
    ready::check_ids(session, target, id)?;
    match session.stage().map_err(ProviderError::protocol)? {
        Stage::Ready => Ok(Polled::Ready(answer)),
        Stage::Pending(word) => Ok(Polled::Pending { hint: session.retry_after(), what: waiting_for(&word) }),
        Stage::Over(status) => {
            let (code, message) = (session.error_code.clone(), session.error_message.clone());
            Err(Error::Ended { status, code, message }.into())
        }
    }
}

fn waiting_for(status: &str) -> String {
    match status {
        "wake_in_progress" => format!("waking the machine ({status})"),
        "ssh_in_progress" => format!("preparing SSH ({status})"),
        other => other.to_owned(),
    }
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
fn machine(target: &Target) -> Result<&str, ProviderError> {
    match SessionId::parse("target", target.as_str()) {
        Ok(_) => Ok(target.as_str()),
        Err(_) => Err(ProviderError::usage(FieldError::new("target", MACHINE, target.as_str()))),
    }
}

/// Whether the API has said itself that the session is over.
fn is_over(error: &ProviderError) -> bool {
    error.kind() == ErrorKind::Failed && error.field() == Some("status")
}

/// Whether a failed create may have made something all the same.
fn may_have_arrived(error: &ProviderError) -> bool {
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<HttpError>()) {
        Some(error) => error.may_have_arrived(),
        // Not the call but its answer was at fault: an id that is none.
        None => true,
    }
}

fn clean_up_deadline() -> Deadline {
    Deadline::at(Instant::now() + CLEAN_UP)
}

fn left_behind(target: &Target, session: Option<SessionId>) -> LeftBehind {
    let until = if session.is_some() { UNTIL_EXPIRED } else { UNTIL_EXPIRED_UNNAMED };
    LeftBehind { target: target.clone(), session, until: until.into() }
}
