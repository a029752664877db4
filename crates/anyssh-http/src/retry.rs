//! When a request is sent again.

use std::time::Duration;

use anyssh_core::IdempotencyKey;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::error::Repeat;

/// How many times one call is sent at most, the first included.
pub const ATTEMPTS: u32 = 4;

/// The first pause, before jitter; each further one is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether a call may be sent again after a failure (N4).
///
/// It is given for each call, since only its author knows what a second arrival would do. A server's
/// own `x-should-retry` or `retryable` overrides what the status means, but never this.
#[derive(Clone, Debug)]
pub enum RetryPolicy {
    /// A second arrival changes nothing (GET, DELETE, a check): repeated after lost connections,
    /// timeouts, 408, 429 and passing 5xx.
    Safe,
    /// The server knows the second arrival by this key, sent as `Idempotency-Key` with every attempt:
    /// repeated like [`Safe`](Self::Safe).
    SameKey(IdempotencyKey),
    /// A second arrival would act twice: repeated only if no connection was ever made.
    OnlyIfNotSent,
}

impl RetryPolicy {
    pub(crate) fn allows(&self, repeat: Repeat) -> bool {
        match (self, repeat) {
            (_, Repeat::Useless) | (Self::OnlyIfNotSent, Repeat::IfHarmless) => false,
            (_, Repeat::NeverSent) | (Self::Safe | Self::SameKey(_), Repeat::IfHarmless) => true,
        }
    }
}

/// The pauses between attempts where the server names none: doubling, each with up to as much again
/// in random jitter, so that many clients that failed together do not come back together.
pub(crate) fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_max_times(ATTEMPTS as usize - 1)
        .with_jitter()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N4: bounded and jittered.
    #[test]
    fn pauses_are_few_growing_and_not_all_alike() {
        let some: Vec<Vec<Duration>> = (0..20).map(|_| pauses().collect()).collect();
        for pauses in &some {
            assert_eq!(pauses.len(), 3);
            for (pause, base) in pauses.iter().zip([300, 600, 1200]) {
                assert!((base..=2 * base).contains(&pause.as_millis()), "{pause:?}");
            }
        }
        assert!(some.iter().any(|pauses| pauses != &some[0]));
    }
}
