//! The Leap0 provider: SSH into sandboxes with a password that nobody sees or pastes, to a host whose key
//! is agreed to before the password is sent.
//!
//! ```no_run
//! use anyssh_core::Settings;
//! use anyssh_leap0::PROVIDER;
//!
//! let provider = PROVIDER.build(&Settings::new().with_setting("LEAP0_API_KEY", "l0-…".into()))?;
//! assert!(provider.capabilities().validate_needs_password);
//! # Ok::<(), anyssh_core::ProviderError>(())
//! ```
//!
//! [`Leap0`] is the API alone, typed, for programs that want no more than that.
//!
//! Leap0 speaks two generations of its API: the first keeps one credential for each sandbox, the second
//! many, each with an id in its path. [`Generation`] has the difference.
//!
//! # Reading order
//!
//! `provider.rs` is the trait. `opening.rs` waits for the sandbox and makes a credential, `ending.rs` ends
//! one, `generations.rs` knows which generation answers. `ready.rs` makes a session out of an answer, with
//! `ssh_command.rs` for the one field that needs a grammar and `trust.rs` for the host key. `attempts.rs`
//! and `memory.rs` hold what is remembered, the one in the process, the other in a file. `api.rs` has the
//! calls, `wire.rs` what they answer, `pages.rs` how lists are read to their end. `config.rs` turns
//! settings into types. `error.rs` is the private error.

mod api;
mod attempts;
mod config;
mod ending;
mod error;
mod generations;
mod memory;
mod opening;
mod pages;
mod provider;
mod ready;
mod ssh_command;
mod trust;
mod wire;

use std::sync::Arc;

use anyssh_core::{Capabilities, ProviderInfo};

pub use anyssh_http::Timed;
pub use api::Leap0;
pub use generations::{Generation, Which};
pub use provider::Leap0Provider;
pub use wire::{Sandbox, SandboxState, SshAccess, SshValidation};

/// What this provider is.
pub static PROVIDER: ProviderInfo =
    ProviderInfo::new("leap0", "Leap0 sandboxes: passwords that nobody pastes, both generations", |settings| {
        Ok(Arc::new(Leap0Provider::new(settings)?))
    })
    .with_target_form("SANDBOX")
    .with_target_noun("sandbox")
    .with_settings(config::SETTINGS)
    .with_capabilities(CAPABILITIES)
    .with_directory(|settings| Ok(Arc::new(Leap0Provider::new(settings)?)));

/// A credential is a password, and only with it can the API say whether it is good. The first generation
/// replaces the one credential of a sandbox, whoever made it.
const CAPABILITIES: Capabilities = Capabilities::NONE.validate_needs_password().takes_over();
