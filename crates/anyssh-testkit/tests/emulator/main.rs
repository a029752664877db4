//! The emulators: each rule of theirs, over HTTP, and with the real `ssh`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

mod client;
mod deadline;
mod faults;
mod flyte;
mod gateway;
mod leap0;
mod requests;
mod sessions;
