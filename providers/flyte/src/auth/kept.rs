//! The source of tokens: kept ones as long as they live, new ones made once for all who ask.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyssh_core::{Deadline, ErrorKind, ProviderError, async_trait};
use anyssh_http::RetryPolicy;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::device::DeviceFlow;
use super::metadata::Metadata;
use super::oauth::{Form, Minted, OAuthEndpoint, ask_for_token};
use super::store::{Owner, TokenStore, is_same};
use super::{AuthError, Freshness, Token, TokenSource, client_secret, command, pkce, scope};
use crate::config::{Config, Login};
use crate::connect_rpc::{ConnectClient, RpcError};

/// A kept token has to live this long still: what it is for may take a while to begin.
const SHORTEST_LIFE: Duration = Duration::from_secs(120);

/// Tokens of one identity for one control plane.
#[derive(Debug)]
pub(crate) struct Tokens {
    config: Config,
    /// Without a token, for the RPCs that say how to get one.
    rpc: ConnectClient,
    identity: String,
    store: TokenStore,
    device: DeviceFlow,
    current: Mutex<Current>,
    /// How many tokens were made; whoever waited while one was made takes that one.
    made: AtomicU64,
}

/// The token in hand.
#[derive(Debug, Default)]
struct Current {
    token: Option<InHand>,
    was_read: bool,
}

#[derive(Clone, Debug)]
struct InHand {
    minted: Minted,
    rpc_header: String,
    owner: Owner,
    /// What has to be left of its life for it to be used.
    margin: Duration,
}

impl Tokens {
    pub(crate) fn new(config: &Config, rpc: ConnectClient) -> Self {
        // Whose token a command prints is known to the command alone: it may be another account's tomorrow (K8).
        let keeps = !matches!(config.login, Login::ExternalCommand(_));
        let store = TokenStore::new(config.token_dir.clone().filter(|_| keeps));
        Self {
            config: config.clone(),
            rpc,
            identity: identity(config),
            store,
            device: DeviceFlow { second: Duration::from_secs(1) },
            current: Mutex::default(),
            made: AtomicU64::new(0),
        }
    }

    /// The token of the last time, from its file.
    fn read(&self) -> Option<InHand> {
        let endpoint = self.config.endpoint.base_url.to_string();
        let known = self.store.known(&endpoint)?;
        let owner = Owner { endpoint, audience: known.audience, identity: self.identity.clone() };
        let minted = self.store.token(&owner)?;
        Some(InHand { minted, rpc_header: known.rpc_header, owner, margin: SHORTEST_LIFE })
    }

    async fn make(&self, before: Option<&InHand>, deadline: Deadline) -> Result<InHand, AuthError> {
        let metadata = Metadata::discover(&self.rpc, deadline).await.map_err(not_discovered)?;
        let rpc_header = metadata.rpc_header()?;
        let endpoint = self.config.endpoint.base_url.to_string();
        let audience = metadata.client.audience.clone();
        let owner = Owner { endpoint, audience, identity: self.identity.clone() };
        // Two browsers at once are one too many, and a refresh token is good for one use.
        let _turn = if self.config.login.has_user() { self.store.turn(&owner, deadline).await? } else { None };
        let kept = self.store.token(&owner);
        self.store.keep_known(&owner.endpoint, &owner.audience, &rpc_header);
        let before = before.filter(|before| before.owner == owner).map(|before| &before.minted);
        if let Some(minted) = kept.clone().filter(|kept| is_news(kept, before)) {
            // Another process made it meanwhile.
            return Ok(InHand { minted, rpc_header, owner, margin: SHORTEST_LIFE });
        }
        // The one in the file is the newest; without files there is the one in hand.
        let refresh_token = kept.as_ref().or(before).and_then(|minted| minted.refresh_token.clone());
        let minted = self.mint(&metadata, refresh_token, deadline).await?;
        self.store.keep(&owner, &minted);
        Ok(InHand { margin: margin(&minted), minted, rpc_header, owner })
    }

    async fn mint(
        &self,
        metadata: &Metadata,
        refresh_token: Option<SecretString>,
        deadline: Deadline,
    ) -> Result<Minted, AuthError> {
        let config = &self.config;
        match &config.login {
            Login::ClientSecret { id, secret } => client_secret::mint(config, metadata, (id, secret), deadline).await,
            Login::ExternalCommand(words) => command::mint("admin.command", words, deadline).await,
            Login::Pkce | Login::DeviceFlow => {
                if let Some(refresh_token) = refresh_token {
                    match self.refresh(metadata, &refresh_token, deadline).await {
                        // A refresh token that is over means another login.
                        Err(AuthError::Rejected(_)) => {}
                        other => return other,
                    }
                }
                match &config.login {
                    Login::DeviceFlow => self.device.mint(config, metadata, deadline).await,
                    _ => pkce::mint(config, metadata, deadline).await,
                }
            }
            Login::Passthrough => Err(AuthError::Rejected("authType Passthrough makes no token".to_owned())),
        }
    }

    /// RFC 6749 §6. Pkce sends the client alone, DeviceFlow the scope and audience too, as Flyte's own client.
    async fn refresh(
        &self,
        metadata: &Metadata,
        refresh_token: &SecretString,
        deadline: Deadline,
    ) -> Result<Minted, AuthError> {
        let endpoint = OAuthEndpoint::parse("token_endpoint", &metadata.server.token_endpoint, &self.config)?;
        let client = &metadata.client;
        let scope = scope(&self.config, metadata);
        let mut pairs = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose_secret()),
            ("client_id", client.client_id.as_str()),
        ];
        if matches!(self.config.login, Login::DeviceFlow) {
            pairs.push(("scope", &scope));
            if !client.audience.is_empty() {
                pairs.push(("audience", &client.audience));
            }
        }
        // A server may take a second use of a refresh token for theft (RFC 9700 §4.14).
        let form = Form { pairs, secrets: vec![refresh_token], headers: vec![], policy: RetryPolicy::OnlyIfNotSent };
        let minted = ask_for_token(&endpoint, form, deadline).await?;
        // A server that gives no new one means the old one to be kept.
        let refresh_token = minted.refresh_token.clone().or_else(|| Some(refresh_token.clone()));
        Ok(Minted { refresh_token, ..minted })
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn token(&self, deadline: Deadline, freshness: Freshness) -> Result<Token, AuthError> {
        let made = self.made.load(Ordering::SeqCst);
        let end = tokio::time::Instant::from_std(deadline.instant());
        let Ok(mut current) = tokio::time::timeout_at(end, self.current.lock()).await else {
            return Err(ProviderError::new(ErrorKind::TimedOut, "no token was there in time").into());
        };
        if !current.was_read {
            current.token = self.read();
            current.was_read = true;
        }
        // Whoever waited here while somebody made a token meant that one.
        let is_made_meanwhile = self.made.load(Ordering::SeqCst) > made;
        if let Some(token) = current.token.as_ref().filter(|_| freshness == Freshness::Kept || is_made_meanwhile)
            && token.lives(SystemTime::now())
        {
            return Ok(token.to_token());
        }
        if let Some(token) = current.token.as_mut()
            && freshness == Freshness::New
        {
            // What was refused is used by nobody again, also if no other can be made now.
            self.store.forget(&token.owner, &token.minted.access_token);
            token.minted.expires_at = Some(SystemTime::UNIX_EPOCH);
        }
        let token = self.make(current.token.as_ref(), deadline).await?;
        self.made.fetch_add(1, Ordering::SeqCst);
        let answer = token.to_token();
        current.token = Some(token);
        Ok(answer)
    }
}

impl InHand {
    /// Whether it can be used. One without a known end can, as long as it is in hand: files keep none.
    fn lives(&self, now: SystemTime) -> bool {
        match self.minted.expires_at {
            Some(expiry) => is_further_than(self.margin, expiry, now),
            None => self.margin < SHORTEST_LIFE,
        }
    }

    fn to_token(&self) -> Token {
        Token {
            secret: self.minted.access_token.clone(),
            expires_at: self.minted.expires_at,
            rpc_header: self.rpc_header.clone(),
        }
    }
}

/// Whether a token from a file can be used, and is another one than the one before.
fn is_news(kept: &Minted, before: Option<&Minted>) -> bool {
    kept.expires_at.is_some_and(|expiry| is_further_than(SHORTEST_LIFE, expiry, SystemTime::now()))
        && before.is_none_or(|before| !is_same(&before.access_token, &kept.access_token))
}

fn is_further_than(margin: Duration, expiry: SystemTime, now: SystemTime) -> bool {
    expiry.duration_since(now).is_ok_and(|left| left > margin)
}

/// A token of short life is used for half of it: with the whole margin it would be made for each call.
fn margin(minted: &Minted) -> Duration {
    let life = minted.expires_at.and_then(|expiry| expiry.duration_since(SystemTime::now()).ok());
    life.map_or(Duration::ZERO, |life| SHORTEST_LIFE.min(life / 2))
}

/// Who logs in, without a secret. Scopes are part of it: they are part of the token.
fn identity(config: &Config) -> String {
    let who = match &config.login {
        Login::Pkce => "browser".to_owned(),
        Login::DeviceFlow => "device".to_owned(),
        Login::ClientSecret { id, .. } => format!("client {id}"),
        Login::ExternalCommand(_) => "command".to_owned(),
        Login::Passthrough => "nobody".to_owned(),
    };
    if config.scopes.is_empty() { who } else { format!("{who} for {}", config.scopes.join(" ")) }
}

fn not_discovered(error: RpcError) -> AuthError {
    AuthError::Other(error.into())
}
