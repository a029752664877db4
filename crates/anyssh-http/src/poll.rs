//! Asking again until something is ready.

use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError, escape};
use tokio::time::{sleep, timeout_at};

use crate::send::left;
use crate::{HttpError, hint};

/// How long to wait between two questions where the provider names no time.
pub const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// If the wait would outlast the deadline, one last question is asked this long before it.
const LAST_QUESTION: Duration = Duration::from_secs(2);

/// What one question found out.
#[derive(Debug)]
pub enum Polled<T> {
    /// It is ready.
    Ready(T),
    /// It is not ready yet.
    Pending {
        /// The provider's own wish for the wait until the next question; believed within bounds.
        hint: Option<Duration>,
        /// What is being waited for: the provider's word for the state, shown as progress.
        what: String,
    },
}

/// Calls `ask` until it finds the thing ready, fails, or `deadline` is over.
///
/// The waits are `interval` or the provider's hint, both within 0.1 s to 60 s. A change of what is
/// being waited for is told to `progress`. `ask` is dropped at the deadline, wherever it is.
///
/// ```
/// use std::time::{Duration, Instant};
/// use anyssh_core::{Deadline, Progress, ProviderError};
/// use anyssh_http::{POLL_INTERVAL, Polled, poll_until};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), ProviderError> {
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(60));
/// let mut states = ["wake_in_progress", "ready"].into_iter();
/// let progress = Progress::silent();
/// let ready = poll_until(deadline, POLL_INTERVAL, &progress, || {
///     let state = states.next(); // in a provider: `|| self.api.session(&machine, &id, deadline)`
///     async move {
///         Ok::<_, ProviderError>(match state {
///             Some("ready") => Polled::Ready("session"),
///             state => Polled::Pending { hint: None, what: state.unwrap_or("gone").to_owned() },
///         })
///     }
/// });
/// assert_eq!(ready.await?, "session");
/// # Ok(()) }
/// ```
///
/// # Errors
/// What `ask` returned, or one of kind `TimedOut` that names the last thing waited for.
pub async fn poll_until<T, E, Asked>(
    deadline: Deadline,
    interval: Duration,
    progress: &Progress,
    // Not `AsyncFnMut`: its futures cannot be shown to be `Send` inside an `async_trait` method.
    mut ask: impl FnMut() -> Asked,
) -> Result<T, ProviderError>
where
    E: Into<ProviderError>,
    Asked: Future<Output = Result<Polled<T>, E>>,
{
    let mut waiting_for: Option<String> = None;
    loop {
        let Ok(asked) = timeout_at(deadline.instant().into(), ask()).await else {
            return Err(not_ready(waiting_for.as_deref()));
        };
        let (hint, what) = match asked.map_err(Into::into) {
            Ok(Polled::Ready(value)) => return Ok(value),
            Ok(Polled::Pending { hint, what }) => (hint, what),
            // The question itself ran into the deadline: what it waited for says more than that.
            Err(error) if error.kind() == ErrorKind::TimedOut && waiting_for.is_some() && left(deadline).is_zero() => {
                return Err(not_ready(waiting_for.as_deref()).with_source(error));
            }
            Err(error) => return Err(error),
        };
        if waiting_for.as_deref() != Some(&what) {
            progress.tell(&what);
            waiting_for = Some(what);
        }
        match next_wait(hint.unwrap_or(interval), left(deadline)) {
            Some(wait) => sleep(wait).await,
            None => return Err(not_ready(waiting_for.as_deref())),
        }
    }
}

/// The wait before the next question, or `None` if no further one fits before the deadline.
fn next_wait(wished: Duration, left: Duration) -> Option<Duration> {
    hint::clamped(wished, left).or_else(|| left.checked_sub(LAST_QUESTION).filter(|wait| *wait >= hint::SHORTEST_WAIT))
}

fn not_ready(waiting_for: Option<&str>) -> ProviderError {
    let message = match waiting_for {
        Some(what) => {
            format!("not ready before the timeout; last seen: {}", escape::printable(what, escape::MESSAGE_CAP))
        }
        None => "no answer before the timeout".to_owned(),
    };
    HttpError::new(ErrorKind::TimedOut, message).into()
}
