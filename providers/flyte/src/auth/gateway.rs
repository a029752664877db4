//! The way through a gateway in front of the control plane, with what a command of the user's prints.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyssh_core::{Deadline, ErrorKind, ProviderError};
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::oauth::Minted;
use super::{AuthError, Freshness, command};

/// What has to be left of a token's life for it to be used again.
const MARGIN: Duration = Duration::from_secs(30);

/// `admin.proxyCommand`, and what it printed last. It is for the control plane's own origin, and is kept in
/// memory only.
pub(crate) struct Gateway {
    command: Vec<String>,
    current: Mutex<Option<Minted>>,
}

impl Gateway {
    pub(crate) fn new(command: Vec<String>) -> Arc<Self> {
        Arc::new(Self { command, current: Mutex::default() })
    }

    /// The token for the gateway; the command is run when there is none, or a new one is wanted.
    pub(crate) async fn token(&self, deadline: Deadline, freshness: Freshness) -> Result<SecretString, AuthError> {
        let Ok(mut current) = tokio::time::timeout_at(deadline.instant().into(), self.current.lock()).await else {
            return Err(
                ProviderError::new(ErrorKind::TimedOut, "admin.proxyCommand: no token was there in time").into()
            );
        };
        if let Some(kept) = current.as_ref().filter(|kept| freshness == Freshness::Kept && lives(kept)) {
            return Ok(kept.access_token.clone());
        }
        let minted = command::mint("admin.proxyCommand", &self.command, deadline).await?;
        let token = minted.access_token.clone();
        *current = Some(minted);
        Ok(token)
    }
}

impl fmt::Debug for Gateway {
    /// The command may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway(***)")
    }
}

fn lives(minted: &Minted) -> bool {
    let left = |expiry: SystemTime| expiry.duration_since(SystemTime::now()).unwrap_or_default();
    minted.expires_at.is_none_or(|expiry| left(expiry) > MARGIN)
}
