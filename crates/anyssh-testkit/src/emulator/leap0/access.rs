//! A credential, and the object that stands for it.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A credential that was made: what the vendor calls SSH access.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Its ID, which is also its login name.
    pub id: String,
    /// The sandbox it is for.
    pub sandbox_id: String,
    /// What logs in.
    pub password: String,
    /// What became of it.
    pub status: AccessStatus,
}

/// What became of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessStatus {
    /// It logs in.
    Live,
    /// Its time is over.
    Expired,
    /// Another password was put in its place.
    Replaced,
    /// It was deleted.
    Deleted,
}

/// Without the password: failing assertions print this.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("id", &self.id)
            .field("sandbox_id", &self.sandbox_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A credential as it is now.
#[derive(Clone)]
pub(super) struct Credential {
    pub(super) id: String,
    pub(super) sandbox_id: String,
    pub(super) password: String,
    pub(super) command: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) expires: Timestamp,
    /// `Replaced` or `Deleted`, once it is.
    pub(super) ended: Option<AccessStatus>,
}

impl Credential {
    pub(super) fn status(&self, now: Timestamp) -> AccessStatus {
        self.ended.unwrap_or(if now >= self.expires { AccessStatus::Expired } else { AccessStatus::Live })
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.status(now) == AccessStatus::Live
    }

    pub(super) fn to_access(&self, now: Timestamp) -> Access {
        Access {
            id: self.id.clone(),
            sandbox_id: self.sandbox_id.clone(),
            password: self.password.clone(),
            status: self.status(now),
        }
    }

    /// As create and regenerate answer it.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "sandbox_id": self.sandbox_id,
            "password": self.password,
            "expires_at": self.expires.to_string(),
            "created_at": self.created.to_string(),
            "updated_at": self.updated.to_string(),
            "ssh_command": self.command,
        })
    }
}
