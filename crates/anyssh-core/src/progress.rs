//! What a provider is waiting for, told to whoever shows it.

use std::fmt;
use std::sync::Arc;

use crate::escape;

/// Where a provider says what it waits for: `waking machine (wake_in_progress)`.
///
/// A provider never prints; it tells, and its caller shows or drops it. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&str) + Send + Sync>);

impl Progress {
    /// Progress that nobody sees.
    pub fn silent() -> Self {
        Self(Arc::new(|_| {}))
    }

    /// Progress that calls `show` with each message, one escaped line.
    ///
    /// ```
    /// use anyssh_core::Progress;
    /// let progress = Progress::new(|message| assert_eq!(message, r"waking\x07"));
    /// progress.tell("waking\u{7}");
    /// ```
    pub fn new(show: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(show))
    }

    /// Says what is being done or waited for now.
    pub fn tell(&self, message: &str) {
        (self.0)(&escape::printable(message, escape::MESSAGE_CAP));
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress(..)")
    }
}
