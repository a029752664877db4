//! The Connect protocol (<https://connectrpc.com/docs/protocol>) with the JSON codec, as far as Flyte needs it.

mod client;
mod envelope;
mod error;
mod request_id;
mod stream;

pub(crate) use client::{ConnectClient, LARGEST_BULK, Procedure};
pub(crate) use error::{Code, RpcError};
pub(crate) use stream::Messages;
