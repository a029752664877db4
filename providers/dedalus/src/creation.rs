//! From a request to a ready session; what a failure has made by then is taken back.

use std::time::Instant;

use anyssh_core::{CreateRequest, Deadline, ErrorKind, ProviderError, Session, SessionId, Target, Wake};
use anyssh_http::{HttpError, POLL_INTERVAL, Polled, Timed, poll_until};

use crate::api::Opened;
use crate::ending::left_behind;
use crate::error::Error;
use crate::provider::{DedalusProvider, machine};
use crate::ready::{self, Asked};
use crate::wire::{SshSession, Stage};

/// What taking back may need, counted from its start (clause 2 of the trait's contract).
const CLEAN_UP: std::time::Duration = std::time::Duration::from_secs(5);

impl DedalusProvider {
    pub(crate) async fn try_create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        let machine = machine(&request.target)?;
        if request.wake == Wake::Forbidden {
            self.check_running(machine, request.deadline).await?;
        }
        let key = &request.attempt.idempotency_key;
        let public_key = &request.attempt.public_key;
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
        let asked = Asked { target: &request.target, id, key_pair: &request.key_pair };
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

pub(crate) fn waiting_for(status: &str) -> String {
    match status {
        "wake_in_progress" => format!("waking the machine ({status})"),
        "ssh_in_progress" => format!("preparing SSH ({status})"),
        other => other.to_owned(),
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
