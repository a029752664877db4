//! Device authorization (RFC 8628): a code that the user types into any browser.

use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, FieldError, ProviderError, escape};
use anyssh_http::{RetryPolicy, Value};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::AuthError;
use super::metadata::Metadata;
use super::oauth::{Form, Minted, OAuthEndpoint, OAuthError, ask_for_token, parse_url, seconds};
use crate::config::Config;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// RFC 8628 §3.2 and §3.5.
const DEFAULT_INTERVAL: u32 = 5;
const SLOWER_BY: u32 = 5;
const LONGEST_INTERVAL: u32 = 60;

const USER_CODE: &str = "1 to 64 visible characters";

const SHORT_URL: &str = "an https:// URL of at most 200 characters";

/// A longer URL would be cut where it is shown.
const LONGEST_URL: usize = 200;

/// Where to type which code (RFC 8628 §3.2).
#[derive(Debug, Deserialize)]
struct DeviceAnswer {
    #[serde(deserialize_with = "anyssh_http::secret")]
    device_code: SecretString,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    verification_uri_complete: Option<String>,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    interval: Value,
}

/// The flow; `second` is a second, but for tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceFlow {
    pub(crate) second: Duration,
}

impl DeviceFlow {
    /// Shows the user where to go, and waits for the token.
    pub(crate) async fn mint(
        self,
        config: &Config,
        metadata: &Metadata,
        deadline: Deadline,
    ) -> Result<Minted, AuthError> {
        let answer = ask_for_code(config, metadata, deadline).await?;
        let url = shown_url(&answer, config).map_err(ProviderError::protocol)?;
        let code = escape::printable(&answer.user_code, escape::MESSAGE_CAP);
        config.surroundings.note(&format!("to log in, open {url} and check that it shows the code {code}"));
        self.wait(config, metadata, &answer, deadline).await
    }

    async fn wait(
        self,
        config: &Config,
        metadata: &Metadata,
        answer: &DeviceAnswer,
        deadline: Deadline,
    ) -> Result<Minted, AuthError> {
        let endpoint = OAuthEndpoint::parse("token_endpoint", &metadata.server.token_endpoint, config)?;
        let end = self.end(answer, deadline);
        let mut interval = interval(answer);
        loop {
            let pause = self.second * interval;
            if Instant::now() + pause >= end {
                return Err(ProviderError::new(ErrorKind::TimedOut, "the code was not confirmed in time").into());
            }
            sleep(pause).await;
            match poll(&endpoint, config, metadata, answer, deadline).await {
                Ok(minted) => return Ok(minted),
                Err(error) if error.code() == Some("authorization_pending") => {}
                // RFC 8628 §3.5: slower for this and all further polls; a server that times out wants the same.
                Err(error) if error.code() == Some("slow_down") => {
                    interval = (interval + SLOWER_BY).min(LONGEST_INTERVAL);
                }
                Err(error) if error.is_passing() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn end(self, answer: &DeviceAnswer, deadline: Deadline) -> Instant {
        let end = Instant::from_std(deadline.instant());
        let lasts = seconds(&answer.expires_in).map(|time| time.mul_f64(self.second.as_secs_f64()));
        lasts.and_then(|lasts| Instant::now().checked_add(lasts)).map_or(end, |expiry| expiry.min(end))
    }
}

async fn ask_for_code(config: &Config, metadata: &Metadata, deadline: Deadline) -> Result<DeviceAnswer, AuthError> {
    let url = &metadata.server.device_authorization_endpoint;
    if url.is_empty() {
        let message = "the control plane offers no device authorization; choose another way with FLYTE_AUTH_TYPE";
        return Err(ProviderError::new(ErrorKind::Config, message).with_field("admin.authType").into());
    }
    let endpoint = OAuthEndpoint::parse("device_authorization_endpoint", url, config)?;
    let scope = super::scope(config, metadata);
    let client = &metadata.client;
    let pairs = vec![("client_id", client.client_id.as_str()), ("scope", &scope), ("audience", &client.audience)];
    let form = Form { pairs, secrets: vec![], headers: vec![], policy: RetryPolicy::Safe };
    Ok(endpoint.post(form, deadline).await.map_err(OAuthError::Call)?)
}

async fn poll(
    endpoint: &OAuthEndpoint,
    config: &Config,
    metadata: &Metadata,
    answer: &DeviceAnswer,
    deadline: Deadline,
) -> Result<Minted, OAuthError> {
    let scope = super::scope(config, metadata);
    let client = &metadata.client;
    let code = answer.device_code.expose_secret();
    let mut pairs =
        vec![("grant_type", GRANT), ("client_id", client.client_id.as_str()), ("device_code", code), ("scope", &scope)];
    if !client.audience.is_empty() {
        pairs.push(("audience", &client.audience));
    }
    // The next poll is the repeat.
    let form = Form { pairs, secrets: vec![&answer.device_code], headers: vec![], policy: RetryPolicy::OnlyIfNotSent };
    ask_for_token(endpoint, form, deadline).await
}

fn interval(answer: &DeviceAnswer) -> u32 {
    let asked = seconds(&answer.interval).map_or(DEFAULT_INTERVAL, |wait| wait.as_secs_f64().ceil() as u32);
    asked.clamp(1, LONGEST_INTERVAL)
}

/// The URL with the code in it: the server's own, or one made as its documents say. If that is too long to be
/// shown, the one without the code, which the user is told anyway.
fn shown_url(answer: &DeviceAnswer, config: &Config) -> Result<String, FieldError> {
    if !(1..=64).contains(&answer.user_code.len()) || !answer.user_code.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(FieldError::new("user_code", USER_CODE, &answer.user_code));
    }
    let complete = complete_url(answer, config)?;
    if complete.len() <= LONGEST_URL {
        return Ok(complete);
    }
    let bare = parse_url("verification_uri", &answer.verification_uri, config)?;
    let bare = Some(String::from(bare)).filter(|url| url.len() <= LONGEST_URL);
    bare.ok_or_else(|| FieldError::new("verification_uri", SHORT_URL, &answer.verification_uri))
}

fn complete_url(answer: &DeviceAnswer, config: &Config) -> Result<String, FieldError> {
    let complete = answer.verification_uri_complete.as_deref().filter(|url| !url.is_empty());
    if let Some(url) = complete {
        return parse_url("verification_uri_complete", url, config).map(String::from);
    }
    let (url, fragment) = match answer.verification_uri.split_once('#') {
        Some((url, fragment)) => (url, Some(fragment)),
        None => (answer.verification_uri.as_str(), None),
    };
    let mut url = parse_url("verification_uri", url, config)?;
    url.query_pairs_mut().append_pair("user_code", &answer.user_code);
    url.set_fragment(fragment);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S11: a server neither makes us ask without a pause nor wait for ever.
    #[test]
    fn the_pause_between_two_questions_has_bounds() {
        let cases = [(Value::Null, 5), (0.into(), 1), ("7".into(), 7), (2.5.into(), 3), (1_000_000.into(), 60)];
        for (interval_, seconds) in cases {
            let answer = serde_json::json!({
                "device_code": "d", "user_code": "u", "verification_uri": "https://a", "interval": interval_,
            });
            assert_eq!(interval(&serde_json::from_value(answer).unwrap()), seconds, "{interval_}");
        }
    }
}
