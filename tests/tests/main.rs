//! All tests of the package, in one binary. A file that nobody names here would never run, so
//! `tidy` looks for forgotten ones.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking, as tests do")]

mod conformance;
mod e2e;
mod many_sessions;
mod sdk;
mod tidy;
