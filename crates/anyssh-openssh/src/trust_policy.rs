//! What the user says about host keys, what the user is asked, and why a server is not trusted.

use std::pin::Pin;

use anyssh_core::HostAlias;
use anyssh_core::ssh_key::Fingerprint;

use crate::host_key::HostKeyError;
use crate::pins::PinError;

/// What the user said beforehand about host keys.
#[derive(Clone, Debug, Default)]
pub struct HostKeyPolicy {
    /// `--host-key`: the one key to expect.
    pub fingerprint: Option<Fingerprint>,
    /// What to do with a key never seen before, if no fingerprint was given.
    pub new_key: NewKey,
}

/// What to do with a host key never seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewKey {
    /// Ask the user.
    #[default]
    Ask,
    /// `--accept-new-host-key`: take it.
    Accept,
}

/// A host key never seen before, to be shown to the user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostKeyQuestion {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name under which the key would be pinned.
    pub alias: HostAlias,
    /// Such as `ssh-ed25519`.
    pub key_type: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}

/// The user's answer to a [`HostKeyQuestion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Pin it and go on.
    Yes,
    /// Stop.
    No,
}

/// Asks the user; called at most once for each session. It is a future, so that a signal or the
/// deadline can end the waiting for an answer.
pub type AskUser<'a> = &'a (dyn Fn(HostKeyQuestion) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync);

/// Why a server is not trusted. Nothing secret was sent to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Nobody is there to say yes.
    #[error("{host} is new: its host key is {fingerprint}, and nobody agreed to it", host = .0.host, fingerprint = .0.fingerprint)]
    NeedsYes(Box<HostKeyQuestion>),
    /// The user said no.
    #[error("the host key {fingerprint} of {host} was not agreed to", host = .0.host, fingerprint = .0.fingerprint)]
    SaidNo(Box<HostKeyQuestion>),
    /// The user said nothing until the deadline.
    #[error("the deadline passed before the host key {fingerprint} of {host} was agreed to", host = .0.host, fingerprint = .0.fingerprint)]
    NoAnswer(Box<HostKeyQuestion>),
    /// The server, its pin or the provider names another key than `--host-key`.
    #[error("the host key of {name} is {found}, not the expected {expected}")]
    NotTheExpected {
        /// Host or alias.
        name: String,
        /// What was asked for.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The server shows another key than the one pinned before.
    #[error(
        "the host key of {alias} is not the one pinned before ({pinned}): somebody may be listening in, or the server was replaced"
    )]
    Changed {
        /// The alias.
        alias: HostAlias,
        /// The pinned fingerprint.
        pinned: String,
    },
    /// `--host-key` where a host CA vouches for the server.
    #[error("a host certificate authority vouches for this server: a host key fingerprint cannot be given for it")]
    FingerprintForAuthority,
    /// The pins cannot be read or written.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// The key could not be read.
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
}
