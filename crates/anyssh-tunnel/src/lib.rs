//! From a [`Transport`](anyssh_core::Transport) to a byte stream, and from there to a program's own streams.
//!
//! A session says how its bytes travel: over TCP, or in the messages of a WebSocket (RFC 6455). A
//! [`Dialer`] turns either into a [`Stream`]; [`pump`] joins that to [`Stdio`], which is what `ssh` runs as
//! its `ProxyCommand`. TLS roots, proxies and bounds of a WebSocket are those of [`anyssh_http`].
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use anyssh_core::{Deadline, Session};
//! use anyssh_tunnel::{Dialer, Stdio, pump};
//!
//! async fn carry(session: &Session) -> Result<(), anyssh_core::ProviderError> {
//!     let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
//!     let mut stream = Dialer::of(&session.endpoint.transport)?.dial(&session.endpoint.transport, deadline).await?;
//!     pump(&mut stream, &mut Stdio::of_process()?).await?;
//!     Ok(())
//! }
//! ```
//!
//! Whether a route is ready is known when the SSH server has spoken: a gateway may switch protocols long
//! before it has reached anybody. [`Dialer::probe`] looks once, [`Dialer::wait_until_ready`] until then.
//!
//! Errors are [`ProviderError`](anyssh_core::ProviderError)s: their kind is the caller's next step, and
//! [`is_retryable`](anyssh_core::ProviderError::is_retryable) says whether the same dial may succeed later.

mod dial;
mod headers;
mod pause;
mod probe;
mod pump;
mod stdio;
mod stream;
mod tcp;
mod web_socket;

pub use dial::Dialer;
pub use headers::{FixedHeaders, HeaderSource, Headers, Why};
pub use probe::Banner;
pub use pump::{Ended, pump};
pub use stdio::Stdio;
pub use stream::Stream;
pub use web_socket::{Close, KeepAlive, LARGEST_FRAME};
