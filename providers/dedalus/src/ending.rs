//! The end of a session: believed only when the API says so itself, and found also by its attempt alone.

use anyssh_core::{Attempt, Deadline, ErrorKind, LeftBehind, Progress, ProviderError, Revocation, SessionId, Target};
use anyssh_http::{POLL_INTERVAL, Polled, poll_until};

use crate::provider::{DedalusProvider, machine};
use crate::ready;
use crate::wire::{SshSession, Stage};

const UNTIL_EXPIRED: &str = "it ends by itself when it expires, or revoke it by its id";
const UNTIL_EXPIRED_UNNAMED: &str = "it ends by itself when it expires; its id is not known";

impl DedalusProvider {
    /// Ends a session, and believes it only when the API says so itself.
    pub(crate) async fn end(
        &self,
        target: &Target,
        id: &SessionId,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
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
        let silent = Progress::silent();
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
    pub(crate) async fn end_attempt(
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
    pub(crate) async fn find(
        &self,
        target: &Target,
        attempt: &Attempt,
        deadline: Deadline,
    ) -> Result<Option<SessionId>, ProviderError> {
        let (public_key, key) = (&attempt.public_key, &attempt.idempotency_key);
        match self.api.open(machine(target)?, public_key, key, deadline).await {
            Ok(opened) => Ok(Some(opened.id)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What may still live of a session that could not be ended.
pub(crate) fn left_behind(target: &Target, session: Option<SessionId>) -> LeftBehind {
    let until = if session.is_some() { UNTIL_EXPIRED } else { UNTIL_EXPIRED_UNNAMED };
    LeftBehind { target: target.clone(), session, until: until.into() }
}
