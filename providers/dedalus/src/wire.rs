//! What the API answers, as it is spelled there (SDK 0.6.0). Times and names are still text: what uses
//! one parses it first.

use std::time::Duration;

use anyssh_core::FieldError;
use serde::{Deserialize, Deserializer, Serialize};

const STATUS: &str = "a word of 1 to 64 letters, digits, '_' or '-', starting with a letter or digit";

/// The body of a create: nothing else is allowed in it.
#[derive(Debug, Serialize)]
pub(crate) struct NewSession<'a> {
    pub(crate) public_key: &'a str,
}

/// The id of a session alone, for answers in which something else is wrong.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) session_id: String,
}

/// An SSH session of a machine.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct SshSession {
    /// Its id.
    pub session_id: String,
    /// The canonical id of its machine.
    pub machine_id: String,
    /// Where it is in its life; see [`SshSession::stage`].
    pub status: String,
    /// When it was made, RFC 3339.
    pub created_at: Option<String>,
    /// When it ends, RFC 3339.
    pub expires_at: Option<String>,
    /// How long to wait before asking again.
    pub retry_after_ms: Option<i64>,
    /// Why it failed, for programs.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// How to connect, once it is ready.
    pub connection: Option<Connection>,
}

/// How to connect to a ready session. All of it is needed; what is missing is named when it is used.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Connection {
    /// The host of the gateway.
    pub endpoint: Option<String>,
    /// Its port.
    pub port: Option<i64>,
    /// The name that logs in.
    pub ssh_username: Option<String>,
    /// One line: the OpenSSH user certificate for the key that was sent.
    pub user_certificate: Option<String>,
    /// How the gateway proves who it is.
    pub host_trust: Option<HostTrust>,
}

/// How the gateway proves who it is.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct HostTrust {
    /// `cert_authority`, the one kind there is.
    pub kind: Option<String>,
    /// For which hosts the authority speaks, as a pattern of known_hosts.
    pub host_pattern: Option<String>,
    /// The authority's public key, one line.
    pub public_key: Option<String>,
}

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It can be used.
    Ready,
    /// Not yet: `wake_in_progress`, `ssh_in_progress`, or a word that is not known here.
    Pending(String),
    /// Over for good: `failed`, `expired` or `closed`.
    Over(&'static str),
}

impl SshSession {
    /// Its status, read. A word that is not known is pending: one such word has come already (S8).
    ///
    /// # Errors
    /// When `status` is no word at all.
    pub fn stage(&self) -> Result<Stage, FieldError> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let begins = self.status.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fits = begins && self.status.len() <= 64 && self.status.bytes().all(is_word);
        match self.status.as_str() {
            "ready" => Ok(Stage::Ready),
            "failed" => Ok(Stage::Over("failed")),
            "expired" => Ok(Stage::Over("expired")),
            "closed" => Ok(Stage::Over("closed")),
            other if fits => Ok(Stage::Pending(other.to_owned())),
            other => Err(FieldError::new("status", STATUS, other)),
        }
    }

    /// The wait that it asks for, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        let milliseconds = self.retry_after_ms.and_then(|number| u64::try_from(number).ok());
        milliseconds.filter(|number| *number > 0).map(Duration::from_millis)
    }
}

/// A machine, from a list or alone.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Machine {
    /// Its id.
    pub machine_id: String,
    /// Its state, in a list since SDK 0.5.0; see [`Machine::phase`].
    phase: Option<String>,
    /// Its state in full, alone; in lists up to SDK 0.4.0.
    pub status: Option<MachineStatus>,
    /// The name that people gave it.
    pub name: Option<String>,
}

/// A machine's state.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct MachineStatus {
    /// `running`, `sleeping`, …
    pub phase: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl Machine {
    /// Its state in one word, wherever the answer has it.
    pub fn phase(&self) -> Option<&str> {
        self.phase.as_deref().or_else(|| self.status.as_ref()?.phase.as_deref())
    }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(crate) struct Page<T> {
    /// `null` is an empty page; a page without it is none.
    #[serde(deserialize_with = "present")]
    pub(crate) items: Option<Vec<T>>,
    pub(crate) next_cursor: Option<String>,
}

/// With a function of its own a field that may be null must still be there.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
