//! What a server says about trying again, and how far it is believed.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::clock;

/// The shortest wait: a server that says 0 must not make us hammer it.
pub(crate) const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait that any server can ask for.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A server's words on repeating a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryHint {
    /// How long to wait first.
    pub wait: Option<Duration>,
    /// Whether to repeat at all, where it says so: it overrides what the status means.
    pub repeat: Option<bool>,
}

impl RetryHint {
    /// The headers `retry-after-ms`, `Retry-After` (RFC 9110 §10.2.3, seconds or a date) and `x-should-retry`.
    pub(crate) fn from_headers(headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        // A date is meant by the server's own clock, so it is compared with the server's own Date.
        let now = text(DATE.as_str()).and_then(clock::parse_date).unwrap_or(now);
        let milliseconds = text("retry-after-ms").and_then(|text| parse_seconds(text, 1e-3));
        let wait = milliseconds.or_else(|| text(RETRY_AFTER.as_str()).and_then(|text| parse_retry_after(text, now)));
        let repeat = match text("x-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        Self { wait, repeat }
    }

    /// This hint, with `other`'s words where this one has none.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { wait: self.wait.or(other.wait), repeat: self.repeat.or(other.repeat) }
    }
}

/// `wait` within the bounds of S11, or `None` if it would not end before the deadline does.
pub(crate) fn clamped(wait: Duration, left: Duration) -> Option<Duration> {
    let wait = wait.clamp(SHORTEST_WAIT, LONGEST_WAIT);
    (wait < left).then_some(wait)
}

fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    parse_seconds(text, 1.0)
        .or_else(|| clock::parse_date(text).map(|date| date.duration_since(now).unwrap_or(Duration::ZERO)))
}

fn parse_seconds(text: &str, unit: f64) -> Option<Duration> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)?;
    // Longer than any wait that is honoured: the exact number does not matter.
    Some(Duration::from_secs_f64((number * unit).min(1e6)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    fn wait(name: &'static str, value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        RetryHint::from_headers(&headers, UNIX_EPOCH + Duration::from_secs(784_111_777)).wait
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_understood() {
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(wait("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT"), Some(Duration::from_secs(3)));
        assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT"), Some(Duration::ZERO));
        for nonsense in ["-1", "NaN", "inf", "soon", ""] {
            assert_eq!(wait("retry-after", nonsense), None, "{nonsense}");
        }
    }

    /// S12: a Retry-After date is read by the server's clock, not by ours.
    #[test]
    fn a_date_is_read_by_the_servers_clock() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT".parse().unwrap());
        headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        let wait = RetryHint::from_headers(&headers, SystemTime::now()).wait;
        assert_eq!(wait, Some(Duration::from_secs(3)));
    }

    proptest! {
        /// S11: whatever a server asks, the wait is from 0.1 s to 60 s and ends before the deadline.
        #[test]
        fn any_wait_is_clamped(text in "[0-9.eE+-]{0,20}", left in 0u64..100_000) {
            let left = Duration::from_millis(left);
            if let Some(wait) = wait("retry-after", &text).and_then(|wait| clamped(wait, left)) {
                prop_assert!(wait >= SHORTEST_WAIT && wait <= LONGEST_WAIT && wait < left);
            }
        }
    }
}
