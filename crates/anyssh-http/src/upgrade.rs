//! One connection that becomes another protocol: the HTTP/1.1 upgrade (RFC 9110 §7.8).

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use anyssh_core::{Deadline, ErrorKind, WebSocketUrl};
use reqwest::header::{CONNECTION, HeaderMap, HeaderValue, LOCATION, UPGRADE, USER_AGENT};
use reqwest::{Method, Request, Response};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::about::About;
use crate::redact::Secrets;
use crate::send::left;
use crate::{Header, HttpError, RetryHint, attempt, client, lost, status, tls};

/// Asks servers to go on in another protocol. Cheap to make and to clone; TLS roots are read at the
/// first `wss` URL.
///
/// What holds for [`HttpClient`](crate::HttpClient) holds here: the platform's roots and the given ones,
/// proxies for TLS alone, no redirect followed, a bound for each attempt.
#[derive(Clone)]
pub struct Upgrader(Arc<Inner>);

struct Inner {
    extra_roots: Vec<CertificateDer<'static>>,
    request_timeout: Duration,
    secure: OnceLock<Result<reqwest::Client, String>>,
    plain: OnceLock<Result<reqwest::Client, String>>,
}

/// A connection that the server switched.
#[derive(Debug)]
#[non_exhaustive]
pub struct Upgraded {
    /// The bytes after the answer's head, both ways.
    pub stream: reqwest::Upgraded,
    /// What was sent and must not be shown, should the other protocol's messages repeat it.
    pub secrets: Secrets,
    headers: HeaderMap,
}

impl Upgraded {
    /// The text of an answer's header; all its lines joined with commas (RFC 9110 §5.2). `None` if there
    /// is none of this name. What is no text is empty.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines: Vec<_> = self.headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

impl Upgrader {
    /// With the platform's roots and 30 seconds for each attempt.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            extra_roots: Vec::new(),
            request_timeout: Duration::from_secs(30),
            secure: OnceLock::new(),
            plain: OnceLock::new(),
        }))
    }

    /// The same with another bound for each attempt: from connecting to the head of the answer.
    #[must_use]
    pub fn with_request_timeout(self, request_timeout: Duration) -> Self {
        Self::from_parts(self.0.extra_roots.clone(), request_timeout)
    }

    /// The same, which also trusts the certificate authorities in this PEM file.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`] when the file cannot be read or holds no certificate.
    pub fn with_ca_file(self, path: &Path) -> Result<Self, HttpError> {
        let mut extra_roots = self.0.extra_roots.clone();
        extra_roots.extend(tls::read_roots(path)?);
        Ok(Self::from_parts(extra_roots, self.0.request_timeout))
    }

    fn from_parts(extra_roots: Vec<CertificateDer<'static>>, request_timeout: Duration) -> Self {
        Self(Arc::new(Inner { extra_roots, request_timeout, secure: OnceLock::new(), plain: OnceLock::new() }))
    }

    /// Asks once for `protocol` at `url`. Whether an error is worth another try is in
    /// [`HttpError::is_retryable`], and in its status, which means more to a caller that knows the route.
    ///
    /// # Errors
    /// Of the kind that [`error_kind`](crate::error_kind) gives for the status; a redirect and a 200 are
    /// `Protocol`. `Unavailable` without an answer, `TimedOut` by the deadline or the attempt's bound.
    pub async fn upgrade(
        &self,
        url: &WebSocketUrl,
        protocol: &'static str,
        headers: &[Header],
        deadline: Deadline,
    ) -> Result<Upgraded, HttpError> {
        let about = about(url, headers);
        let limit = left(deadline).min(self.0.request_timeout);
        if limit.is_zero() {
            return Err(about.error(ErrorKind::TimedOut, "not sent: the timeout is over"));
        }
        let request = request(&about, url, protocol, headers)?;
        let client = self.0.client(url.is_secure());
        let client = client.as_ref().map_err(|why| about.error(ErrorKind::Local, &format!("TLS: {why}")))?;
        let switching = async {
            let response = client.execute(request).await;
            let response = response.map_err(|error| lost::before_the_answer(&about, url.host(), error))?;
            switched(&about, response).await
        };
        timeout_at(Instant::now() + limit, switching).await.unwrap_or_else(|_| Err(lost::no_answer(&about)))
    }
}

impl Default for Upgrader {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn client(&self, secure: bool) -> &Result<reqwest::Client, String> {
        let place = if secure { &self.secure } else { &self.plain };
        place.get_or_init(|| client::connections(secure, &self.extra_roots, self.request_timeout, None))
    }
}

fn about(url: &WebSocketUrl, headers: &[Header]) -> About {
    let mut secrets = Secrets::default();
    for secret in headers.iter().filter_map(|header| header.secret.as_ref()) {
        secrets.hide(secret);
    }
    // `Display` leaves the query out.
    About { call: url.to_string(), secrets }
}

fn request(
    about: &About,
    url: &WebSocketUrl,
    protocol: &'static str,
    headers: &[Header],
) -> Result<Request, HttpError> {
    let unusable = || about.error(ErrorKind::Usage, "the URL cannot be requested");
    // `ws` and `wss` differ from `http` and `https` in name alone (RFC 6455 §3).
    let text = url.as_str().strip_prefix("ws").ok_or_else(unusable)?;
    let mut request = Request::new(Method::GET, Url::parse(&format!("http{text}")).map_err(|_| unusable())?);
    let all = request.headers_mut();
    for header in headers {
        all.insert(header.name.clone(), header.value.clone());
    }
    all.insert(USER_AGENT, HeaderValue::from_static(client::USER_AGENT));
    all.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    all.insert(UPGRADE, HeaderValue::from_static(protocol));
    Ok(request)
}

async fn switched(about: &About, response: Response) -> Result<Upgraded, HttpError> {
    attempt::check_head(about, response.headers())?;
    if response.status().as_u16() != 101 {
        return Err(refusal(about, &response));
    }
    let headers = response.headers().clone();
    let stream = response.upgrade().await;
    let stream = stream.map_err(|error| lost::unreadable(about, "the upgrade failed").with_source(error))?;
    Ok(Upgraded { stream, secrets: about.secrets.clone(), headers })
}

/// The error for any other answer. Its body is not read: the status says what to do.
fn refusal(about: &About, response: &Response) -> HttpError {
    let code = response.status().as_u16();
    let meaning = match code {
        200 => ": the upgrade header was lost on the way, or there is no WebSocket".to_owned(),
        300..=399 if response.headers().contains_key(LOCATION) => {
            attempt::meaning(code, &[101], response.headers()) + "; it may lead to a login page"
        }
        _ => attempt::meaning(code, &[101], response.headers()),
    };
    let hint = RetryHint::from_headers(response.headers(), SystemTime::now());
    let error = about.error(status::error_kind(code), &format!("HTTP {code}{meaning}"));
    error.with_status(code).with_hint(hint).with_repeat(attempt::repeat(code, hint))
}

impl fmt::Debug for Upgrader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrader").field("request_timeout", &self.0.request_timeout).finish_non_exhaustive()
    }
}
