//! The Flyte provider: SSH through a WebSocket into the pod of a debug run, on Flyte 2 and Union.
//!
//! A debug run is one that was started with the variables of [`SshDebug::launch_env`]: its root action
//! then is an SSH server for the holder of one key pair, which lies in `~/.flyte/ssh-debug` and is shared with
//! Flyte's own client. The way there is a WebSocket of the data plane, and a token opens it.
//!
//! ```no_run
//! use anyssh_core::Settings;
//! use anyssh_flyte::PROVIDER;
//!
//! let provider = PROVIDER.build(&Settings::new().with_setting("FLYTE_API_KEY", "…".into()))?;
//! assert!(!provider.capabilities().caller_key);
//! # Ok::<(), anyssh_core::ProviderError>(())
//! ```
//!
//! [`SshDebug`] is the same for programs that launch `ssh` themselves, [`Flyte`] the control plane alone.
//!
//! # Reading order
//!
//! `provider.rs` is the trait, `ssh_debug.rs` the typed API; both find the way with `reach.rs`. `wait.rs` and
//! `watch.rs` wait for the link, `link.rs` picks it, `route.rs` says where it may lead. `pod.rs`, `keypair.rs`,
//! `headers_file.rs`, `launch_env.rs` and `ssh_config.rs` are what is kept and written here. `relaunch.rs` starts
//! a run again, with the settings of `run_spec.rs`; `opaque.rs`
//! passes on what nobody reads. `turn.rs` lets one process at a time log in. `flyte.rs` and `api.rs` are the control plane, `cluster.rs` its data planes, `connect_rpc/` the
//! protocol, `wire/` the messages. `config/` reads Flyte's files, `auth/` gets tokens.

mod api;
mod api_key_app;
mod auth;
mod cluster;
mod config;
mod connect_rpc;
mod debug_name;
mod endpoint;
mod error;
mod flyte;
mod headers_file;
mod ingress;
mod keypair;
mod launch_env;
mod link;
mod opaque;
mod options;
mod pod;
mod provider;
mod reach;
mod relaunch;
mod route;
mod run_spec;
mod ssh_config;
mod ssh_debug;
mod target;
mod turn;
mod wait;
mod watch;
mod wire;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyssh_core::{Capabilities, ProviderInfo};

pub use error::{DebugError, Stage};
pub use flyte::{ActionSummary, Flyte};
pub use keypair::DebugKeyPair;
pub use provider::FlyteProvider;
pub use ssh_debug::{ConnectOptions, SshDebug};
pub use wire::Phase;

/// What this provider is.
pub static PROVIDER: ProviderInfo =
    ProviderInfo::new("flyte", "Flyte and Union: the pods of debug runs, through a WebSocket", |settings| {
        Ok(Arc::new(FlyteProvider::new(settings)?))
    })
    .with_target_form("RUN[/ACTION]")
    .with_target_noun("run")
    .with_settings(config::SETTINGS)
    .with_options(options::OPTIONS)
    .with_capabilities(CAPABILITIES)
    .with_refused_login_hint(
        "a pod takes only the key that its run was started with: --relaunch starts the run again with yours, \
         anyssh flyte-env prints what a new run needs",
    )
    .with_untrusted_files(config::untrusted_files)
    .with_directory(|settings| Ok(Arc::new(FlyteProvider::new(settings)?)));

/// The key is Flyte's key pair, whatever key a session comes with; a token that was given is good until it expires.
const CAPABILITIES: Capabilities = Capabilities::NONE.old_credential_stays();
