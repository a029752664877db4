//! The authorization code in the system's browser (RFC 6749 §4.1, RFC 7636, RFC 8252).

use anyssh_core::{Deadline, ErrorKind, ProviderError};
use anyssh_http::RetryPolicy;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::AuthError;
use super::metadata::Metadata;
use super::oauth::{Form, Minted, OAuthEndpoint, ask_for_token, parse_url};
use super::redirect::Redirect;
use crate::config::Config;

const NO_BROWSER: &str = "a login in the browser is needed, and none can be opened here; log in once where there is one, or set \
                          FLYTE_API_KEY, or FLYTE_AUTH_TYPE=DeviceFlow";

/// Opens the browser, waits for its redirect, and exchanges the code for a token.
pub(crate) async fn mint(config: &Config, metadata: &Metadata, deadline: Deadline) -> Result<Minted, AuthError> {
    let endpoint = OAuthEndpoint::parse("token_endpoint", &metadata.server.token_endpoint, config)?;
    let login = parse_url("authorization_endpoint", &metadata.server.authorization_endpoint, config)
        .map_err(ProviderError::protocol)?;
    let redirect = Redirect::listen(&metadata.client.redirect_uri).await?;
    let request = Request::new(config, metadata);
    config
        .surroundings
        .open_browser(request.url(login).as_str())
        .map_err(|error| ProviderError::new(ErrorKind::Unauthenticated, NO_BROWSER).with_source(error))?;
    let code = redirect.wait(request.state.expose_secret(), deadline).await?;
    let mut pairs = vec![
        ("code", code.expose_secret()),
        ("grant_type", "authorization_code"),
        ("code_verifier", request.verifier.expose_secret()),
    ];
    // As Flyte's own client, all of the first request once more.
    pairs.extend(request.pairs());
    let secrets = vec![&code, &request.verifier, &request.state];
    // A code is good for one exchange (RFC 6749 §4.1.2).
    let form = Form { pairs, secrets, headers: vec![], policy: RetryPolicy::OnlyIfNotSent };
    Ok(ask_for_token(&endpoint, form, deadline).await?)
}

/// The authorization request.
struct Request {
    client_id: String,
    scope: String,
    redirect_uri: String,
    audience: String,
    state: SecretString,
    verifier: SecretString,
    challenge: String,
}

impl Request {
    fn new(config: &Config, metadata: &Metadata) -> Self {
        // 64 bytes are 86 characters, of the 43 to 128 that RFC 7636 §4.1 allows.
        let verifier = Base64UrlUnpadded::encode_string(&rand::random::<[u8; 64]>());
        let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(verifier.as_bytes()));
        let client = &metadata.client;
        Self {
            client_id: client.client_id.clone(),
            scope: super::scope(config, metadata),
            redirect_uri: client.redirect_uri.clone(),
            audience: client.audience.clone(),
            state: Base64UrlUnpadded::encode_string(&rand::random::<[u8; 40]>()).into(),
            verifier: verifier.into(),
            challenge,
        }
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let mut pairs = vec![
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("scope", &self.scope),
            ("redirect_uri", &self.redirect_uri),
            ("state", self.state.expose_secret()),
            ("code_challenge", &self.challenge),
            ("code_challenge_method", "S256"),
        ];
        if !self.audience.is_empty() {
            pairs.push(("audience", &self.audience));
        }
        pairs
    }

    fn url(&self, mut login: Url) -> Url {
        login.query_pairs_mut().extend_pairs(self.pairs());
        login
    }
}
