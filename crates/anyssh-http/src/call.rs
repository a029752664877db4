//! One call, put together and sent.

use std::fmt;

use anyssh_core::{Deadline, ErrorKind};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use secrecy::SecretString;
use serde::Serialize;

use crate::about::About;
use crate::{Answer, Header, HttpClient, HttpError, RetryPolicy, body, path, send};

/// A call that is being put together. What is wrong with it (an id that is `..`) is told by
/// [`send`](Self::send), before anything leaves.
#[must_use = "a call does nothing until it is sent"]
pub struct Call {
    pub(crate) client: HttpClient,
    pub(crate) method: Method,
    pub(crate) policy: RetryPolicy,
    pub(crate) deadline: Deadline,
    pub(crate) about: About,
    pub(crate) largest_answer: usize,
    path: Result<String, HttpError>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Option<Body>,
}

/// A body that is ready to be sent, or that could not be written.
struct Body {
    content_type: &'static str,
    bytes: Result<Vec<u8>, serde_json::Error>,
}

impl Call {
    pub(crate) fn new(
        client: &HttpClient,
        method: Method,
        segments: &[&str],
        policy: RetryPolicy,
        deadline: Deadline,
    ) -> Self {
        let path = path::encode(segments)
            .map_err(|error| HttpError::new(ErrorKind::Usage, error.to_string()).with_source(error));
        let about = About {
            call: format!("{method} {}", path.as_deref().unwrap_or_default()),
            secrets: client.secrets().clone(),
        };
        let mut headers = client.headers().clone();
        if let RetryPolicy::SameKey(key) = &policy
            && let Ok(value) = HeaderValue::from_str(key.as_str())
        {
            headers.insert(HeaderName::from_static("idempotency-key"), value);
        }
        Self {
            client: client.clone(),
            method,
            policy,
            deadline,
            about,
            largest_answer: body::LARGEST,
            path,
            query: Vec::new(),
            headers,
            body: None,
        }
    }

    /// Ends the path with a slash, for servers that insist on one.
    pub fn with_final_slash(mut self) -> Self {
        self.path = self.path.map(|path| path + "/");
        self
    }

    /// Adds one query pair, encoded.
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header to this call alone.
    pub fn with_header(mut self, header: Header) -> Self {
        if let Some(secret) = &header.secret {
            self.about.secrets.hide(secret);
        }
        self.headers.insert(header.name, header.value);
        self
    }

    /// Sends `body` as JSON.
    pub fn with_json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(Body { content_type: "application/json", bytes: serde_json::to_vec(body) });
        self
    }

    /// Sends `pairs` as a form, which is what OAuth token endpoints read (RFC 6749 §4).
    pub fn with_form(mut self, pairs: &[(&str, &str)]) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.body = Some(Body { content_type: "application/x-www-form-urlencoded", bytes: Ok(text.into_bytes()) });
        self
    }

    /// Sends `bytes` as they are.
    pub fn with_body(mut self, content_type: &'static str, bytes: Vec<u8>) -> Self {
        self.body = Some(Body { content_type, bytes: Ok(bytes) });
        self
    }

    /// Keeps `secret`, which is somewhere in the body, out of every error about this call.
    pub fn hiding(mut self, secret: &SecretString) -> Self {
        self.about.secrets.hide(secret);
        self
    }

    /// Reads an answer of up to `bytes` in place of 1 MiB: for bulk that is passed on and not looked into,
    /// with [`Answer::text`]. All of it is held in memory.
    ///
    /// ```no_run
    /// # async fn run(client: anyssh_http::HttpClient, deadline: anyssh_core::Deadline) -> Result<(), anyssh_http::HttpError> {
    /// use anyssh_http::RetryPolicy;
    ///
    /// let call = client.post(&["v1", "export"], RetryPolicy::Safe, deadline);
    /// let answer = call.with_largest_answer(64 << 20).send(&[200]).await?;
    /// println!("{} bytes", answer.text()?.len());
    /// # Ok(()) }
    /// ```
    pub fn with_largest_answer(mut self, bytes: usize) -> Self {
        self.largest_answer = bytes;
        self
    }

    /// Sends the call, repeats it as its policy allows, and reads the answer to its end.
    ///
    /// An answer whose status is not in `expected` is an error, also if it is a 2xx.
    ///
    /// # Errors
    /// Of the kind that [`error_kind`](crate::error_kind) gives for the status; `Unavailable` without
    /// an answer, `TimedOut` if none came in time, `Protocol` if it is not a readable answer.
    pub async fn send(self, expected: &[u16]) -> Result<Answer, HttpError> {
        send::send(&self, expected).await
    }

    /// One attempt's request: each attempt sends the same bytes.
    pub(crate) fn request(&self) -> Result<Request, HttpError> {
        let path = self.path.as_deref().map_err(HttpError::without_source)?;
        let base = self.client.base_url();
        if !base.keeps_secrets() && !self.about.secrets.is_empty() {
            let text = format!("{} is plain http beyond loopback: no secret is sent there", base.origin());
            return Err(self.about.error(ErrorKind::Config, &text));
        }
        let unusable = || self.about.error(ErrorKind::Usage, "the path cannot be written as a URL");
        let mut url = base.at(path).ok_or_else(unusable)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = Request::new(self.method.clone(), url);
        *request.headers_mut() = self.headers.clone();
        self.put_body(&mut request)?;
        Ok(request)
    }

    fn put_body(&self, request: &mut Request) -> Result<(), HttpError> {
        match &self.body {
            Some(Body { content_type, bytes: Ok(bytes) }) => {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
                *request.body_mut() = Some(bytes.clone().into());
            }
            // serde_json's message may hold a value of the body, so it is not shown.
            Some(Body { bytes: Err(_), .. }) => {
                return Err(self.about.error(ErrorKind::Usage, "the body cannot be written as JSON"));
            }
            // RFC 9110 §8.6: a method that usually has a body says so when it has none.
            None if matches!(self.method, Method::POST | Method::PUT | Method::PATCH) => {
                request.headers_mut().remove(CONTENT_TYPE);
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            None => drop(request.headers_mut().remove(CONTENT_TYPE)),
        }
        Ok(())
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("call", &self.about.call).field("policy", &self.policy).finish_non_exhaustive()
    }
}
