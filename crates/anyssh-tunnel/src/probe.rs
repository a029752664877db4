//! Whether there is an SSH server at the end of a route.

use std::io;
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError, WebSocketUrl};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::{Instant, sleep, timeout_at};

use crate::dial::{Dialer, Tokens};
use crate::headers::HeaderSource;
use crate::pause;
use crate::pump::broken;

/// What an SSH server said first (RFC 4253 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Banner {
    /// `SSH-2.0-…` without the line's end, escaped.
    pub text: String,
}

impl Dialer {
    /// Looks once whether an SSH server answers at `url`: dials, waits for its banner, and hangs up. A
    /// gateway that only switches protocols is not enough.
    ///
    /// # Errors
    /// By the deadline, or 15 seconds after the start. [`ProviderError::is_retryable`] tells "not yet" from
    /// "never": 404, 429, 5xx, no connection, no banner in time and a connection that ended before it are
    /// the former; 401 (after `headers` was asked for others), 403, a redirect, other statuses, a
    /// certificate that is not accepted and bytes that are no SSH are the latter.
    pub async fn probe(
        &self,
        url: &WebSocketUrl,
        headers: &dyn HeaderSource,
        deadline: Deadline,
    ) -> Result<Banner, ProviderError> {
        self.probe_within(LONGEST_PROBE, url, headers, deadline).await
    }

    async fn probe_within(
        &self,
        limit: Duration,
        url: &WebSocketUrl,
        headers: &dyn HeaderSource,
        deadline: Deadline,
    ) -> Result<Banner, ProviderError> {
        let deadline = Deadline::at(deadline.instant().min(Instant::now().into_std() + limit));
        let looking = async {
            let mut stream = self.attempt(url, &mut Tokens::new(headers), deadline).await?;
            let read = banner(&mut stream).await;
            let close = stream.closed().filter(|close| !close.is_normal()).map(|close| format!(" ({close})"));
            // It may well be gone already.
            let _ = timeout_at(Instant::now() + GOODBYE, stream.shutdown()).await;
            match read {
                Ok(line) => Ok(Banner { text: stream.shown(&line) }),
                Err(Fault::NotSsh(line)) => Err(no_ssh(url, &stream.shown(&line))),
                Err(Fault::Ended) => Err(ended(url, &close.unwrap_or_default())),
                Err(Fault::Lost(error)) => Err(broken(error)),
            }
        };
        timeout_at(deadline.instant().into(), looking).await.unwrap_or_else(|_| {
            let message = format!("{url}: no SSH banner before the timeout");
            Err(ProviderError::new(ErrorKind::TimedOut, message).with_retryable(true))
        })
    }

    /// [Probes](Self::probe) until there is an SSH server, with pauses of 0.1 s that grow to 2 s as the wait
    /// gets long, and without staying for long on a gateway that hangs. What is being waited for is told to
    /// `progress`. May be dropped at any time, to stop waiting when something else makes it pointless.
    ///
    /// # Errors
    /// The first that is not "not yet"; or `TimedOut` at the deadline, with what was seen last.
    pub async fn wait_until_ready(
        &self,
        url: &WebSocketUrl,
        headers: &dyn HeaderSource,
        progress: &Progress,
        deadline: Deadline,
    ) -> Result<Banner, ProviderError> {
        let start = Instant::now();
        let mut last: Option<ProviderError> = None;
        loop {
            let limit = start.elapsed().clamp(SHORTEST_PROBE, LONGEST_PROBE);
            let error = match self.probe_within(limit, url, headers, deadline).await {
                Ok(banner) => return Ok(banner),
                Err(error) if !error.is_retryable() => return Err(error),
                Err(error) => error,
            };
            let is_over = |pause| deadline.remaining(Instant::now().into_std()) <= pause;
            let seen = match last.take() {
                // The end of the time itself is no news.
                Some(before) if error.kind() == ErrorKind::TimedOut && is_over(Duration::ZERO) => before,
                before => {
                    if before.is_none_or(|before| before.to_string() != error.to_string()) {
                        progress.tell(&format!("waiting for the tunnel: {error}"));
                    }
                    error
                }
            };
            let pause = (start.elapsed() / 100).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
            let pause = pause::after(&seen, pause);
            if is_over(pause) {
                let message = format!("the tunnel was not ready before the timeout; last seen: {seen}");
                return Err(ProviderError::new(ErrorKind::TimedOut, message).with_source(seen));
            }
            last = Some(seen);
            sleep(pause).await;
        }
    }
}

/// Why there is no banner.
enum Fault {
    Lost(io::Error),
    Ended,
    /// What was said in its place, without its end.
    NotSsh(Vec<u8>),
}

fn ended(url: &WebSocketUrl, close: &str) -> ProviderError {
    let message = format!("{url}: the tunnel ended before the SSH server said anything{close}");
    ProviderError::new(ErrorKind::Unavailable, message)
}

fn no_ssh(url: &WebSocketUrl, text: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Protocol, format!("{url}: what answers is no SSH server: {text}"))
}

/// Reads up to the server's version line, and gives it without its end. Other lines may come before it.
async fn banner(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Fault> {
    let mut lines = BufReader::new(stream.take(LONGEST_PREAMBLE));
    let mut first = None;
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).await.map_err(Fault::Lost)?;
        let whole = line.ends_with(b"\n");
        line.truncate(line.trim_ascii_end().len());
        if whole && (line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.99-")) {
            return Ok(line);
        }
        let over = lines.get_ref().limit() == 0;
        if !whole {
            return Err(if over { Fault::NotSsh(first.unwrap_or(line)) } else { Fault::Ended });
        }
        first.get_or_insert(line);
    }
}

const SHORTEST_PROBE: Duration = Duration::from_secs(3);
const LONGEST_PROBE: Duration = Duration::from_secs(15);
const GOODBYE: Duration = Duration::from_millis(200);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Of what may stand before the version line, itself included.
const LONGEST_PREAMBLE: u64 = 8 * 1024;
