//! The tests that need the whole of anyssh: the built command, the real `ssh`, a real `sshd`, a terminal.
//!
//! They are modules of one test binary, `tests/main.rs`. The Rust blocks of the documentation are
//! compiled and run from here, as doc tests.

pub mod guest;
pub mod quiet_mock;

/// The Rust blocks of README.md.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub mod readme {}

/// The Rust blocks of docs/adding-a-provider.md.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-a-provider.md")]
pub mod adding_a_provider {}
