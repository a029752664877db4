//! The device flow (RFC 8628), as a test scripts it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What polls for the token are answered, one after the other.
///
/// A client that asks sooner than the interval allows is told `slow_down`, and its interval grows by
/// 5 s for good (RFC 8628 §3.5).
///
/// ```
/// use anyssh_testkit::emulator::DeviceFlow;
/// let usual = DeviceFlow::approved().after_pending(2);
/// let denied = DeviceFlow::denied().after_pending(1).every(0);
/// let never = DeviceFlow::approved().after_pending(u32::MAX).lives(2);
/// # let _ = (usual, denied, never);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceFlow {
    pending: u32,
    end: Poll,
    interval: Option<u64>,
    expires_in: u64,
    complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Poll {
    Approved,
    Pending,
    SlowDown,
    Denied,
    Expired,
}

impl Poll {
    pub(super) fn error(self) -> &'static str {
        match self {
            Self::Approved | Self::Pending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::Denied => "access_denied",
            Self::Expired => "expired_token",
        }
    }
}

impl DeviceFlow {
    /// The user says yes, before the first poll.
    pub fn approved() -> Self {
        Self { pending: 0, end: Poll::Approved, interval: Some(1), expires_in: 600, complete: true }
    }

    /// The user says no.
    pub fn denied() -> Self {
        Self { end: Poll::Denied, ..Self::approved() }
    }

    /// So many polls come before the user's word.
    #[must_use]
    pub fn after_pending(mut self, polls: u32) -> Self {
        self.pending = polls;
        self
    }

    /// The interval in seconds, 1 without this. With 0 nobody asks too soon.
    #[must_use]
    pub fn every(mut self, seconds: u64) -> Self {
        self.interval = Some(seconds);
        self
    }

    /// No interval is named: 5 seconds (RFC 8628 §3.2).
    #[must_use]
    pub fn without_interval(mut self) -> Self {
        self.interval = None;
        self
    }

    /// How long the code lives, in seconds; 600 without this.
    #[must_use]
    pub fn lives(mut self, seconds: u64) -> Self {
        self.expires_in = seconds;
        self
    }

    /// `verification_uri_complete` is left out.
    #[must_use]
    pub fn without_complete_uri(mut self) -> Self {
        self.complete = false;
        self
    }

    /// RFC 8628 §3.2.
    pub(super) fn codes(&self, device_code: &str, uri: &str) -> Value {
        let mut body = json!({
            "device_code": device_code,
            "user_code": USER_CODE,
            "verification_uri": uri,
            "expires_in": self.expires_in,
        });
        if let Some(interval) = self.interval {
            body["interval"] = interval.into();
        }
        if self.complete {
            body["verification_uri_complete"] = format!("{uri}?user_code={USER_CODE}").into();
        }
        body
    }
}

const USER_CODE: &str = "BDWP-HQPK";

/// At once.
impl Default for DeviceFlow {
    fn default() -> Self {
        Self::approved()
    }
}

/// The polls for one code.
#[derive(Debug)]
pub(super) struct Polls {
    flow: DeviceFlow,
    interval: Duration,
    started: Instant,
    last: Instant,
    answered: u32,
}

/// A client's clock and the network are not exact.
const TOLERANCE: Duration = Duration::from_millis(50);

impl Polls {
    pub(super) fn new(flow: DeviceFlow) -> Self {
        let interval = Duration::from_secs(flow.interval.unwrap_or(5));
        Self { flow, interval, started: Instant::now(), last: Instant::now(), answered: 0 }
    }

    pub(super) fn next(&mut self) -> Poll {
        let since = std::mem::replace(&mut self.last, Instant::now()).elapsed();
        if self.started.elapsed() >= Duration::from_secs(self.flow.expires_in) {
            return Poll::Expired;
        }
        if since + TOLERANCE < self.interval {
            self.interval += Duration::from_secs(5);
            return Poll::SlowDown;
        }
        self.answered = self.answered.saturating_add(1);
        if self.answered > self.flow.pending { self.flow.end } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_answered_in_order_and_a_hasty_one_is_told_to_slow_down() {
        let mut polls = Polls::new(DeviceFlow::denied().after_pending(2).every(0));
        assert_eq!([polls.next(), polls.next(), polls.next()], [Poll::Pending, Poll::Pending, Poll::Denied]);
        let mut hasty = Polls::new(DeviceFlow::approved());
        assert_eq!((hasty.next(), hasty.interval), (Poll::SlowDown, Duration::from_secs(6)));
        assert_eq!(Polls::new(DeviceFlow::approved().lives(0).every(0)).next(), Poll::Expired);
    }
}
