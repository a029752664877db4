//! The way of a call: attempts, waits, and the one deadline over all of them.

use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind};
use backon::ExponentialBackoff;
use tokio::time::Instant;

use crate::{Answer, Call, HttpError, attempt, hint, retry};

/// Sends `call` until it has an answer of an `expected` status, or until repeating it is not allowed,
/// is useless or would outlast the deadline.
pub(crate) async fn send(call: &Call, expected: &[u16]) -> Result<Answer, HttpError> {
    // What is wrong on our side is told before anything is sent.
    call.request()?;
    call.client.reqwest()?;
    let mut history = History { attempts: 0, may_have_arrived: false, refusal: None, pauses: retry::pauses() };
    loop {
        let limit = left(call.deadline).min(call.client.request_timeout());
        if limit.is_zero() {
            let too_late = call.about.error(ErrorKind::TimedOut, "not sent: the timeout is over");
            return Err(history.finish_late(too_late));
        }
        history.attempts += 1;
        let failure = match attempt::attempt(call, expected, limit).await {
            Ok(answer) => return Ok(Answer { attempts: history.attempts, ..answer }),
            Err(failure) => failure,
        };
        history.may_have_arrived |= failure.may_have_arrived();
        match history.pause(call, &failure) {
            Pause::For(wait) => tokio::time::sleep(wait).await,
            Pause::Useless => return Err(history.finish(failure)),
            Pause::TooLong => return Err(history.finish_late(failure.with_note(TOO_LONG))),
            Pause::OutOfTime => return Err(history.finish_late(failure)),
        }
        if failure.kind() == ErrorKind::Unavailable && failure.status().is_some() {
            history.refusal = Some(failure);
        }
    }
}

const TOO_LONG: &str = "; the wait before a repeat is longer than what is left of the timeout";

/// What happened to a call so far.
struct History {
    attempts: u32,
    may_have_arrived: bool,
    /// The last answer that said "not now". It is what the caller hears if time runs out during a
    /// repeat: that says more than "no answer in time".
    refusal: Option<HttpError>,
    pauses: ExponentialBackoff,
}

enum Pause {
    For(Duration),
    Useless,
    TooLong,
    OutOfTime,
}

impl History {
    fn pause(&mut self, call: &Call, failure: &HttpError) -> Pause {
        let left = left(call.deadline);
        if left.is_zero() {
            return Pause::OutOfTime;
        }
        if !call.policy.allows(failure.repeat()) {
            return Pause::Useless;
        }
        let Some(pause) = self.pauses.next() else { return Pause::Useless };
        match hint::clamped(failure.hint().wait.unwrap_or(pause), left) {
            Some(wait) => Pause::For(wait),
            None => Pause::TooLong,
        }
    }

    fn finish(&self, error: HttpError) -> HttpError {
        let error = error.with_arrival(self.may_have_arrived).with_attempts(self.attempts);
        match self.attempts {
            0 | 1 => error,
            attempts => error.with_note(&format!(" (after {attempts} attempts)")),
        }
    }

    /// The end by the deadline, which a refusal explains better than a timeout does.
    fn finish_late(&mut self, error: HttpError) -> HttpError {
        let refusal = self.refusal.take().filter(|_| error.kind() == ErrorKind::TimedOut);
        self.finish(refusal.unwrap_or(error))
    }
}

/// What is left, by tokio's clock, so that a paused test clock moves deadlines too.
pub(crate) fn left(deadline: Deadline) -> Duration {
    deadline.remaining(Instant::now().into_std())
}
