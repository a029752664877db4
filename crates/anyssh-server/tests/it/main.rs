//! The server against the real `ssh`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

mod command;
mod forward;
mod login;
mod support;
mod terminal;
