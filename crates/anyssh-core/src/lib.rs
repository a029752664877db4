//! The words of anyssh and the one trait that providers implement.
//!
//! A vendor hands out SSH access in its own way; a provider turns that into a [`Session`]: a plain
//! value that says where to go ([`Endpoint`]), how the server proves who it is ([`HostTrust`]), who
//! logs in and with what ([`Login`]), and until when ([`Expiry`]).
//!
//! This crate holds words only. It opens no file or socket, reads no environment, asks no clock and
//! starts no runtime; times and deadlines are arguments. Everything that comes from outside becomes
//! one of the parsed types here ([`Host`], [`Port`], [`UserName`], [`SessionId`], …) before it can
//! reach a command line, a file or a URL.
//!
//! ```
//! use anyssh_core::{Endpoint, Expiry, Host, HostKey, HostTrust, Login, Password, Port, Session,
//!     SessionId, Target, Transport, UserName};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host_key = HostKey::parse(
//!     "host_key",
//!     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
//! )?;
//! let session = Session::new(
//!     SessionId::parse("id", "ssh-bb961077616ff86f")?,
//!     Target::parse("target", "sbx-abc123")?,
//!     Endpoint {
//!         transport: Transport::Tcp { host: Host::parse("host", "sbx-abc123.example.org")?, port: Port::SSH },
//!         host_trust: HostTrust::Pinned(vec![host_key]),
//!     },
//!     Login::password(
//!         UserName::parse("user", "ssh-bb961077616ff86f")?,
//!         Password::parse("password", "correct horse".into())?,
//!     ),
//!     Expiry::Unknown,
//! );
//! assert!(!format!("{session:?}").contains("correct horse"));
//! # Ok(())
//! # }
//! ```

mod answer;
mod certificate;
mod credential;
mod error;
pub mod escape;
mod field;
mod gateway_message;
mod host;
mod host_key;
mod host_pattern;
mod host_trust;
mod info;
mod name;
mod progress;
mod provider;
mod request;
mod session;
mod settings;
mod surroundings;
mod untrusted_file;
mod web_socket_url;

pub use answer::{Regenerated, Revocation, Validity};
pub use certificate::UserCertificate;
pub use credential::{CallerKey, Credential, CredentialKind, KeyPair, Login, Password};
pub use error::{ErrorKind, LeftBehind, ProviderError};
pub use field::FieldError;
pub use gateway_message::GatewayMessage;
pub use host::{Host, Port};
pub use host_key::HostKey;
pub use host_pattern::HostPattern;
pub use host_trust::{FirstContact, FirstUse, HostTrust};
pub use info::{Capabilities, OptionInfo, OptionKind, ProviderInfo, SettingInfo};
pub use name::{HostAlias, IdempotencyKey, SessionId, Target, UserName};
pub use progress::Progress;
pub use provider::{SshProvider, TargetDirectory, TargetSummary};
pub use request::{Attempt, CreateRequest, Deadline, SessionKey, SessionRef, Wake};
pub use session::{Endpoint, Expiry, Readiness, Session, Transport};
pub use settings::{OptionValue, Settings};
pub use surroundings::Surroundings;
pub use untrusted_file::UntrustedFile;
pub use web_socket_url::WebSocketUrl;

// Crates that stand in our public types, so that users need no version of their own.
pub use async_trait::async_trait;
pub use secrecy;
pub use ssh_key;
