//! The library for programs without an async runtime: the same names, each call blocks.
//!
//! Each call runs on a runtime of its own on the calling thread. Inside an async runtime use the async
//! functions; these would block it (tokio panics rather than let that happen).

use std::future::Future;

use anyssh_core::{CreateRequest, ErrorKind, ProviderError};
use anyssh_openssh::{Outcome, Output};

use crate::error::Cause;
use crate::{Cancel, Connection, Error, Finished, Operation, Provider};

/// [`connect`](crate::connect), blocking: `ssh` on the caller's terminal.
///
/// # Errors
/// As [`connect`](crate::connect), and kind `Local` when no runtime could be started.
pub fn connect(
    provider: &Provider,
    request: &CreateRequest,
    connection: &Connection<'_>,
) -> Result<Finished<Outcome>, Error> {
    run(provider, crate::connect(provider, request, connection, &Cancel::never()))
}

/// [`capture`](crate::capture), blocking: `ssh` without input, its output as values.
///
/// # Errors
/// As [`capture`](crate::capture), and kind `Local` when no runtime could be started.
pub fn capture(
    provider: &Provider,
    request: &CreateRequest,
    connection: &Connection<'_>,
) -> Result<Finished<Output>, Error> {
    run(provider, crate::capture(provider, request, connection, &Cancel::never()))
}

fn run<T>(provider: &Provider, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        let error =
            ProviderError::new(ErrorKind::Local, format!("no runtime could be started: {error}")).with_source(error);
        Error::new(provider.info().name, Operation::Configure, Cause::from(error))
    })?;
    runtime.block_on(call)
}
