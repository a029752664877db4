//! The Flyte provider: SSH through a WebSocket into the pod of a debug run, on Flyte 2 and Union.

// While the parts are written one by one.
#![allow(dead_code, reason = "the parts are joined when all of them are there")]

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
mod keypair;
mod launch_env;
mod link;
mod relaunch;
mod route;
mod ssh_config;
mod target;
#[cfg(test)]
mod testing;
mod wait;
mod watch;
mod wire;

pub use error::{DebugError, Stage};
pub use flyte::{ActionSummary, Flyte};
pub use keypair::DebugKeyPair;
pub use wire::Phase;
