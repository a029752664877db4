//! Waiting for a sandbox, and asking for a credential once it is up.

use std::time::Instant;

use anyssh_core::{CreateRequest, Deadline, ErrorKind, LeftBehind, ProviderError, SessionId, Target, Wake};
use anyssh_http::{HttpError, POLL_INTERVAL, Polled, poll_until};

use crate::api::Opened;
use crate::attempts::Reached;
use crate::error::Error;
use crate::generations::Generation;
use crate::provider::{Leap0Provider, sandbox};
use crate::wire::SandboxState;

/// What a look at a sandbox says about asking it for something.
enum Look {
    /// It is up, or the call that follows resumes it.
    Up,
    /// Not yet; what is being waited for.
    Pending(String),
}

impl Leap0Provider {
    /// Waits until the sandbox is up, and asks for a credential.
    pub(crate) async fn open_when_up(&self, request: &CreateRequest) -> Result<Opened, ProviderError> {
        let opened = poll_until(request.deadline, POLL_INTERVAL, &request.progress, || self.look_and_open(request));
        opened.await.map_err(|error| self.say_what_may_be_left(request, error))
    }

    /// Waits until the sandbox is up, where something else than a new credential is to be asked for.
    pub(crate) async fn wait_until_up(&self, request: &CreateRequest) -> Result<(), ProviderError> {
        let up = poll_until(request.deadline, POLL_INTERVAL, &request.progress, || async {
            Ok::<_, ProviderError>(match self.look(request).await? {
                Look::Up => Polled::Ready(()),
                Look::Pending(what) => Polled::Pending { hint: None, what },
            })
        });
        up.await
    }

    async fn look_and_open(&self, request: &CreateRequest) -> Result<Polled<Opened>, ProviderError> {
        if let Look::Pending(what) = self.look(request).await? {
            return Ok(Polled::Pending { hint: None, what });
        }
        // Noted before it leaves: whoever drops this future leaves the note behind.
        self.attempts.note(&request.attempt, Reached::Asked);
        let error = match self.api.open(sandbox(&request.target)?, request.deadline).await {
            Ok(opened) => {
                if let Ok(id) = &opened.id {
                    self.attempts.note(&request.attempt, Reached::Made(id.clone()));
                }
                return Ok(Polled::Ready(opened));
            }
            Err(error) => error,
        };
        if !may_have_arrived(&error) {
            self.attempts.note(&request.attempt, Reached::Nothing);
        }
        if error.kind() != ErrorKind::Conflict {
            return Err(error);
        }
        // A conflict is with a credential that is there, or with a state that changed since the look.
        if let Look::Pending(what) = self.look(request).await? {
            return Ok(Polled::Pending { hint: None, what });
        }
        Err(match self.generations.known() {
            Some(Generation::Two) => error,
            _ => ProviderError::from(Error::Taken { sandbox: request.target.to_string() }),
        })
    }

    /// Looks at the sandbox. An API that knows nothing of it here will say so to the call that follows.
    async fn look(&self, request: &CreateRequest) -> Result<Look, ProviderError> {
        let found = match self.api.sandbox(sandbox(&request.target)?, request.deadline).await {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound && request.wake == Wake::Allowed => return Ok(Look::Up),
            Err(error) => return Err(error),
        };
        if found.id != request.target.as_str() {
            let (asked, found) = (request.target.to_string(), found.id);
            return Err(Error::Mismatch { field: "id", asked, found }.into());
        }
        match found.state().map_err(ProviderError::protocol)? {
            SandboxState::Running => Ok(Look::Up),
            SandboxState::Stopped(state) => {
                Err(Error::Down { state, advice: ", and it does not resume by itself: start it first" }.into())
            }
            SandboxState::Deleted(state) => Err(Error::Down { state, advice: "" }.into()),
            _ if request.wake == Wake::Forbidden => {
                Err(Error::NotRunning { state: found.state_word().to_owned() }.into())
            }
            SandboxState::Paused => {
                request.progress.tell("resuming the sandbox (paused)");
                Ok(Look::Up)
            }
            SandboxState::Pending(word) => Ok(Look::Pending(waiting_for(&word))),
        }
    }

    /// The error, with what the create may have made if its answer was lost (N4).
    fn say_what_may_be_left(&self, request: &CreateRequest, error: ProviderError) -> ProviderError {
        if self.attempts.reached(&request.attempt) != Some(Reached::Asked) {
            return error;
        }
        let left = self.left_behind(&request.target, None);
        unavailable_if_in_time(error, request.deadline).with_left_behind(left)
    }

    /// What may live, until when, and how to end it.
    pub(crate) fn left_behind(&self, target: &Target, session: Option<&SessionId>) -> LeftBehind {
        let until = match (session, self.generations.known()) {
            (Some(_), _) => "it ends by itself when it expires, or revoke it by its id".into(),
            (None, Some(Generation::One)) => take_over(target).into(),
            (None, Some(Generation::Two)) => UNSEEN.into(),
            (None, None) => format!("{}; in the second generation of the API {UNSEEN}", take_over(target)).into(),
        };
        LeftBehind { target: target.clone(), session: session.cloned(), until }
    }
}

/// Leap0 has no list of credentials, and no key by which a request is known again.
const UNSEEN: &str = "its id is not known and Leap0 lists none: it ends by itself when it expires, \
                      one hour after it was made as Leap0 documents it";

fn take_over(target: &Target) -> String {
    format!(
        "anyssh regenerate leap0 {target} takes it over and cuts off whoever holds it; \
         else it ends by itself when it expires"
    )
}

fn waiting_for(state: &str) -> String {
    match state {
        "starting" => format!("waiting for the sandbox ({state})"),
        "unpausing" => format!("resuming the sandbox ({state})"),
        other => other.to_owned(),
    }
}

/// A request whose answer did not come is over, but not for ever: the service is not available. Only where
/// the whole deadline is over, more time is what helps.
pub(crate) fn unavailable_if_in_time(error: ProviderError, deadline: Deadline) -> ProviderError {
    if error.kind() != ErrorKind::TimedOut || deadline.remaining(Instant::now()).is_zero() {
        return error.with_retryable(false);
    }
    ProviderError::new(ErrorKind::Unavailable, error.to_string()).with_retryable(false).with_source(error)
}

/// Whether a failed call may have been acted on all the same.
pub(crate) fn may_have_arrived(error: &ProviderError) -> bool {
    call_error(error).is_some_and(HttpError::may_have_arrived)
}

/// The call's own error below a provider's.
pub(crate) fn call_error(error: &ProviderError) -> Option<&HttpError> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}
