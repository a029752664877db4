//! The mock provider: a real SSH server in this process, for people who try anyssh, embed it, or
//! write a provider of their own. It is the smallest whole provider; copy it.
//!
//! Its targets are `certificate`, `password` and `tunnel`: the ways in which vendors hand out SSH access.
//! Each session is a server of its own on 127.0.0.1 that accepts this session's credential and nothing
//! else, and runs commands and shells as the current user. Its host key is pinned, so nobody is asked
//! anything. It ends with the process.
//!
//! ```no_run
//! use anyssh_core::Settings;
//! use anyssh_mock::PROVIDER;
//!
//! let provider = PROVIDER.build(&Settings::new())?;
//! assert!(provider.capabilities().ends_with_process);
//! # Ok::<(), anyssh_core::ProviderError>(())
//! ```
//!
//! For tests of what happens when a provider misbehaves, [`MockProvider::scripted`] follows a
//! [`Script`].
//!
//! # Reading order
//!
//! `provider.rs` is what each provider has: the trait and its four verbs. `error.rs` is its private
//! error. `vendor.rs` stands where other providers have `api.rs`, the client of their vendor's HTTP
//! API: here the vendor is this process. `script.rs` is for tests alone.

mod error;
mod provider;
mod script;
mod vendor;

use std::sync::Arc;

use anyssh_core::{Capabilities, ProviderInfo};
pub use anyssh_server::Account;

pub use provider::MockProvider;
pub use script::{Act, Script, Verb};

use provider::MockTargets;

/// What this provider is.
pub static PROVIDER: ProviderInfo =
    ProviderInfo::new("mock", "a real SSH server in this process, no account anywhere", |_settings| {
        Ok(Arc::new(MockProvider::new()))
    })
    .with_target_form("certificate|password|tunnel")
    .with_capabilities(CAPABILITIES)
    .with_directory(|_settings| Ok(Arc::new(MockTargets)));

/// A certificate can be for a key that the caller keeps; nothing outlives the process.
const CAPABILITIES: Capabilities = Capabilities::NONE.caller_key().ends_with_process();
