//! What is asked of a provider.

use std::time::{Duration, Instant, SystemTime};

use secrecy::SecretString;
use ssh_key::PublicKey;

use crate::{IdempotencyKey, KeyPair, Progress, SessionId, Target};

/// The moment by which a call ends, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline at `instant`.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The moment itself.
    pub fn instant(self) -> Instant {
        self.0
    }

    /// What is left at `now`; zero when it is over.
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }
}

/// One try to make a session. It holds no secret, so it can be written down before `create` is
/// called, and it alone is enough to find and revoke what a crashed or dropped `create` made (or the
/// provider says what may live until when).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Sent with the request where the provider knows such keys; the same over all its retries.
    pub idempotency_key: IdempotencyKey,
    /// The public half of the key pair in the request.
    pub public_key: PublicKey,
    /// When the attempt began.
    pub started_at: SystemTime,
}

/// Whether a call may start or resume its target, which may cost money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The target may be woken.
    Allowed,
    /// A target that is not up is an error that says so.
    Forbidden,
}

/// A request for a new session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CreateRequest {
    /// What to reach.
    pub target: Target,
    /// The record of this try.
    pub attempt: Attempt,
    /// The pair that the session is bound to, for providers that bind to one.
    pub key_pair: KeyPair,
    /// When to give up.
    pub deadline: Deadline,
    /// Whether the target may be woken. [`CreateRequest::new`] allows it.
    pub wake: Wake,
    /// Who hears what is being waited for. [`CreateRequest::new`] is silent.
    pub progress: Progress,
}

impl CreateRequest {
    /// A request whose attempt carries `key_pair`'s public half.
    pub fn new(
        target: Target,
        key_pair: KeyPair,
        idempotency_key: IdempotencyKey,
        started_at: SystemTime,
        deadline: Deadline,
    ) -> Self {
        let attempt = Attempt { idempotency_key, public_key: key_pair.public_key().clone(), started_at };
        Self { target, attempt, key_pair, deadline, wake: Wake::Allowed, progress: Progress::silent() }
    }

    /// The same request with another answer to whether the target may be woken.
    #[must_use]
    pub fn with_wake(mut self, wake: Wake) -> Self {
        self.wake = wake;
        self
    }

    /// The same request with a listener for its progress.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

/// Which session of a target is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionKey {
    /// The one with this id.
    Id(SessionId),
    /// Whatever this attempt made, if anything.
    Attempt(Attempt),
}

/// A session to validate, regenerate or revoke. A [`Session`](crate::Session) gives one; so do an id
/// that the user typed and the ledger.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionRef {
    /// What the session reaches.
    pub target: Target,
    /// Which session.
    pub key: SessionKey,
    /// The password, for providers that can only validate with it.
    pub password: Option<SecretString>,
}

impl SessionRef {
    /// The session of `target` with this id.
    pub fn by_id(target: Target, id: SessionId) -> Self {
        Self { target, key: SessionKey::Id(id), password: None }
    }

    /// Whatever `attempt` made for `target`.
    pub fn by_attempt(target: Target, attempt: Attempt) -> Self {
        Self { target, key: SessionKey::Attempt(attempt), password: None }
    }

    /// The same reference with the session's password.
    #[must_use]
    pub fn with_password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }
}

impl From<&crate::Session> for SessionRef {
    fn from(session: &crate::Session) -> Self {
        let reference = Self::by_id(session.target.clone(), session.id.clone());
        match &session.login.credential {
            crate::Credential::Password(password) => reference.with_password(password.secret().clone()),
            _ => reference,
        }
    }
}
