//! An answer's value with the clocks of its arrival.

use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::{Answer, HttpError, clock_skew_note};

/// An answer's value, and what the clocks said when it came: what an expiry is compared with (S8, S12).
///
/// ```
/// use std::time::{Duration, SystemTime};
/// let now = SystemTime::now();
/// let answer = anyssh_http::Timed { value: 7, server_time: Some(now), received_at: now + Duration::from_secs(3600) };
/// assert_eq!(answer.now(), now);
/// assert_eq!(answer.clock_note(), "; the local clock is 1h 0m ahead of the server's");
/// ```
#[derive(Clone, Debug)]
pub struct Timed<T> {
    /// What was answered.
    pub value: T,
    /// The server's clock, if it told it in a `Date` header (RFC 9110 §6.6.1).
    pub server_time: Option<SystemTime>,
    /// Our clock.
    pub received_at: SystemTime,
}

impl<T> Timed<T> {
    /// The server's time if it was told, else ours.
    pub fn now(&self) -> SystemTime {
        self.server_time.unwrap_or(self.received_at)
    }

    /// The end of a sentence about a time: empty, or `; ` and by which clock it was judged or how far
    /// ours is off the server's.
    pub fn clock_note(&self) -> String {
        match self.server_time {
            None => "; this is by the local clock, since the server told no time".to_owned(),
            Some(server) => clock_skew_note(server, self.received_at).map_or(String::new(), |note| format!("; {note}")),
        }
    }
}

impl Answer {
    /// [`json`](Self::json), with what the clocks said when the answer came.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn timed<T: DeserializeOwned>(&self) -> Result<Timed<T>, HttpError> {
        Ok(Timed { value: self.json()?, server_time: self.server_time(), received_at: self.received_at() })
    }
}
