//! A session's transport between a program's own streams: a ProxyCommand of any kind.

use anyssh_core::{CreateRequest, ErrorKind, ProviderError, Session, Transport, async_trait};
use anyssh_tunnel::{Dialer, Ended, HeaderSource, Headers, Stdio, Stream, Why, pump};

use crate::connect::settled;
use crate::error::Cause;
use crate::refresh::Refresh;
use crate::{Cancel, Error, Finished, Operation, Provider, with_session};

/// Creates a session, carries bytes between its transport and `stdio` until either side ends, and revokes it.
///
/// `before_bytes` is called once the transport is dialled. `cancel` ends everything up to then as in
/// [`with_session`]; afterwards too, but for a hang-up (signal 1), with which `ssh` tells its ProxyCommand that it
/// is done: that is a good end.
///
/// # Errors
/// Those of the creation, of the dial, and how the transport broke. A server that ends before it said anything
/// is one; one that ends later is not.
pub async fn carry(
    provider: &Provider,
    request: &CreateRequest,
    stdio: &mut Stdio,
    before_bytes: &(dyn Fn() + Send + Sync),
    cancel: &Cancel,
) -> Result<Finished<Ended>, Error> {
    let used = with_session(provider, request, cancel, async |session| {
        let refresh = Refresh::new(provider, request, session);
        let used = async {
            let mut stream = tokio::select! {
                biased;
                signal = cancel.cancelled() => return Err(Cause::Interrupted(signal)),
                dialled = dial(session, request, &refresh) => dialled?,
            };
            before_bytes();
            tokio::select! {
                biased;
                signal = cancel.cancelled() => match signal {
                    HANG_UP => Ok(Ended::Here),
                    signal => Err(Cause::Interrupted(signal)),
                },
                ended = pump(&mut stream, stdio) => Ok(said_something(ended?)?),
            }
        };
        let used = used.await;
        // The clean-up that follows is nothing for the other end to wait for.
        stdio.hang_up();
        refresh.after(used).await
    });
    settled(provider, Operation::Tunnel, request, used.await?)
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

fn said_something(ended: Ended) -> Result<Ended, ProviderError> {
    match &ended {
        Ended::There { close, received: 0 } => {
            let how = close.as_ref().map(|close| format!(" ({close})")).unwrap_or_default();
            let message = format!("the transport was ended by its server before it said anything{how}");
            Err(ProviderError::new(ErrorKind::Unavailable, message))
        }
        _ => Ok(ended),
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
