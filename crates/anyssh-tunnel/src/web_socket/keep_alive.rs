//! Pings: they keep idle connections open on the way, and find out about dead ones.

use std::pin::Pin;
use std::task::Context;

use tokio::time::{Duration, Instant, Sleep, sleep};

/// When a WebSocket is pinged and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// From one ping to the next, and from the start to the first; at least ten milliseconds. If nothing at
    /// all is heard from one ping to the next, the connection is dead.
    pub interval: Duration,
}

impl Default for KeepAlive {
    /// 20 seconds: below the idle limits of common gateways.
    fn default() -> Self {
        Self { interval: Duration::from_secs(20) }
    }
}

/// With none at all one ping would be due after the other for ever.
const SHORTEST: Duration = Duration::from_millis(10);

/// The clock of one WebSocket. It costs nothing while bytes flow: what was heard is looked at when the
/// time comes.
#[derive(Debug)]
pub(crate) struct KeepAliveClock {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether anything came since the last ping.
    heard: bool,
    overdue: bool,
}

impl KeepAliveClock {
    pub(crate) fn new(keep_alive: KeepAlive) -> Self {
        let interval = keep_alive.interval.max(SHORTEST);
        // The handshake was heard.
        Self { interval, timer: Box::pin(sleep(interval)), heard: true, overdue: false }
    }

    /// Says that something came.
    pub(crate) fn heard(&mut self) {
        (self.heard, self.overdue) = (true, false);
    }

    /// Whether a ping is to be sent now; wakes when it is time to ask again.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> bool {
        let mut due = false;
        while self.timer.as_mut().poll(cx).is_ready() {
            self.overdue = !self.heard;
            (due, self.heard) = (true, false);
            self.timer.as_mut().reset(Instant::now() + self.interval);
        }
        due
    }

    /// Fails when nothing was heard for too long. To be asked when there is nothing left to be read.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        if self.overdue { Err(self.interval) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    #[tokio::test(start_paused = true)]
    async fn an_interval_of_nothing_is_no_endless_loop() {
        let start = Instant::now();
        let mut clock = KeepAliveClock::new(KeepAlive { interval: Duration::ZERO });
        poll_fn(|cx| if clock.poll_due(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        assert!(start.elapsed() >= SHORTEST);
    }
}
