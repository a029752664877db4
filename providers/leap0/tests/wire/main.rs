//! The provider against servers that say what a test wants: exact requests, faults, hostile answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

mod attempts;
mod create;
mod generations;
mod hostile;
mod kit;
mod lists;
mod lost;
mod regenerate;
mod revoke;
mod states;
mod validate;
