//! The client: one origin, its headers, its limits.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind};
use reqwest::Method;
use reqwest::header::HeaderMap;
use rustls::pki_types::CertificateDer;

use crate::redact::Secrets;
use crate::{BaseUrl, Call, Header, HttpError, ReadRefusal, Refusal, RetryPolicy, tls};

/// TCP, TLS and the proxy's CONNECT together. A server that takes longer is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter than the idle limit of common servers (5 s and up): a request on a connection that the
/// server is just closing is an ambiguous failure, and those are not repeated without a key.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A client for one control plane. Cheap to make and to clone; TLS roots are read at the first call.
///
/// It follows no redirect, keeps no cookie, decompresses nothing, and uses a proxy from the
/// environment for `https` only, where CONNECT keeps the proxy out of the conversation (N1, N3, N10).
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    base: BaseUrl,
    headers: HeaderMap,
    secrets: Secrets,
    request_timeout: Duration,
    extra_roots: Vec<CertificateDer<'static>>,
    proxy: Option<BaseUrl>,
    read_refusal: ReadRefusal,
    reqwest: OnceLock<Result<reqwest::Client, String>>,
}

impl HttpClient {
    /// A client for `base`: no headers but `accept` and `user-agent`, 30 seconds for each request.
    pub fn new(base: BaseUrl) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::ACCEPT, reqwest::header::HeaderValue::from_static("application/json"));
        headers.insert(reqwest::header::USER_AGENT, reqwest::header::HeaderValue::from_static(USER_AGENT));
        Self(Arc::new(Inner {
            base,
            headers,
            secrets: Secrets::default(),
            request_timeout: Duration::from_secs(30),
            extra_roots: Vec::new(),
            proxy: None,
            read_refusal: Refusal::common,
            reqwest: OnceLock::new(),
        }))
    }

    /// The same client with one more header on every request; a later one of the same name wins.
    #[must_use]
    pub fn with_header(self, header: Header) -> Self {
        self.change(|inner| {
            if let Some(secret) = &header.secret {
                inner.secrets.hide(secret);
            }
            inner.headers.insert(header.name, header.value);
        })
    }

    /// The same client with another bound for each attempt: from connecting to the answer's last byte.
    #[must_use]
    pub fn with_request_timeout(self, request_timeout: Duration) -> Self {
        self.change(|inner| inner.request_timeout = request_timeout)
    }

    /// The same client, which reads the body of an error answer with `read`.
    #[must_use]
    pub fn with_refusals_read_by(self, read: ReadRefusal) -> Self {
        self.change(|inner| inner.read_refusal = read)
    }

    /// The same client, which also trusts the certificate authorities in this PEM file.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`] when the file cannot be read or holds no certificate.
    pub fn with_ca_file(self, path: &Path) -> Result<Self, HttpError> {
        let roots = tls::read_roots(path)?;
        Ok(self.change(|inner| inner.extra_roots.extend(roots)))
    }

    /// The same client, which reaches an `https` base through this proxy and not through one that the
    /// environment names. The proxy is asked for a tunnel (CONNECT), so it sees no request.
    #[must_use]
    pub fn with_proxy(self, proxy: BaseUrl) -> Self {
        self.change(|inner| inner.proxy = Some(proxy))
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        // A client that was cloned keeps its settings: this one becomes a new one, not yet connected.
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| shared.unconnected_copy());
        change(&mut inner);
        inner.reqwest = OnceLock::new();
        Self(Arc::new(inner))
    }

    /// GET, repeated freely.
    pub fn get(&self, segments: &[&str], deadline: Deadline) -> Call {
        self.call(Method::GET, segments, RetryPolicy::Safe, deadline)
    }

    /// DELETE, repeated freely: a second one finds nothing left to delete.
    pub fn delete(&self, segments: &[&str], deadline: Deadline) -> Call {
        self.call(Method::DELETE, segments, RetryPolicy::Safe, deadline)
    }

    /// POST. Whether it may be repeated is for the caller to say.
    pub fn post(&self, segments: &[&str], policy: RetryPolicy, deadline: Deadline) -> Call {
        self.call(Method::POST, segments, policy, deadline)
    }

    /// Any call: `segments` is the path below the base URL, one entry for each part, unencoded.
    pub fn call(&self, method: Method, segments: &[&str], policy: RetryPolicy, deadline: Deadline) -> Call {
        Call::new(self, method, segments, policy, deadline)
    }

    /// Where all requests go.
    pub fn base_url(&self) -> &BaseUrl {
        &self.0.base
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.0.request_timeout
    }

    pub(crate) fn read_refusal(&self) -> ReadRefusal {
        self.0.read_refusal
    }

    /// The connection pool, made at the first call.
    pub(crate) fn reqwest(&self) -> Result<&reqwest::Client, HttpError> {
        let made = self.0.reqwest.get_or_init(|| self.0.connect());
        made.as_ref().map_err(|why| HttpError::new(ErrorKind::Local, format!("TLS cannot be set up: {why}")))
    }
}

impl Inner {
    fn connect(&self) -> Result<reqwest::Client, String> {
        connections(self.base.is_https(), &self.extra_roots, self.request_timeout, self.proxy.as_ref())
    }

    fn unconnected_copy(&self) -> Self {
        Self {
            base: self.base.clone(),
            headers: self.headers.clone(),
            secrets: self.secrets.clone(),
            request_timeout: self.request_timeout,
            extra_roots: self.extra_roots.clone(),
            proxy: self.proxy.clone(),
            read_refusal: self.read_refusal,
            reqwest: OnceLock::new(),
        }
    }
}

/// Connections to `https` servers or to plain loopback ones, for requests that each may take
/// `request_timeout`, through `proxy` in place of the environment's.
pub(crate) fn connections(
    https: bool,
    extra_roots: &[CertificateDer<'static>],
    request_timeout: Duration,
    proxy: Option<&BaseUrl>,
) -> Result<reqwest::Client, String> {
    let tls = if https { tls::config(extra_roots) } else { tls::unused_config() };
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.map_err(|error| error.to_string())?)
        .https_only(https)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        // Below the attempt's own bound, so that "never connected" is known and not only assumed.
        .connect_timeout(CONNECT_TIMEOUT.min(request_timeout * 3 / 4))
        .pool_idle_timeout(POOL_IDLE_TIMEOUT);
    // A proxy could read and change plain requests, and loopback is never behind one.
    let builder = match proxy {
        _ if !https => builder.no_proxy(),
        Some(proxy) => {
            let proxy = reqwest::Proxy::https(proxy.to_string()).map_err(|error| error.without_url().to_string())?;
            builder.no_proxy().proxy(proxy)
        }
        None => builder,
    };
    builder.build().map_err(|error| error.to_string())
}

/// The name that servers see.
pub(crate) const USER_AGENT: &str = concat!("anyssh/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient")
            .field("base", &self.0.base)
            .field("headers", &self.0.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>())
            .field("request_timeout", &self.0.request_timeout)
            .finish_non_exhaustive()
    }
}
