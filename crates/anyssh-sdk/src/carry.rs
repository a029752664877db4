//! A session's transport between a program's own streams: a ProxyCommand of any kind.

use std::convert::Infallible;

use anyssh_core::{CreateRequest, ProviderError, Session, Transport, async_trait};
use anyssh_tunnel::{Dialer, Ended, HeaderSource, Headers, Stdio, Stream, Why, pump};
use tokio::sync::Notify;

use crate::connect::settled;
use crate::error::Cause;
use crate::refresh::Refresh;
use crate::{Cancel, CancelTrigger, Error, Finished, Operation, Provider, with_session};

/// Creates a session, carries bytes between its transport and `stdio` until either side ends, and revokes it.
///
/// `before_bytes` is called once the transport is dialled. `cancel` ends everything up to then as in
/// [`with_session`], and so does the end of whoever reads the output, where that is a pipe; afterwards too, but
/// for a hang-up (signal 1), with which `ssh` tells its ProxyCommand that it is done: that is a good end.
///
/// # Errors
/// Those of the creation, of the dial, and how the transport broke. A server that ends before it said anything, or
/// says that something is wrong, is one; one that ends later is not.
pub async fn carry(
    provider: &Provider,
    request: &CreateRequest,
    stdio: &mut Stdio,
    before_bytes: &(dyn Fn() + Send + Sync),
    cancel: &Cancel,
) -> Result<Finished<Ended>, Error> {
    let reader_gone = stdio.reader_gone();
    let (trigger, cancelled) = Cancel::pair();
    let created = Notify::new();
    let used = with_session(provider, request, &cancelled, async |session| {
        created.notify_one();
        let refresh = Refresh::new(provider, request, session);
        let used = carry_session(session, request, &refresh, stdio, before_bytes, cancel).await;
        // The clean-up that follows is nothing for the other end to wait for.
        stdio.hang_up();
        refresh.after(used).await
    });
    let used = tokio::select! {
        biased;
        used = used => used?,
        never = cancel_with_reader(reader_gone, &created, cancel, &trigger) => match never {},
    };
    settled(provider, Operation::Tunnel, request, used)
}

/// Passes a cancellation on; while a session is being created the end of the reader is one, too.
async fn cancel_with_reader(
    reader_gone: impl Future<Output = ()>,
    created: &Notify,
    cancel: &Cancel,
    trigger: &CancelTrigger,
) -> Infallible {
    tokio::select! {
        signal = cancel.cancelled() => trigger.cancel(signal),
        () = reader_gone => trigger.cancel(HANG_UP),
        () = created.notified() => {}
    }
    trigger.cancel(cancel.cancelled().await);
    std::future::pending().await
}

async fn carry_session(
    session: &Session,
    request: &CreateRequest,
    refresh: &Refresh,
    stdio: &mut Stdio,
    before_bytes: &(dyn Fn() + Send + Sync),
    cancel: &Cancel,
) -> Result<Ended, Cause> {
    let mut stream = tokio::select! {
        biased;
        signal = cancel.cancelled() => return Err(Cause::Interrupted(signal)),
        () = stdio.reader_gone() => return Ok(Ended::Here),
        dialled = dial(session, request, refresh) => dialled?,
    };
    before_bytes();
    let ended = tokio::select! {
        biased;
        signal = cancel.cancelled() => match signal {
            HANG_UP => Ended::Here,
            signal => return Err(Cause::Interrupted(signal)),
        },
        ended = pump(&mut stream, stdio) => ended?,
    };
    match ended.server_failure() {
        Some(failure) if !ended.is_good() => Err(failure.into()),
        _ => Ok(ended),
    }
}

async fn dial(session: &Session, request: &CreateRequest, refresh: &Refresh) -> Result<Stream, ProviderError> {
    let transport = &session.endpoint.transport;
    let dialer = Dialer::of(transport)?;
    match transport {
        Transport::WebSocket { url, headers, .. } => {
            let headers = Refreshed { first: headers, refresh };
            dialer.dial_web_socket(url, &headers, request.deadline).await
        }
        _ => dialer.dial(transport, request.deadline).await,
    }
}

/// The headers of a session, and those of the one that takes its place.
#[derive(Debug)]
struct Refreshed<'a> {
    first: &'a Headers,
    refresh: &'a Refresh,
}

#[async_trait]
impl HeaderSource for Refreshed<'_> {
    async fn headers(&self, why: Why) -> Result<Option<Headers>, ProviderError> {
        match why {
            Why::Dial => Ok(Some(self.first.clone())),
            Why::Refused => self.refresh.other_headers().await,
        }
    }
}

/// SIGHUP.
const HANG_UP: i32 = 1;
