//! The client against real sockets: servers that behave (wiremock) and servers that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

mod kit;

mod answers;
mod bulk;
mod environment;
mod hostile;
mod polling;
mod retries;
mod statuses;
mod streams;
mod tls;
mod wire;
