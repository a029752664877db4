//! Who we are to the control plane: where Bearer tokens come from.
//!
//! Reading order: this file has what others need. `kept.rs` is the source: it keeps a token and makes a
//! new one when it has to. `metadata.rs` asks the control plane how; `client_secret.rs`, `command.rs`,
//! `device.rs` and `pkce.rs` (with `redirect.rs`) are the ways; `oauth.rs` is what they share. `store.rs` has the
//! files, `jwt.rs` reads a token's end. `gateway.rs` is the way through a gateway in front of all this.

mod client_secret;
mod command;
mod device;
mod gateway;
mod jwt;
mod kept;
mod metadata;
mod oauth;
mod pkce;
mod redirect;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use anyssh_core::{Deadline, ErrorKind, ProviderError, async_trait};
use secrecy::SecretString;

use crate::config::{Config, Login};
use crate::connect_rpc::ConnectClient;
pub(crate) use gateway::Gateway;
use kept::Tokens;
use metadata::Metadata;
pub(crate) use metadata::PublicClientConfig;

/// A Bearer token, and how RPCs carry it.
#[derive(Clone)]
pub(crate) struct Token {
    /// The token alone, without `Bearer `.
    pub(crate) secret: SecretString,
    /// What its own payload says; a hint only (K8).
    pub(crate) expires_at: Option<SystemTime>,
    /// The name of the header that RPCs carry it in: `authorizationMetadataKey` of the control plane,
    /// `authorization` where that is empty. The WebSocket's header is always `Authorization`.
    pub(crate) rpc_header: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("expires_at", &self.expires_at)
            .field("rpc_header", &self.rpc_header)
            .finish_non_exhaustive()
    }
}

/// How old a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// One that was kept is welcome, as long as it lives.
    Kept,
    /// A new one: the kept one was refused, or the user asked for it.
    New,
}

/// Where Bearer tokens come from.
#[async_trait]
pub(crate) trait TokenSource: fmt::Debug + Send + Sync {
    /// A token that can be used now. Several calls at once get one token made once.
    ///
    /// # Errors
    /// Why there is none; by `deadline` at the latest.
    async fn token(&self, deadline: Deadline, freshness: Freshness) -> Result<Token, AuthError>;
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    /// The token endpoint, or the user, said no.
    #[error("{0}")]
    Rejected(String),
    /// It may work later.
    #[error("{0}")]
    Transient(String),
    /// A call, a setting or a file, in words of its own.
    #[error(transparent)]
    Other(#[from] ProviderError),
}

impl From<AuthError> for ProviderError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Rejected(message) => Self::new(ErrorKind::Unauthenticated, message),
            AuthError::Transient(message) => Self::new(ErrorKind::Unavailable, message),
            AuthError::Other(error) => error,
        }
    }
}

/// The source of tokens that the configuration names; `None` where it names none (pass-through) or
/// where none may be sent (plain HTTP beyond loopback).
///
/// # Errors
/// Of kind `Config`, naming what is missing.
pub(crate) fn source(config: &Config) -> Result<Option<Arc<dyn TokenSource>>, ProviderError> {
    if matches!(config.login, Login::Passthrough) || !config.endpoint.base_url.keeps_secrets() {
        return Ok(None);
    }
    let rpc = ConnectClient::anonymous(config.endpoint.http()?).behind(config.gateway.clone());
    Ok(Some(Arc::new(Tokens::new(config, rpc))))
}

/// The scopes to ask for: the user's own, else the control plane's.
fn scope(config: &Config, metadata: &Metadata) -> String {
    let scopes = if config.scopes.is_empty() { &metadata.client.scopes } else { &config.scopes };
    scopes.join(" ")
}

#[cfg(test)]
mod tests;
