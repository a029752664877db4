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
//! `provider.rs` is the trait, `creation.rs` and `ending.rs` the life of a session. `ready.rs` and
//! `certificate.rs` are what is checked before anybody connects; `ready.rs` makes the session out of it.
//! `api.rs` has the calls, `wire.rs` what they answer, `pages.rs` how lists are read to their end.
//! `config.rs` turns settings into types. `error.rs` is the private error.

mod api;
mod certificate;
mod config;
mod creation;
mod ending;
mod error;
mod pages;
mod provider;
mod ready;
mod wire;

use std::sync::Arc;

use anyssh_core::{Capabilities, GatewayMessage, ProviderInfo};

pub use anyssh_http::Timed;
pub use api::Dedalus;
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
    .with_gateway_messages(GATEWAY_MESSAGES)
    .with_directory(|settings| Ok(Arc::new(DedalusProvider::new(settings)?)));

/// A certificate can be for a key that the caller keeps.
const CAPABILITIES: Capabilities = Capabilities::NONE.caller_key();

/// What the gateway is known to write after a login when it cannot go on to the machine: `ready` does not
/// always mean that the machine answers.
const GATEWAY_MESSAGES: &[GatewayMessage] = &[
    GatewayMessage::new("[SSH_TUNNEL_NOT_READY]", "the machine is not reachable yet: try again in a moment"),
    GatewayMessage::new("[SSH_GUEST_CONNECT_FAILED]", "the machine may still be starting: try again in a moment"),
    GatewayMessage::new(
        "[SSH_GUEST_AUTH_FAILED]",
        "the machine refused the gateway: try again, and if that does not help, restart the machine",
    ),
    GatewayMessage::new(
        "[SSH_GUEST_SESSION_TERMINATED]",
        "the machine ended the session, as it does when it goes to sleep: connect again to wake it",
    ),
];
