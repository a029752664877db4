//! The dialler, the probe and the pump against a bridge that misbehaves on demand, and a plain TCP server.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, as tests do")]

mod dialling;
mod ends;
mod idle;
mod kit;
mod probing;
mod pumping;
mod volume;
mod waits;
