//! Client credentials (RFC 6749 §4.4): a client's id and secret for a token.

use anyssh_core::{Deadline, ProviderError};
use anyssh_http::{Header, RetryPolicy};
use base64ct::{Base64, Encoding as _};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded::byte_serialize;

use super::AuthError;
use super::metadata::Metadata;
use super::oauth::{Form, Minted, OAuthEndpoint, ask_for_token};
use crate::config::Config;

/// A new token for the client.
pub(crate) async fn mint(
    config: &Config,
    metadata: &Metadata,
    (id, secret): (&str, &SecretString),
    deadline: Deadline,
) -> Result<Minted, AuthError> {
    let endpoint = OAuthEndpoint::parse("token_endpoint", &metadata.server.token_endpoint, config)?;
    let scope = super::scope(config, metadata);
    let mut pairs = vec![("grant_type", "client_credentials"), ("scope", scope.as_str())];
    if !metadata.client.audience.is_empty() {
        pairs.push(("audience", metadata.client.audience.as_str()));
    }
    let headers = vec![basic(id, secret)?, no_cache()?];
    // A second arrival makes a second token, which does no harm.
    let form = Form { pairs, secrets: vec![secret], headers, policy: RetryPolicy::Safe };
    let minted = ask_for_token(&endpoint, form, deadline).await?;
    // Whoever has the secret needs no refresh token (RFC 6749 §4.4.3).
    Ok(Minted { refresh_token: None, ..minted })
}

/// The client's credentials as Flyte's own client sends them: of the two halves only the secret is
/// form-encoded, where RFC 6749 §2.3.1 asks for both.
fn basic(id: &str, secret: &SecretString) -> Result<Header, ProviderError> {
    let encoded: String = byte_serialize(secret.expose_secret().as_bytes()).collect();
    let both = SecretString::from(format!("{id}:{encoded}"));
    let value = format!("Basic {}", Base64::encode_string(both.expose_secret().as_bytes()));
    Header::secret("admin.clientId", "authorization", value.into()).map_err(ProviderError::config)
}

fn no_cache() -> Result<Header, ProviderError> {
    Header::parse("cache-control", "cache-control", "no-cache").map_err(ProviderError::config)
}
