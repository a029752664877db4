//! The whole way into a pod: the link, the route behind it, and a token for it.

use std::sync::Arc;
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError, WebSocketUrl, escape};
use anyssh_tunnel::Dialer;
use secrecy::SecretString;

use crate::auth::{Freshness, TokenSource};
use crate::error::{DebugError, Stage};
use crate::flyte::Flyte;
use crate::ingress::Ingress;
use crate::link::DebugLink;
use crate::target::ActionName;
use crate::wait::{self, Seen};
use crate::watch::ActionWatch;

/// What to reach, and how.
#[derive(Debug)]
pub(crate) struct Reach<'a> {
    pub(crate) flyte: &'a Flyte,
    /// Tokens for the route: those of the control plane, or of an API key.
    pub(crate) tokens: Option<Arc<dyn TokenSource>>,
    pub(crate) freshness: Freshness,
    pub(crate) action: &'a ActionName,
    pub(crate) poll_interval: Duration,
    /// Whether the SSH server in the pod has to have answered.
    pub(crate) route: Route,
    pub(crate) deadline: Deadline,
    pub(crate) progress: &'a Progress,
}

/// How far to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Until the SSH server in the pod has said its name.
    Answering,
    /// Until there is a link to it.
    Linked,
}

/// The way into a pod.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) url: WebSocketUrl,
    /// `None` where the configuration has no login: then the route has to be open to all.
    pub(crate) token: Option<SecretString>,
    pub(crate) attempt: u32,
}

impl Reach<'_> {
    /// Waits for the way. While the route is tried, the action is still watched: it may end, or go on in
    /// another pod behind another link.
    ///
    /// # Errors
    /// By the deadline; see [`DebugError`].
    pub(crate) async fn find(&self) -> Result<Way, DebugError> {
        let mut watch = ActionWatch::new(&self.flyte.control, self.action, self.poll_interval, self.deadline);
        let mut link = wait::for_link(&mut watch, self.deadline, self.progress).await?;
        let dialer = dialer(self.flyte)?;
        loop {
            let url = self.flyte.route(&link, self.action, self.deadline).await?;
            let ingress = Ingress::new(self.tokens.clone(), self.freshness, self.deadline);
            if self.route == Route::Linked {
                return Ok(Way { url, token: ingress.token().await?, attempt: link.attempt });
            }
            let changed = tokio::select! {
                ready = dialer.wait_until_ready(&url, &ingress, self.progress, self.deadline) => {
                    ready.map_err(not_answering)?;
                    return Ok(Way { url, token: ingress.token().await?, attempt: link.attempt });
                }
                changed = until_other(&mut watch, &link) => changed?,
            };
            link = match changed {
                Seen::Link(link) => link,
                Seen::Pending(what) => {
                    self.progress.tell(&what);
                    wait::for_link(&mut watch, self.deadline, self.progress).await?
                }
            };
        }
    }
}

/// A dialler that trusts what the configuration trusts, with its bounds.
pub(crate) fn dialer(flyte: &Flyte) -> Result<Dialer, ProviderError> {
    let endpoint = &flyte.config.endpoint;
    let dialer = Dialer::new().with_request_timeout(endpoint.request_timeout);
    match &endpoint.ca_file {
        Some(file) => dialer.with_ca_file(file),
        None => Ok(dialer),
    }
}

/// Waits until the action has another link than this one, or none.
async fn until_other(watch: &mut ActionWatch, link: &DebugLink) -> Result<Seen, DebugError> {
    loop {
        let details = watch.next().await?;
        match wait::look(&details, watch.action())? {
            Seen::Link(same) if same == *link => {}
            other => return Ok(other),
        }
    }
}

/// The time being over is an error of its own.
fn not_answering(error: ProviderError) -> DebugError {
    if error.kind() != ErrorKind::TimedOut {
        return DebugError::Other(error);
    }
    let source = std::error::Error::source(&error);
    let last = source.map_or_else(|| error.to_string(), ToString::to_string);
    DebugError::TimedOut { stage: Stage::Route, last: escape::printable(&last, escape::MESSAGE_CAP) }
}
