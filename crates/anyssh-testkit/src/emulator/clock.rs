//! The clock of a control plane.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that may be wrong, and that a test puts forward.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    ahead: SignedDuration,
}

impl Clock {
    pub(super) fn ahead(seconds: i64) -> Self {
        Self { ahead: SignedDuration::from_secs(seconds) }
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.ahead = self.ahead.saturating_add(signed(time));
    }

    pub(super) fn now(self) -> Timestamp {
        Timestamp::now().saturating_add(self.ahead).unwrap_or(Timestamp::MAX)
    }
}

/// So much later than `time`.
pub(super) fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(signed(by)).unwrap_or(Timestamp::MAX)
}

fn signed(time: Duration) -> SignedDuration {
    SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
}
