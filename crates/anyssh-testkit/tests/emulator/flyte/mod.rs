//! Flyte: calls, streams, logins, and the ways into pods.

mod calls;
pub(crate) mod client;
mod gateway;
mod login;
mod relaunch;
mod streams;
