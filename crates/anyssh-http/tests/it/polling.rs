//! Asking until ready. The clock is tokio's, paused: no socket is involved.

use std::future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, Progress, ProviderError};
use anyssh_http::{HttpError, POLL_INTERVAL, Polled, poll_until};
use tokio::time::Instant;

use crate::kit::{RawServer, client, within};

fn deadline_in(seconds: u64) -> Deadline {
    Deadline::at((Instant::now() + Duration::from_secs(seconds)).into_std())
}

fn pending(what: &str, hint: Option<Duration>) -> Result<Polled<()>, ProviderError> {
    Ok(Polled::Pending { hint, what: what.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told_once_and_the_interval_is_kept() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let progress = Progress::new(move |what| listener.lock().unwrap().push(what.to_owned()));
    let mut states = ["waking", "waking", "preparing\u{7}", "waking"].into_iter();
    let start = Instant::now();
    let ready = poll_until(deadline_in(60), POLL_INTERVAL, &progress, || {
        future::ready(match states.next() {
            Some(what) => Ok(Polled::Pending { hint: None, what: what.to_owned() }),
            None => Ok::<_, ProviderError>(Polled::Ready(7)),
        })
    });
    assert_eq!(ready.await.unwrap(), 7);
    assert_eq!(*told.lock().unwrap(), ["waking", r"preparing\x07", "waking"]);
    assert_eq!(start.elapsed().as_millis(), 2000);
}

/// S11: hints are clamped to 0.1 s … 60 s.
#[tokio::test(start_paused = true)]
async fn hints_are_believed_within_bounds() {
    for (hint, waited) in [(0, 100), (250, 250), (3_600_000, 60_000)] {
        let mut asked = 0;
        let start = Instant::now();
        let ready = poll_until(deadline_in(1000), POLL_INTERVAL, &PROGRESS, || {
            asked += 1;
            future::ready(if asked == 1 {
                pending("x", Some(Duration::from_millis(hint)))
            } else {
                Ok(Polled::Ready(()))
            })
        });
        ready.await.unwrap();
        assert_eq!(start.elapsed().as_millis(), waited, "{hint}");
    }
}

/// S8, S11: the deadline wins, and the error names the last thing seen.
#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_wait_and_the_last_state_is_named() {
    let start = Instant::now();
    let mut states = ["waking", "never_heard_of"].into_iter().cycle();
    let ready = poll_until(deadline_in(10), Duration::from_secs(1), &PROGRESS, || {
        future::ready(pending(states.next().unwrap(), None))
    });
    let error = ready.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.to_string().contains("never_heard_of") && error.to_string().contains("timeout"), "{error}");
    assert!(start.elapsed() <= Duration::from_secs(10));
}

/// S11: a hint far beyond the deadline does not throw away the time that is left.
#[tokio::test(start_paused = true)]
async fn a_last_question_is_asked_before_the_deadline() {
    let mut asked = 0;
    let ready = poll_until(deadline_in(30), POLL_INTERVAL, &PROGRESS, || {
        asked += 1;
        future::ready(if asked == 1 { pending("x", Some(Duration::from_secs(3600))) } else { Ok(Polled::Ready(())) })
    });
    ready.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_question_that_never_ends_is_dropped_at_the_deadline() {
    let mut asked = 0;
    let ready = poll_until(deadline_in(5), POLL_INTERVAL, &PROGRESS, || {
        asked += 1;
        let first = asked == 1;
        async move { if first { pending("waking", None) } else { future::pending().await } }
    });
    let error = ready.await.unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.to_string().contains("waking"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_wait_at_once() {
    let failed = || ProviderError::new(ErrorKind::Failed, "session failed");
    let ready = poll_until(deadline_in(5), POLL_INTERVAL, &PROGRESS, || future::ready(Err::<Polled<()>, _>(failed())));
    assert_eq!(ready.await.unwrap_err().kind(), ErrorKind::Failed);
}

/// With real calls: the one that the deadline cuts off does not hide what was being waited for.
#[tokio::test]
async fn a_call_cut_off_by_the_deadline_still_names_the_state() {
    let server = RawServer::start(|_, stream| async move { (future::pending::<()>().await, drop(stream)).1 }).await;
    let (client, deadline) = (client(&server.uri()), within(400));
    let mut asked = 0;
    let ready = poll_until(deadline, Duration::from_millis(100), &PROGRESS, || {
        asked += 1;
        let (first, call) = (asked == 1, client.get(&["a"], deadline));
        async move {
            if first {
                return Ok(Polled::Pending { hint: None, what: "waking".to_owned() });
            }
            call.send(&[200]).await?;
            Ok::<Polled<()>, HttpError>(Polled::Ready(()))
        }
    });
    let error = ready.await.unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.to_string().contains("waking"), "{error}");
}

/// Providers poll inside `async_trait` methods, whose futures must be `Send` and may borrow.
#[tokio::test(start_paused = true)]
async fn polling_can_be_done_inside_the_trait() {
    struct Provider(String);
    impl Provider {
        async fn state(&self, id: &str) -> Result<Polled<usize>, HttpError> {
            tokio::task::yield_now().await;
            Ok(Polled::Ready(self.0.len() + id.len()))
        }
    }
    #[anyssh_core::async_trait]
    trait Create {
        async fn create(&self, id: &str, progress: &Progress) -> Result<usize, ProviderError>;
    }
    #[anyssh_core::async_trait]
    impl Create for Provider {
        async fn create(&self, id: &str, progress: &Progress) -> Result<usize, ProviderError> {
            poll_until(deadline_in(5), POLL_INTERVAL, progress, || self.state(id)).await
        }
    }
    assert_eq!(Provider("abc".to_owned()).create("x", &PROGRESS).await.unwrap(), 4);
}

static PROGRESS: std::sync::LazyLock<Progress> = std::sync::LazyLock::new(Progress::silent);
