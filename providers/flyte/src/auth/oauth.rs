//! The endpoints of OAuth 2.0: forms out, tokens or one of its errors in (RFC 6749).

use std::time::{Duration, SystemTime};

use anyssh_core::{Deadline, ErrorKind, FieldError, ProviderError};
use anyssh_http::{BaseUrl, Header, HttpClient, HttpError, Refusal, RetryPolicy, Value};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{AuthError, jwt};
use crate::config::Config;

const ENDPOINT: &str = "an https:// URL (http:// only where the control plane is on loopback, too)";

const TOKEN: &str = "a token of visible characters, at most 8000 of them";

/// Longer than any real token, shorter than what servers take in a header.
const LONGEST_TOKEN: usize = 8000;

/// One endpoint of the authorization server.
#[derive(Clone, Debug)]
pub(crate) struct OAuthEndpoint {
    http: HttpClient,
    /// The path below the client's base, as messages show it.
    segments: Vec<String>,
    /// What the URL that was named has besides its path.
    query: Vec<(String, String)>,
    final_slash: bool,
}

/// A form that is posted.
pub(crate) struct Form<'a> {
    pub(crate) pairs: Vec<(&'a str, &'a str)>,
    /// Which of the values are secrets, so that no error shows one.
    pub(crate) secrets: Vec<&'a SecretString>,
    pub(crate) headers: Vec<Header>,
    /// Whether a second arrival does no harm.
    pub(crate) policy: RetryPolicy,
}

impl OAuthEndpoint {
    /// The endpoint at `url`, which the control plane named as `field`.
    pub(crate) fn parse(field: &'static str, url: &str, config: &Config) -> Result<Self, ProviderError> {
        let url = parse_url(field, url, config).map_err(ProviderError::protocol)?;
        let query = url.query_pairs().into_owned().collect();
        let final_slash = url.path().len() > 1 && url.path().ends_with('/');
        let mut base = url;
        base.set_query(None);
        let segments = segments(&base);
        if !segments.is_empty() {
            base.set_path("");
        }
        let base = BaseUrl::parse(field, base.as_str()).map_err(ProviderError::protocol)?;
        let http = config.endpoint.http_to(base)?.with_refusals_read_by(read_refusal);
        let http = match &config.http_proxy {
            Some(proxy) => http.with_proxy(proxy.clone()),
            None => http,
        };
        Ok(Self { http, segments, query, final_slash })
    }

    /// Posts a form and reads the answer.
    pub(crate) async fn post<T: DeserializeOwned>(&self, form: Form<'_>, deadline: Deadline) -> Result<T, HttpError> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        let mut call = self.http.post(&segments, form.policy, deadline).with_form(&form.pairs);
        for (name, value) in &self.query {
            call = call.with_query(name, value);
        }
        if self.final_slash {
            call = call.with_final_slash();
        }
        for header in form.headers {
            call = call.with_header(header);
        }
        for secret in form.secrets {
            call = call.hiding(secret);
        }
        call.send(&[200]).await?.json()
    }
}

/// The parts of a path in which nothing is encoded; none for another path, which stays as it is.
fn segments(url: &Url) -> Vec<String> {
    let parts: Vec<&str> = url.path().trim_matches('/').split('/').collect();
    let is_plain =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    if parts.iter().all(is_plain) { parts.into_iter().map(str::to_owned).collect() } else { Vec::new() }
}

/// A URL that the control plane named, where a secret may go.
pub(crate) fn parse_url(field: &'static str, text: &str, config: &Config) -> Result<Url, FieldError> {
    let refused = || FieldError::new(field, ENDPOINT, text);
    let (without_query, _) = text.split_once('?').unwrap_or((text, ""));
    let base = BaseUrl::parse(field, without_query).map_err(|_| refused())?;
    let is_https = |base: &BaseUrl| base.origin().starts_with("https://");
    let loopback = !is_https(&base);
    if loopback && is_https(&config.endpoint.base_url) || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(refused());
    }
    Url::parse(text).ok().filter(|url| url.fragment().is_none()).ok_or_else(refused)
}

/// What a token endpoint answers (RFC 6749 §5.1).
#[derive(Debug, Deserialize)]
struct TokenAnswer {
    #[serde(deserialize_with = "anyssh_http::secret")]
    access_token: SecretString,
    #[serde(default)]
    token_type: Option<String>,
    /// A number by the RFC, and a text from some servers.
    #[serde(default)]
    expires_in: Value,
    #[serde(default, deserialize_with = "optional_secret")]
    refresh_token: Option<SecretString>,
}

/// A token that was made.
#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) access_token: SecretString,
    pub(crate) expires_at: Option<SystemTime>,
    pub(crate) refresh_token: Option<SecretString>,
}

impl Minted {
    /// A token that came without a word about its end.
    pub(crate) fn alone(field: &'static str, token: SecretString) -> Result<Self, FieldError> {
        let expires_at = jwt::expiry(token.expose_secret());
        Ok(Self { access_token: parse_token(field, token)?, expires_at, refresh_token: None })
    }
}

/// Asks a token endpoint for a token.
pub(crate) async fn ask_for_token(
    endpoint: &OAuthEndpoint,
    form: Form<'_>,
    deadline: Deadline,
) -> Result<Minted, OAuthError> {
    let answer: TokenAnswer = endpoint.post(form, deadline).await?;
    answer.checked().map_err(|error| OAuthError::Answer(ProviderError::protocol(error)))
}

impl TokenAnswer {
    fn checked(self) -> Result<Minted, FieldError> {
        if let Some(other) = self.token_type.filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(FieldError::new("token_type", "Bearer", &other));
        }
        let minted = Minted::alone("access_token", self.access_token)?;
        // The sooner of what the server and what the token says.
        let said = seconds(&self.expires_in).and_then(|seconds| SystemTime::now().checked_add(seconds));
        let expires_at = [said, minted.expires_at].into_iter().flatten().min();
        let refresh_token = self.refresh_token.filter(|token| parse_token("refresh_token", token.clone()).is_ok());
        Ok(Minted { expires_at, refresh_token, ..minted })
    }
}

/// Why an endpoint gave nothing.
#[derive(Debug)]
pub(crate) enum OAuthError {
    /// The call, or an error that it was answered with.
    Call(HttpError),
    /// An answer that does not fit.
    Answer(ProviderError),
}

impl OAuthError {
    /// The error's word (RFC 6749 §5.2, RFC 8628 §3.5): `invalid_client`, `slow_down`.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Call(error) => error.code(),
            Self::Answer(_) => None,
        }
    }

    /// Whether the same call may be answered otherwise a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Call(error) if error.code().is_some_and(|code| FINAL.contains(&code)) => false,
            Self::Call(error) => error.kind() == ErrorKind::Unavailable,
            Self::Answer(_) => false,
        }
    }
}

/// The errors after which nothing but another login helps.
const FINAL: &[&str] = &[
    "access_denied",
    "expired_token",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

impl From<HttpError> for OAuthError {
    fn from(error: HttpError) -> Self {
        Self::Call(error)
    }
}

impl From<OAuthError> for AuthError {
    fn from(error: OAuthError) -> Self {
        let passing = error.is_passing();
        match error {
            OAuthError::Answer(error) => Self::Other(error),
            OAuthError::Call(error) if passing => Self::Transient(error.to_string()),
            OAuthError::Call(error) => {
                let is_final = error.code().is_some_and(|code| FINAL.contains(&code));
                if is_final || matches!(error.status(), Some(400 | 401 | 403)) {
                    Self::Rejected(error.to_string())
                } else {
                    Self::Other(error.into())
                }
            }
        }
    }
}

/// A token as it goes into a header.
pub(crate) fn parse_token(field: &'static str, token: SecretString) -> Result<SecretString, FieldError> {
    let text = token.expose_secret();
    let fits = (1..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(token) } else { Err(FieldError::secret(field, TOKEN)) }
}

/// A number of seconds, also as a text; nothing and nonsense are no number.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Duration::try_from_secs_f64(number).ok()
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()).map(SecretString::from))
}

fn read_refusal(body: &Value) -> Refusal {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let message =
        text("error_description").or_else(|| Refusal::common(body).message.filter(|_| text("error").is_none()));
    Refusal { message, code: text("error"), ..Refusal::default() }
}
