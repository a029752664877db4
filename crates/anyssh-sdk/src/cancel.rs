//! Cancellation as a value: somebody pulls it, everybody who waits hears of it.

use tokio::sync::watch;

/// Hears of a cancellation. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<i32>);

/// Makes every [`Cancel`] of its pair complete.
#[derive(Debug)]
pub struct CancelTrigger(watch::Sender<i32>);

impl Cancel {
    /// A cancellation that never comes.
    pub fn never() -> Self {
        Self(watch::channel(0).1)
    }

    /// A trigger and what hears of it.
    pub fn pair() -> (CancelTrigger, Self) {
        let (sender, receiver) = watch::channel(0);
        (CancelTrigger(sender), Self(receiver))
    }

    /// Completes with the signal once cancelled, also when that was earlier; never if the trigger is gone.
    pub async fn cancelled(&self) -> i32 {
        let mut receiver = self.0.clone();
        let signal = receiver.wait_for(|signal| *signal != 0).await.map(|signal| *signal);
        match signal {
            Ok(signal) => signal,
            Err(_) => std::future::pending().await,
        }
    }
}

impl CancelTrigger {
    /// Cancels with the number of a signal (2 for an interrupt). The first one counts.
    pub fn cancel(&self, signal: i32) {
        self.0.send_if_modified(|current| {
            let first = *current == 0;
            if first {
                *current = signal;
            }
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_signal_counts_and_late_listeners_hear_of_it() {
        let (trigger, cancel) = Cancel::pair();
        trigger.cancel(15);
        trigger.cancel(2);
        assert_eq!(cancel.cancelled().await, 15);
        drop(trigger);
        assert_eq!(cancel.clone().cancelled().await, 15);
    }
}
