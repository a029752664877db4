//! What the API answers, as it is spelled there. Times and names are still text: what uses one parses it
//! first.

use anyssh_core::FieldError;
use secrecy::SecretString;
use serde::Deserialize;

const STATE: &str = "a word of 1 to 64 letters, digits, '_' or '-', starting with a letter or digit";

/// An SSH credential of a sandbox, as create and regenerate answer it.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SshAccess {
    /// Its id, which is also the name that logs in.
    pub id: String,
    /// The sandbox that it is for.
    pub sandbox_id: String,
    /// The password, told this once.
    #[serde(deserialize_with = "anyssh_http::secret")]
    pub password: SecretString,
    /// When it ends, RFC 3339.
    pub expires_at: String,
    /// When it was made, RFC 3339.
    pub created_at: Option<String>,
    /// When it was last changed, RFC 3339.
    pub updated_at: Option<String>,
    /// A shell command line that would log in. It is data, never to be run.
    pub ssh_command: String,
}

/// The id of a credential alone, for answers in which something else is wrong.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: String,
}

/// Whether an id and a password log in.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SshValidation {
    /// They do, and the credential has not expired.
    pub valid: bool,
    /// The sandbox that the answer is about.
    pub sandbox_id: String,
}

/// A sandbox, from a list or alone.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Sandbox {
    /// Its id.
    pub id: String,
    /// Its state; see [`Sandbox::state`].
    state: String,
    /// What it was made from.
    pub template_id: Option<String>,
    /// Whether it pauses when its time is over, instead of ending.
    pub auto_pause: Option<bool>,
}

/// A sandbox's state, as far as it matters for SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SandboxState {
    /// `running`.
    Running,
    /// `paused`: the next call about it resumes it.
    Paused,
    /// On its way: `starting`, `unpausing`, `snapshotting`, or a word that is not known here.
    Pending(String),
    /// `stopping` or `stopped`: it does not come back by itself.
    Stopped(&'static str),
    /// `deleting` or `deleted`.
    Deleted(&'static str),
}

impl Sandbox {
    /// Its state, read. A word that is not known is pending: Leap0's own clients disagree on the set (S8).
    ///
    /// # Errors
    /// When `state` is no word at all.
    pub fn state(&self) -> Result<SandboxState, FieldError> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let begins = self.state.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = begins && self.state.len() <= 64 && self.state.bytes().all(is_word);
        match self.state.as_str() {
            "running" => Ok(SandboxState::Running),
            "paused" => Ok(SandboxState::Paused),
            "stopping" => Ok(SandboxState::Stopped("stopping")),
            "stopped" => Ok(SandboxState::Stopped("stopped")),
            "deleting" => Ok(SandboxState::Deleted("deleting")),
            "deleted" => Ok(SandboxState::Deleted("deleted")),
            other if fits => Ok(SandboxState::Pending(other.to_owned())),
            other => Err(FieldError::new("state", STATE, other)),
        }
    }

    /// The word itself, as it came.
    pub(crate) fn state_word(&self) -> &str {
        &self.state
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<Sandbox>,
    pub(crate) total_items: u64,
}
