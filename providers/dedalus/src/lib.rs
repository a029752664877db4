//! The Dedalus provider: a short-lived user certificate for a machine that wakes when it is asked for,
//! and a host CA that is trusted for exactly one endpoint.
//!
//! ```no_run
//! use anyssh_core::Settings;
//! use anyssh_dedalus::PROVIDER;
//!
//! let provider = PROVIDER.build(&Settings::new().with_setting("DEDALUS_API_KEY", "dsk-live-…".into()))?;
//! assert!(provider.capabilities().caller_key);
//! # Ok::<(), anyssh_core::ProviderError>(())
//! ```
//!
//! [`Dedalus`] is the API alone, typed, for programs that want no more than that.
//!
//! # Reading order
//!
//! `provider.rs` is the trait and the life of a session. `ready.rs` and `certificate.rs` are what is
//! checked before anybody connects; `ready.rs` makes the session out of it. `api.rs` has the calls,
//! `wire.rs` what they answer, `pages.rs` how lists are read to their end. `config.rs` turns settings into types and
//! `identity.rs` reads the key of `--identity`. `error.rs` is the private error.

mod api;
mod certificate;
mod config;
mod error;
mod identity;
mod pages;
mod provider;
mod ready;
mod wire;

use std::sync::Arc;

use anyssh_core::{Capabilities, ProviderInfo};

pub use api::{Dedalus, Timed};
pub use provider::DedalusProvider;
pub use wire::{Connection, HostTrust, Machine, MachineStatus, SshSession, Stage};

/// What this provider is.
pub static PROVIDER: ProviderInfo =
    ProviderInfo::new("dedalus", "Dedalus machines: short-lived certificates and a host CA", |settings| {
        Ok(Arc::new(DedalusProvider::new(settings)?))
    })
    .with_target_form("MACHINE")
    .with_target_noun("machine")
    .with_settings(config::SETTINGS)
    .with_options(config::OPTIONS)
    .with_capabilities(CAPABILITIES)
    .with_directory(|settings| Ok(Arc::new(DedalusProvider::new(settings)?)));

/// A certificate can be for a key that the caller keeps.
const CAPABILITIES: Capabilities = Capabilities::NONE.caller_key();
