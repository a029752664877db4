//! The program that ssh calls back, with the part that can dial.

use std::time::Instant;

use anyssh_core::{Deadline, ProviderError, async_trait};
use anyssh_openssh::{TunnelFailure, TunnelLink};
use anyssh_tunnel::{Dialer, HeaderSource, Headers, Stdio, Stream, Why, pump};
use tokio::runtime::Runtime;

/// Answers ssh and ends the process, if it was started by `ssh` to ask for a password or to carry its bytes
/// over a WebSocket; else returns at once.
///
/// Call it as the first thing in `main` of the program that a [`Launcher`](anyssh_openssh::Launcher) names as
/// its helper, before threads, a runtime or a look at the arguments:
///
/// ```no_run
/// fn main() {
///     anyssh_sdk::helper::run_if_asked();
///     // … the program itself
/// }
/// ```
#[allow(clippy::needless_doctest_main, reason = "its place in main is what the example shows")]
pub fn run_if_asked() {
    anyssh_openssh::helper::run_if_asked_with(|link, runtime| u8::from(carry(link, runtime).is_err()));
}

/// Carries ssh's bytes, and tells the launcher if that fails: ssh itself only sees an end.
fn carry(link: &TunnelLink, runtime: &Runtime) -> Result<(), ()> {
    runtime.block_on(async {
        let Err(error) = carried(link).await else { return Ok(()) };
        link.failed(&TunnelFailure::new(error.kind(), error.is_retryable(), error.to_string())).await;
        Err(())
    })
}

async fn carried(link: &TunnelLink) -> Result<(), ProviderError> {
    let mut stdio = Stdio::of_process()?;
    let mut stream = tokio::select! {
        dialled = dial(link) => dialled?,
        // An ssh that was killed says nothing more.
        () = stdio.reader_gone() => return Ok(()),
    };
    // After a good end ssh is gone before us, and nobody hears this.
    pump(&mut stream, &mut stdio).await?.server_failure().map_or(Ok(()), Err)
}

async fn dial(link: &TunnelLink) -> Result<Stream, ProviderError> {
    let order = link.order().await?;
    let deadline = Deadline::at(Instant::now() + order.within);
    let mut dialer = Dialer::new().with_request_timeout(order.within);
    if let Some(path) = &order.ca_file {
        dialer = dialer.with_ca_file(path)?;
    }
    dialer.dial_web_socket(&order.url, &Linked { link, first: order.headers }, deadline).await
}

/// The headers of the order, and others from whoever gave it.
#[derive(Debug)]
struct Linked<'a> {
    link: &'a TunnelLink,
    first: Headers,
}

#[async_trait]
impl HeaderSource for Linked<'_> {
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError> {
        match why {
            Why::Dial => Ok(Some(self.first.clone())),
            Why::Refused => self.link.other_headers().await,
        }
    }
}
