//! From a transport to a stream, with few retries and one chance for a stale token.

use std::path::Path;
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, ProviderError, Transport, WebSocketUrl};
use anyssh_http::{Upgraded, Upgrader};
use tokio::time::{Instant, sleep, timeout_at};

use crate::headers::{FixedHeaders, HeaderSource, Headers, Why};
use crate::pause;
use crate::stream::Stream;
use crate::tcp;
use crate::web_socket::{KeepAlive, WebSocket, upgrade};

/// Dials transports. Cheap to make and to clone; TLS roots are read at the first `wss` URL.
///
/// A dial is repeated a few times while the route may just not be there yet: 404, 429, 5xx, a refused or
/// lost connection, a name that does not resolve. A 401 asks once for other headers. Everything else, and
/// each of these in the end, is the error.
#[derive(Clone, Debug)]
pub struct Dialer {
    upgrader: Upgrader,
    keep_alive: KeepAlive,
}

impl Dialer {
    /// With the platform's roots, 30 seconds for each attempt and a ping every 20 seconds.
    pub fn new() -> Self {
        Self { upgrader: Upgrader::new(), keep_alive: KeepAlive::default() }
    }

    /// One that trusts what `transport` says is to be trusted besides the platform's roots.
    ///
    /// # Errors
    /// Of kind `Config` when the file of authorities cannot be read.
    pub fn of(transport: &Transport) -> Result<Self, ProviderError> {
        match transport {
            Transport::WebSocket { ca_file: Some(path), .. } => Self::new().with_ca_file(path),
            _ => Ok(Self::new()),
        }
    }

    /// The same, which also trusts the certificate authorities in this PEM file.
    ///
    /// # Errors
    /// Of kind `Config` when the file cannot be read or holds no certificate.
    pub fn with_ca_file(mut self, path: &Path) -> Result<Self, ProviderError> {
        self.upgrader = self.upgrader.with_ca_file(path)?;
        Ok(self)
    }

    /// The same with another bound for each attempt, from connecting to the answer's head.
    #[must_use]
    pub fn with_request_timeout(mut self, request_timeout: Duration) -> Self {
        self.upgrader = self.upgrader.with_request_timeout(request_timeout);
        self
    }

    /// The same with pings at other times.
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Dials `transport` with the headers that it has.
    ///
    /// # Errors
    /// By the deadline at the latest; the kind is the caller's next step (`Unauthenticated` for 401, and so
    /// on as in [`anyssh_http::error_kind`]).
    pub async fn dial(&self, transport: &Transport, deadline: Deadline) -> Result<Stream, ProviderError> {
        match transport {
            Transport::Tcp { host, port } => {
                let connect = async || tcp::connect(host, *port).await.map(Stream::tcp);
                repeated(&format!("{host} port {port}"), connect, deadline).await
            }
            Transport::WebSocket { url, headers, .. } => {
                self.dial_web_socket(url, &FixedHeaders(headers.clone()), deadline).await
            }
        }
    }

    /// Dials `url`; `headers` is asked before each attempt, and once more after a 401.
    ///
    /// # Errors
    /// As [`dial`](Self::dial), and those of `headers`.
    pub async fn dial_web_socket(
        &self,
        url: &WebSocketUrl,
        headers: &dyn HeaderSource,
        deadline: Deadline,
    ) -> Result<Stream, ProviderError> {
        let mut tokens = Tokens::new(headers);
        repeated(&url.to_string(), async || self.attempt(url, &mut tokens, deadline).await, deadline).await
    }

    /// One attempt, and one more after a 401 if there are other headers.
    pub(crate) async fn attempt(
        &self,
        url: &WebSocketUrl,
        tokens: &mut Tokens<'_>,
        deadline: Deadline,
    ) -> Result<Stream, ProviderError> {
        loop {
            let headers = tokens.next().await?;
            match upgrade(&self.upgrader, url, &headers, deadline).await {
                Ok(Upgraded { stream, secrets, .. }) => {
                    return Ok(Stream::web_socket(WebSocket::new(stream, secrets, self.keep_alive)));
                }
                Err(error) => tokens.refused(error).await?,
            }
        }
    }
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

/// The headers of one dial: fresh for each attempt, replaced once after a 401.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    source: &'a dyn HeaderSource,
    replacement: Option<Headers>,
    may_replace: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(source: &'a dyn HeaderSource) -> Self {
        Self { source, replacement: None, may_replace: true }
    }

    async fn next(&mut self) -> Result<Headers, ProviderError> {
        match self.replacement.take() {
            Some(headers) => Ok(headers),
            None => Ok(self.source.headers(Why::Dial).await?.unwrap_or_default()),
        }
    }

    /// Goes on if `error` is a 401 and there are other headers (requirement N7).
    async fn refused(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        if error.kind() != ErrorKind::Unauthenticated || !std::mem::take(&mut self.may_replace) {
            return Err(error);
        }
        self.replacement = self.source.headers(Why::Refused).await?;
        if self.replacement.is_some() { Ok(()) } else { Err(error) }
    }
}

/// Calls `dial` until it has an answer that counts, a few times at most. By the deadline all of it is over,
/// getting headers included.
async fn repeated(
    place: &str,
    mut dial: impl AsyncFnMut() -> Result<Stream, ProviderError>,
    deadline: Deadline,
) -> Result<Stream, ProviderError> {
    let mut last = None;
    for pause in PAUSES.map(Some).into_iter().chain([None]) {
        let dialled = timeout_at(deadline.instant().into(), dial()).await;
        let error = match dialled.unwrap_or_else(|_| Err(too_late(place))) {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        let pause = pause.map(|pause| pause::after(&error, pause));
        let fits = |pause: &Duration| deadline.remaining(Instant::now().into_std()) > *pause;
        let Some(pause) = pause.filter(fits).filter(|_| error.is_retryable()) else {
            // What was refused before says more than that the time was over.
            let over = error.kind() == ErrorKind::TimedOut && last.is_some();
            return Err(if over { last.unwrap_or(error) } else { error });
        };
        last = Some(error);
        sleep(pause).await;
    }
    Err(last.unwrap_or_else(|| too_late(place)))
}

fn too_late(place: &str) -> ProviderError {
    ProviderError::new(ErrorKind::TimedOut, format!("no connection to {place} before the timeout")).with_retryable(true)
}

/// The pauses between attempts: short, because somebody waits for a prompt.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2)];
