//! The way of a call: attempts, waits, and the one deadline over all of them.

use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind};
use backon::ExponentialBackoff;
use tokio::time::Instant;

use crate::error::Repeat;
use crate::{Answer, Call, HttpError, attempt, hint, retry};

/// Sends `call` until it has an answer of an `expected` status, or until repeating it is not allowed,
/// is useless or would outlast the deadline.
pub(crate) async fn send(call: &Call, expected: &[u16]) -> Result<Answer, HttpError> {
    let mut history = History { attempts: 0, may_have_arrived: false, refusal: None, pauses: retry::pauses() };
    loop {
        let bound = Bound::new(call);
        if bound.limit.is_zero() {
            return Err(history.out_of_time(call));
        }
        history.attempts += 1;
        let failure = match attempt::attempt(call, expected, bound.limit).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure.with_arrival(history.may_have_arrived),
        };
        history.may_have_arrived = failure.may_have_arrived();
        let cut_off = bound.is_the_deadline && failure.kind() == ErrorKind::TimedOut;
        if cut_off && let Some(refusal) = history.refusal.take() {
            return Err(history.finish(refusal));
        }
        match history.pause(call, &failure) {
            Pause::For(wait) => tokio::time::sleep(wait).await,
            Pause::No(why) => return Err(history.finish(failure.with_note(why))),
        }
        history.refusal = Some(failure).filter(|failure| failure.kind() == ErrorKind::Unavailable);
    }
}

/// What happened to a call so far.
struct History {
    attempts: u32,
    may_have_arrived: bool,
    /// The last failure, if it said that the server is not available. It is what the caller hears if
    /// the deadline cuts off the repeat: that is more than "no answer in time".
    refusal: Option<HttpError>,
    pauses: ExponentialBackoff,
}

enum Pause {
    For(Duration),
    /// No repeat; the reason, where it is not plain from the failure.
    No(&'static str),
}

impl History {
    fn pause(&mut self, call: &Call, failure: &HttpError) -> Pause {
        if !call.policy.allows(failure.repeat()) {
            return Pause::No("");
        }
        let Some(pause) = self.pauses.next() else { return Pause::No("") };
        let left = left(call.deadline);
        match hint::clamped(failure.hint().wait.unwrap_or(pause), left) {
            Some(wait) => Pause::For(wait),
            None if left.is_zero() => Pause::No(""),
            None => Pause::No("; the wait before a repeat is longer than what is left of the timeout"),
        }
    }

    fn finish(&self, error: HttpError) -> HttpError {
        error.with_arrival(self.may_have_arrived).with_attempts(self.attempts)
    }

    fn out_of_time(mut self, call: &Call) -> HttpError {
        let too_late = || call.about.error(ErrorKind::TimedOut, "not sent: the timeout is over");
        let error = self.refusal.take().unwrap_or_else(too_late);
        self.finish(error)
    }
}

/// How long one attempt may take.
struct Bound {
    limit: Duration,
    is_the_deadline: bool,
}

impl Bound {
    fn new(call: &Call) -> Self {
        let left = left(call.deadline);
        let each = call.client.request_timeout();
        Self { limit: left.min(each), is_the_deadline: left <= each }
    }
}

/// What is left, by tokio's clock, so that a paused test clock moves deadlines too.
pub(crate) fn left(deadline: Deadline) -> Duration {
    deadline.remaining(Instant::now().into_std())
}

/// What a lost or late answer says about a repeat.
pub(crate) const fn repeat_if_sent(sent: bool) -> Repeat {
    if sent { Repeat::IfHarmless } else { Repeat::NeverSent }
}
