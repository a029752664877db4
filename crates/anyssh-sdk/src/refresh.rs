//! Fresh headers for a tunnel whose token was refused: the session is regenerated, once.

use std::sync::{Arc, Mutex, PoisonError};

use anyssh_core::{CreateRequest, ProviderError, Session, SessionRef, Transport};
use anyssh_openssh::{Headers, RefreshHeaders};

use crate::{Error, Provider, clean_up_deadline};

/// The session that took the place of the first one, if it came to that.
#[derive(Clone, Debug)]
pub(crate) struct Refresh(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    provider: Provider,
    request: CreateRequest,
    session: Session,
    asked: tokio::sync::Mutex<bool>,
    replacement: Mutex<Option<Session>>,
}

impl Refresh {
    pub(crate) fn new(provider: &Provider, request: &CreateRequest, session: &Session) -> Self {
        Self(Arc::new(Inner {
            provider: provider.clone(),
            request: request.clone(),
            session: session.clone(),
            asked: tokio::sync::Mutex::new(false),
            replacement: Mutex::default(),
        }))
    }

    /// What a launcher calls when a dial was answered with 401.
    pub(crate) fn headers(&self) -> RefreshHeaders {
        let refresh = self.clone();
        RefreshHeaders::new(move || {
            let refresh = refresh.clone();
            async move { refresh.other_headers().await }
        })
    }

    /// The headers of a session in place of the first one, which is made at the first call.
    pub(crate) async fn other_headers(&self) -> Result<Option<Headers>, ProviderError> {
        let mut asked = self.0.asked.lock().await;
        if !std::mem::replace(&mut *asked, true) {
            let regenerated = self.0.provider.regenerate(&SessionRef::from(&self.0.session), &self.0.request).await;
            *self.replacement() = Some(regenerated.map_err(Error::into_provider_error)?.session);
        }
        let replacement = self.replacement();
        let new = replacement.as_ref().map(|session| &session.endpoint.transport);
        Ok(match (&self.0.session.endpoint.transport, new) {
            // ssh was started for the first one: only what has the same end can take its place.
            (Transport::WebSocket { url: old_url, .. }, Some(Transport::WebSocket { url, headers, .. }))
                if old_url == url =>
            {
                Some(headers.clone())
            }
            _ => None,
        })
    }

    /// `used`, after the session that took the place was ended, where it is not the one that its user revokes.
    pub(crate) async fn after<T>(&self, used: T) -> T {
        let replacement = self.replacement().take();
        if let Some(session) = replacement.filter(|session| session.id != self.0.session.id)
            && let Err(failure) = self.0.provider.revoke(&SessionRef::from(&session), clean_up_deadline()).await
        {
            self.0.request.progress.tell(&format!("session {} may still live: {failure}", session.id));
        }
        used
    }

    fn replacement(&self) -> std::sync::MutexGuard<'_, Option<Session>> {
        self.0.replacement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
