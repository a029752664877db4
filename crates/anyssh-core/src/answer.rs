//! What `validate`, `regenerate` and `revoke` answer. An answer is not an error.

use std::time::SystemTime;

use crate::{Session, SessionId};

/// Whether a session is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is good, as far as known until this time.
    Valid {
        /// When it ends, where the provider says so.
        until: Option<SystemTime>,
    },
    /// It is not good.
    Invalid {
        /// Why, in the provider's words, escaped.
        reason: String,
    },
}

/// A new session in place of an old one.
#[derive(Clone, Debug)]
pub struct Regenerated {
    /// The new session.
    pub session: Session,
    /// The old session, where the new one could be made and the old one not ended.
    pub still_alive: Option<SessionId>,
}

/// What `revoke` really did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The provider ended it now.
    Revoked,
    /// The provider does not know it, or had ended it before.
    AlreadyGone,
    /// Nothing lives at the provider; what was here is gone.
    LocalOnly,
}
