//! A control-plane client for provider authors: JSON calls with retry, limits and honest errors.
//!
//! A vendor's API is authenticated, not trusted: TLS says who answers, not that the answer is sound.
//! So a call made here ends by its deadline, is repeated only where that does no harm, goes to one
//! origin only, and gives either a value that was read strictly or an error that says what to do next.
//!
//! ```
//! use anyssh_core::{Deadline, IdempotencyKey, ProviderError};
//! use anyssh_http::{BaseUrl, Header, HttpClient, HttpError, RetryPolicy};
//! use secrecy::SecretString;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize)]
//! struct NewSession<'a> {
//!     public_key: &'a str,
//! }
//!
//! #[derive(Debug, Deserialize)]
//! struct Session {
//!     session_id: String,
//!     #[serde(deserialize_with = "anyssh_http::secret")]
//!     password: SecretString,
//! }
//!
//! fn client(api_key: SecretString) -> Result<HttpClient, ProviderError> {
//!     let base = BaseUrl::parse("X_BASE_URL", "https://api.example.org").map_err(ProviderError::config)?;
//!     let key = Header::secret("X_API_KEY", "x-api-key", api_key).map_err(ProviderError::config)?;
//!     Ok(HttpClient::new(base).with_header(key))
//! }
//!
//! async fn create(
//!     client: &HttpClient,
//!     machine: &str,
//!     key: IdempotencyKey,
//!     deadline: Deadline,
//! ) -> Result<Session, HttpError> {
//!     client
//!         .post(&["v1", "machines", machine, "ssh"], RetryPolicy::SameKey(key), deadline)
//!         .with_json(&NewSession { public_key: "ssh-ed25519 …" })
//!         .send(&[200])
//!         .await?
//!         .json()
//! }
//! ```
//!
//! # What a call goes through
//!
//! 1. [`HttpClient`]: one [`BaseUrl`], [`Header`]s, TLS with the platform's roots, no redirects.
//! 2. [`Call`]: path segments, query, JSON body, [`RetryPolicy`], deadline.
//! 3. Up to [`ATTEMPTS`] attempts, with waits that the server may shorten or stretch within bounds.
//! 4. [`Answer`]: status, the server's clock, strict JSON.
//! 5. Or [`HttpError`]: one next step, from one table ([`error_kind`]), and the server's words as the
//!    vendor's [`Refusal`] reader finds them. It becomes a [`ProviderError`](anyssh_core::ProviderError).
//!
//! [`Call::open`] gives an answer piece by piece, for servers that push.
//! [`Upgrader`] turns one connection into another protocol, with the same TLS, proxies and bounds.
//! [`poll_until`] asks again until something is ready, under one deadline.
//!
//! This crate asks the clock, for the `Date` of answers, and through reqwest it reads the proxy
//! variables and, through the platform verifier, `SSL_CERT_FILE` and `SSL_CERT_DIR`; nothing else.

mod base_url;
mod client;
mod header;
mod tls;

mod call;
mod path;

mod attempt;
mod body;
mod lost;
mod send;
mod stream;
mod upgrade;

mod hint;
mod retry;
mod status;

mod answer;
mod fault;
mod json;
mod secret;
mod timed;
mod typed;

mod about;
mod clock;
mod error;
mod poll;
mod redact;
mod refusal;

pub use answer::Answer;
pub use base_url::BaseUrl;
pub use call::Call;
pub use client::HttpClient;
pub use clock::clock_skew_note;
pub use error::HttpError;
pub use header::Header;
pub use hint::RetryHint;
pub use poll::{POLL_INTERVAL, Polled, poll_until};
pub use redact::Secrets;
pub use refusal::{ReadRefusal, Refusal};
pub use retry::{ATTEMPTS, RetryPolicy};
pub use secret::secret;
pub use status::error_kind;
pub use stream::AnswerStream;
pub use timed::Timed;
pub use upgrade::{Upgraded, Upgrader};

// What stands in our public types, so that users need no version of their own.
pub use reqwest::{Method, Upgraded as UpgradedStream};
pub use serde_json::Value;
