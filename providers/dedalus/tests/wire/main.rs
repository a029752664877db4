//! The provider against servers that say what a test wants: exact requests, faults, hostile answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, and so do its helpers")]

mod certificates;
mod create;
mod hostile;
mod identity;
mod kit;
mod lists;
mod regenerate;
mod revoke;
mod validate;
