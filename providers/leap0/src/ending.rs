//! Ending credentials, and never somebody else's where that can be known.

use std::time::{Duration, Instant};

use anyssh_core::{Attempt, Deadline, ErrorKind, ProviderError, Revocation, SessionId, Target};
use secrecy::SecretString;

use crate::attempts::Reached;
use crate::error::Error;
use crate::generations::{Generation, Which};
use crate::opening::call_error;
use crate::provider::{Leap0Provider, sandbox};
use crate::ready;

/// What taking back may need, counted from its start (clause 2 of the trait's contract).
const CLEAN_UP: Duration = Duration::from_secs(5);

/// No credential has this id and password. Asking about them tells generation 1, which has an answer for
/// every pair, from what has none.
const NOBODY: &str = "anyssh-asks-for-nobody";

/// Why the only credential of a sandbox may be deleted. Generation 1 deletes whatever there is.
#[derive(Clone, Copy)]
pub(crate) enum Claim<'a> {
    /// It was made a moment ago, by us.
    Fresh,
    /// Its password, with which the API can say whether it is still the one that is there.
    Password(&'a SecretString),
    /// The user said so, and nothing can be checked.
    Said,
}

impl Leap0Provider {
    /// Ends a credential. Where it is not known which generation answers, both are asked; that one does not
    /// know it says nothing about the other.
    pub(crate) async fn end(
        &self,
        target: &Target,
        id: Option<&SessionId>,
        claim: Claim<'_>,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
        let mut not_allowed = None;
        let mut is_absent = false;
        for generation in self.generations.order() {
            let ended = match (generation, id) {
                (Generation::Two, Some(id)) => self.delete(target, Which::Id(id), deadline).await,
                (Generation::Two, None) => continue,
                (Generation::One, _) => self.end_only(target, id, claim, deadline).await,
            };
            match ended {
                Ok(revocation) => {
                    self.generations.learn(*generation);
                    return Ok(revocation);
                }
                Err(error) => match absence(&error) {
                    Absence::NotFound => is_absent = true,
                    Absence::NoSuchCall => not_allowed = Some(error),
                    Absence::No => return Err(error),
                },
            }
        }
        if let (Claim::Password(password), Some(id), Some(other)) = (claim, id, self.not_spoken())
            && let Ok(answer) = self.api.validate_access(sandbox(target)?, other, id, password, deadline).await
            && ready::is_valid(&answer, target)?
        {
            return Err(Error::OtherGeneration.into());
        }
        match not_allowed {
            Some(error) if !is_absent => Err(error),
            _ => Ok(Revocation::AlreadyGone),
        }
    }

    /// The generation that is never tried, because the user said the other one. Both make credentials alike,
    /// so that this was wrong shows only now.
    fn not_spoken(&self) -> Option<Generation> {
        match self.generations.order() {
            [Generation::One] => Some(Generation::Two),
            [Generation::Two] => Some(Generation::One),
            _ => None,
        }
    }

    /// Ends what a failed create or regenerate made, within its own bound; what stays is in the error.
    pub(crate) async fn take_back(
        &self,
        target: &Target,
        id: Option<&SessionId>,
        error: ProviderError,
    ) -> ProviderError {
        match self.end(target, id, Claim::Fresh, Deadline::at(Instant::now() + CLEAN_UP)).await {
            // Without an id, "not found" says only that it could not be found.
            Ok(Revocation::AlreadyGone) if id.is_none() => error.with_left_behind(self.left_behind(target, None)),
            Ok(_) => error,
            Err(_) => error.with_left_behind(self.left_behind(target, id)),
        }
    }

    /// Ends whatever an attempt made, as far as that can be known.
    pub(crate) async fn end_attempt(
        &self,
        target: &Target,
        attempt: &Attempt,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
        let reached = self.attempts.reached(attempt);
        let ended = match &reached {
            Some(Reached::Nothing) => Ok(Revocation::AlreadyGone),
            Some(Reached::Made(id)) => self.end(target, Some(id), Claim::Fresh, deadline).await,
            Some(Reached::Asked) => self.end_unanswered(target, deadline).await.and_then(surely_ended),
            None => self.end_unanswered(target, deadline).await,
        };
        match ended {
            Ok(revocation) => {
                self.attempts.forget(attempt);
                Ok(revocation)
            }
            Err(error) if error.left_behind().is_some() => Err(error),
            Err(error) => Err(error.with_left_behind(self.left_behind(target, None))),
        }
    }

    /// Generation 1 has one credential, which is the attempt's if it made one. In generation 2 nobody can say
    /// which one that would be.
    async fn end_unanswered(&self, target: &Target, deadline: Deadline) -> Result<Revocation, ProviderError> {
        if self.generations.known() != Some(Generation::Two) {
            let is_sure = self.generations.is_fixed() || self.is_first(target, deadline).await?;
            if is_sure {
                return self.end(target, None, Claim::Said, deadline).await;
            }
        }
        Err(Error::Lost("Leap0 does not list credentials, so none can be found by its attempt").into())
    }

    /// Whether generation 1 answers, which knows this path and has an answer about any pair. What was remembered
    /// is not enough here: a path that is not there must not be taken for a credential that is not.
    async fn is_first(&self, target: &Target, deadline: Deadline) -> Result<bool, ProviderError> {
        let nobody = SessionId::parse("id", NOBODY).map_err(ProviderError::usage)?;
        let (sandbox, password) = (sandbox(target)?, SecretString::from(NOBODY));
        match self.api.validate_access(sandbox, Generation::One, &nobody, &password, deadline).await {
            Ok(_) => {
                self.generations.learn(Generation::One);
                Ok(true)
            }
            // Generation 1 may say so too if there is no credential at all; then there is nothing to end.
            Err(error) if absence(&error) != Absence::No => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn end_only(
        &self,
        target: &Target,
        id: Option<&SessionId>,
        claim: Claim<'_>,
        deadline: Deadline,
    ) -> Result<Revocation, ProviderError> {
        if let (Claim::Password(password), Some(id)) = (claim, id) {
            let asked = self.api.validate_access(sandbox(target)?, Generation::One, id, password, deadline);
            if !ready::is_valid(&asked.await?, target)? {
                // Expired, or replaced by somebody whose credential this is not ours to end.
                return Ok(Revocation::AlreadyGone);
            }
        }
        self.delete(target, Which::Only, deadline).await
    }

    async fn delete(&self, target: &Target, which: Which<'_>, deadline: Deadline) -> Result<Revocation, ProviderError> {
        self.api.delete_access(sandbox(target)?, which, deadline).await?;
        Ok(Revocation::Revoked)
    }
}

/// A request that is still on its way may make something after all: that there is nothing yet proves nothing.
fn surely_ended(revocation: Revocation) -> Result<Revocation, ProviderError> {
    match revocation {
        Revocation::AlreadyGone => Err(Error::Lost("the request for a credential may still be on its way").into()),
        ended => Ok(ended),
    }
}

/// Whether an error says that something is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// No such credential, no such sandbox, or no such path in this generation.
    NotFound,
    /// The path is there for something else: another generation's.
    NoSuchCall,
    /// It says something else.
    No,
}

pub(crate) fn absence(error: &ProviderError) -> Absence {
    match (error.kind(), call_error(error).and_then(anyssh_http::HttpError::status)) {
        (ErrorKind::NotFound, _) => Absence::NotFound,
        (_, Some(405)) => Absence::NoSuchCall,
        _ => Absence::No,
    }
}
