//! The anyssh library: real SSH into compute that many vendors host.
//!
//! A [`Provider`] is one vendor, ready for use. [`with_session`] is the life of a session: it is
//! created, used and revoked, also when the use fails, panics or is interrupted. [`connect`] and
//! [`capture`] use it for the real `ssh`; [`blocking`] has the same for programs without a runtime.
//!
//! ```
//! use std::time::Duration;
//! use anyssh_sdk::{Cancel, Provider, RequestOptions, Settings, with_session};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), anyssh_sdk::Error> {
//! let mock = Provider::builtin("mock", &Settings::new())?;
//! let request = mock.request("certificate", &RequestOptions::new(Duration::from_secs(30)))?;
//! let finished = with_session(&mock, &request, &Cancel::never(), async |session| {
//!     session.login.user.to_string()
//! })
//! .await?;
//! assert!(!finished.value.is_empty());
//! assert!(finished.revocation.is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here reads the environment, installs a signal handler or prints: settings, cancellation
//! and progress are arguments.

pub mod blocking;
mod builtin;
mod cancel;
mod carry;
mod connect;
mod error;
pub mod helper;
mod identity;
mod lifecycle;
mod provider;
mod refresh;
mod request;
mod unwind;

pub use anyssh_core::{
    Capabilities, CreateRequest, Deadline, Expiry, Progress, ProviderInfo, Regenerated, Revocation, Session,
    SessionRef, Settings, SshProvider, Target, Validity, Wake,
};
pub use anyssh_openssh as openssh;
pub use anyssh_tunnel::{Ended, Stdio};
pub use builtin::BUILTIN;
pub use cancel::{Cancel, CancelTrigger};
pub use carry::carry;
pub use connect::{Connection, capture, connect};
pub use error::{Error, Kind, Operation};
pub use identity::identity;
pub use lifecycle::{CLEAN_UP, Finished, clean_up_deadline, create_unless_cancelled, with_session};
pub use provider::Provider;
pub use request::RequestOptions;
