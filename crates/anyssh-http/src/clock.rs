//! The server's clock against ours.

use std::time::{Duration, SystemTime};

/// Clocks that differ by less than this are not worth a word: the network and the server take time.
const TOLERATED: Duration = Duration::from_secs(60);

/// One sentence about the local clock, if it differs from the server's by more than a minute (S12).
///
/// A wrong clock makes good certificates look expired and dead ones alive, so an error about times
/// should carry this note. `server` is the answer's `Date`, `local` the time at which it arrived.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// let now = SystemTime::now();
/// assert_eq!(anyssh_http::clock_skew_note(now, now), None);
/// let note = anyssh_http::clock_skew_note(now + Duration::from_secs(3600), now).unwrap_or_default();
/// assert_eq!(note, "the local clock is 1h 0m behind the server's");
/// ```
pub fn clock_skew_note(server: SystemTime, local: SystemTime) -> Option<String> {
    let (skew, side) = match server.duration_since(local) {
        Ok(ahead) => (ahead, "behind"),
        Err(error) => (error.duration(), "ahead of"),
    };
    (skew > TOLERATED).then(|| format!("the local clock is {} {side} the server's", in_words(skew)))
}

/// An HTTP date (RFC 9110 §5.6.7).
pub(crate) fn parse_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn in_words(skew: Duration) -> String {
    let minutes = skew.as_secs() / 60;
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes}m"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S12: a year off in either direction is named; half a minute is not.
    #[test]
    fn a_clock_that_is_a_year_off_is_named() {
        let now = SystemTime::now();
        let year = Duration::from_secs(365 * 24 * 3600);
        assert_eq!(clock_skew_note(now + year, now).unwrap(), "the local clock is 365d 0h behind the server's");
        assert_eq!(clock_skew_note(now - year, now).unwrap(), "the local clock is 365d 0h ahead of the server's");
        assert_eq!(clock_skew_note(now + Duration::from_secs(30), now), None);
    }
}
