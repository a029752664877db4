//! The life of a session: created, used, revoked. Structure cleans up, nobody has to remember it.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyssh_core::{CreateRequest, Deadline, Revocation, Session, SessionRef};

use crate::error::Cause;
use crate::unwind::caught;
use crate::{Cancel, Error, Operation, Provider};

/// What clean-up may take, counted from its start: revoking what will not be used, revoking at exit.
pub const CLEAN_UP: Duration = Duration::from_secs(5);

/// What came of a session that was used and revoked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished<T> {
    /// What the use gave.
    pub value: T,
    /// What the revoke at the end did. A failure here is a warning: it does not undo the use.
    pub revocation: Result<Revocation, Error>,
}

/// Creates a session, lets `use_it` use it, and revokes it: after success, error and panic alike.
///
/// When `cancel` is pulled while the session is being created, the
/// creation is dropped, whatever it made is revoked through the request's attempt, and the error is of
/// kind `Interrupted`. Once the session is in use, `use_it` decides by itself when to end. The revokes
/// have [`CLEAN_UP`] for themselves. Dropping the returned future before it ends leaves the session to
/// its expiry.
///
/// # Errors
/// Those of the creation; then nothing is left alive, or [`Error::clean_up_failure`] says what may be.
pub async fn with_session<T>(
    provider: &Provider,
    request: &CreateRequest,
    cancel: &Cancel,
    use_it: impl AsyncFnOnce(&Session) -> T,
) -> Result<Finished<T>, Error> {
    let session = create_unless_cancelled(provider, request, cancel).await?;
    let used = caught(use_it(&session)).await;
    let revocation = provider.revoke(&SessionRef::from(&session), clean_up_deadline()).await;
    match used {
        Ok(value) => Ok(Finished { value, revocation }),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Creates a session that is the caller's to revoke, unless `cancel` is pulled first: then whatever the
/// dropped creation made is revoked through the request's attempt, as after a panic in it.
///
/// # Errors
/// As [`with_session`].
pub async fn create_unless_cancelled(
    provider: &Provider,
    request: &CreateRequest,
    cancel: &Cancel,
) -> Result<Session, Error> {
    let dropped = {
        let create = pin!(caught(provider.create(request)));
        tokio::select! {
            biased;
            created = create => match created {
                Ok(Err(error)) if error.was_cut_off() => Ok(error),
                Ok(other) => return other,
                Err(panic) => Err(panic),
            },
            signal = cancel.cancelled() => {
                let name = provider.info().name;
                Ok(Error::new(name, Operation::Create, Cause::Interrupted(signal)).with_target(&request.target))
            }
        }
    };
    // The creation ended half-way: only the attempt knows what it may have made.
    let attempt = SessionRef::by_attempt(request.target.clone(), request.attempt.clone());
    let revocation = provider.revoke(&attempt, clean_up_deadline()).await;
    match (dropped, revocation) {
        (Ok(error), Ok(_)) => Err(error),
        (Ok(error), Err(failure)) => Err(error.with_clean_up_failure(failure)),
        (Err(panic), _) => std::panic::resume_unwind(panic),
    }
}

/// The deadline of a clean-up that starts now.
pub fn clean_up_deadline() -> Deadline {
    Deadline::at(Instant::now() + CLEAN_UP)
}
