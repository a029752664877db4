//! The Connect protocol (<https://connectrpc.com/docs/protocol>) with the JSON codec, as far as Flyte needs it.

mod client;
mod error;
mod request_id;

#[allow(unused_imports, reason = "the parts are joined when all of them are there")]
pub(crate) use client::{ConnectClient, Procedure};
#[allow(unused_imports, reason = "the parts are joined when all of them are there")]
pub(crate) use error::{Code, RpcError};
