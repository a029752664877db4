//! Why a session cannot be launched as asked.

use std::path::PathBuf;

use anyssh_core::{CredentialKind, HostAlias, UserName};
use thiserror::Error;

use crate::quote::PathError;

/// What a session needs a [`Helper`](crate::Helper) for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelperUse {
    /// To hand ssh the password.
    Password,
    /// To carry ssh's bytes over a WebSocket.
    WebSocket,
}

/// Why a session cannot be launched as asked. Nothing was written or started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The host key was not read and agreed to yet (requirement S4).
    #[error("the host key of {alias} has to be pinned before ssh is started")]
    HostNotPinned {
        /// The name under which it is to be pinned.
        alias: HostAlias,
    },
    /// The session trusts no host key at all (requirement S4).
    #[error("the session names no host key to trust")]
    NoHostKey,
    /// ssh has to call back, and the caller named no program for it.
    #[error("a session with a {} needs a helper program", match .0 { HelperUse::Password => "password", HelperUse::WebSocket => "WebSocket" })]
    HelperMissing(HelperUse),
    /// The credential logs in one user alone, and `-l` names another.
    #[error("-l {asked}: the session's {} is for user {fixed}", credential.as_str())]
    UserFixed {
        /// The user that was asked for.
        asked: UserName,
        /// The user that can log in.
        fixed: UserName,
        /// The credential that fixes it.
        credential: CredentialKind,
    },
    /// `-N` asks for no command, and there is one.
    #[error("-N: no command is run, but one was given")]
    CommandWithoutSession,
    /// The private directory's path cannot be quoted for ssh (requirement F5).
    #[error(
        "the private directory {directory:?} cannot be used: {source}; set XDG_RUNTIME_DIR or ANYSSH_STATE_DIR to another directory"
    )]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What is wrong with it.
        source: PathError,
    },
    /// The path of the user's key file cannot be given to ssh (requirement F5).
    #[error("the key file cannot be used: {0}")]
    KeyFile(#[source] PathError),
    /// The WebSocket's host is no name that ssh takes.
    #[error("the WebSocket's host cannot be an ssh host: {0}")]
    WebSocketHost(#[source] anyssh_core::FieldError),
    /// A key could not be written in OpenSSH's format.
    #[error("the session's key cannot be written for ssh: {0}")]
    Key(#[source] anyssh_core::ssh_key::Error),
}
