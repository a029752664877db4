//! The header that opens the route to a pod: always `Authorization: Bearer TOKEN`.

use std::sync::{Arc, Mutex, PoisonError};

use anyssh_core::{Deadline, ProviderError, async_trait};
use anyssh_tunnel::{HeaderSource, Headers, Why};
use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::{Freshness, TokenSource};

/// Headers for dials, made of the tokens of one source.
#[derive(Debug)]
pub(crate) struct Ingress {
    tokens: Option<Arc<dyn TokenSource>>,
    deadline: Deadline,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How old the next token may be.
    next: Freshness,
    /// The token that was sent last.
    last: Option<SecretString>,
}

impl Ingress {
    /// Without a source of tokens no header is sent.
    pub(crate) fn new(tokens: Option<Arc<dyn TokenSource>>, freshness: Freshness, deadline: Deadline) -> Self {
        Self { tokens, deadline, state: Mutex::new(State { next: freshness, last: None }) }
    }

    /// The token that was sent last; without a dial, one that could be.
    pub(crate) async fn token(&self) -> Result<Option<SecretString>, ProviderError> {
        if let Some(last) = self.state().last.clone() {
            return Ok(Some(last));
        }
        let next = self.state().next;
        self.obtain(next).await
    }

    async fn obtain(&self, freshness: Freshness) -> Result<Option<SecretString>, ProviderError> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let token = tokens.token(self.deadline, freshness).await?.secret;
        *self.state() = State { next: Freshness::Kept, last: Some(token.clone()) };
        Ok(Some(token))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HeaderSource for Ingress {
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError> {
        let freshness = match why {
            Why::Dial => self.state().next,
            Why::Refused => Freshness::New,
        };
        Ok(self.obtain(freshness).await?.as_ref().map(header))
    }
}

/// The headers that carry a token.
pub(crate) fn header(token: &SecretString) -> Headers {
    vec![("Authorization".to_owned(), format!("Bearer {}", token.expose_secret()).into())]
}
