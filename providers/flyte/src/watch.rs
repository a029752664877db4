//! An action, whenever it changes: pushed by the control plane, and asked for now and then in case it is silent.

use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, ProviderError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::api::ControlPlane;
use crate::auth::Freshness;
use crate::connect_rpc::RpcError;
use crate::target::ActionName;
use crate::wire::ActionDetails;

/// The pauses before a stream is asked for again, doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// After so many streams in a row without a message there are no more; asking goes on.
const MOST_FAILURES: u32 = 5;

/// An action's states, one after the other.
///
/// The first is asked for, so that what is wrong (no such run, no right to see it) is told at once. From
/// then on changes are pushed over a stream, which is opened again whenever something on the way cuts it,
/// and every `interval` the action is asked for too: some servers have no streams, some proxies hold them back.
#[derive(Debug)]
pub(crate) struct ActionWatch {
    api: ControlPlane,
    action: ActionName,
    deadline: Deadline,
    interval: Duration,
    next_question: Instant,
    pushed: Option<mpsc::Receiver<ActionDetails>>,
    /// Ends its task when dropped.
    stream: JoinSet<()>,
}

impl ActionWatch {
    pub(crate) fn new(api: &ControlPlane, action: &ActionName, interval: Duration, deadline: Deadline) -> Self {
        Self {
            api: api.clone(),
            action: action.clone(),
            deadline,
            interval,
            next_question: Instant::now(),
            pushed: None,
            stream: JoinSet::new(),
        }
    }

    pub(crate) fn action(&self) -> &ActionName {
        &self.action
    }

    /// The next state, which may be the same as the last one. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// What another question would not change. Whoever waits bounds the wait.
    pub(crate) async fn next(&mut self) -> Result<ActionDetails, ProviderError> {
        let Some(pushed) = &mut self.pushed else {
            let first = self.api.action_details(&self.action, self.deadline).await?;
            self.next_question = Instant::now() + self.interval;
            self.subscribe();
            return Ok(first);
        };
        loop {
            let question = async {
                sleep_until(self.next_question).await;
                self.api.action_details(&self.action, self.deadline).await
            };
            let answer = tokio::select! {
                Some(details) = pushed.recv() => return Ok(details),
                answer = question => answer,
            };
            self.next_question = Instant::now() + self.interval;
            match answer {
                Ok(details) => return Ok(details),
                // It was there a moment ago, so it is worth asking again.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn subscribe(&mut self) {
        let (changes, pushed) = mpsc::channel(1);
        self.pushed = Some(pushed);
        self.stream.spawn(push(self.api.clone(), self.action.clone(), self.deadline, changes));
    }
}

/// Pushes each change until nobody listens, or until streams are known to be of no use.
async fn push(api: ControlPlane, action: ActionName, deadline: Deadline, changes: mpsc::Sender<ActionDetails>) {
    let mut failures = 0;
    let mut freshness = Freshness::Kept;
    loop {
        let mut told = 0;
        let ended = follow(&api, &action, deadline, freshness, &changes, &mut told).await;
        failures = if told > 0 { 0 } else { failures + 1 };
        match ended {
            Ended::Unheard => return,
            Ended::Refused(error) if freshness == Freshness::Kept && error.wants_another_token() => {
                freshness = Freshness::New;
                continue;
            }
            // Whatever else is wrong, the next question finds it out and says it.
            Ended::Refused(error) if !is_passing(&error) => return,
            Ended::Cleanly | Ended::Refused(_) => freshness = Freshness::Kept,
        }
        if failures > MOST_FAILURES {
            return;
        }
        sleep(pause(failures)).await;
    }
}

/// How one stream ended.
enum Ended {
    Cleanly,
    Refused(RpcError),
    /// Nobody listens any more.
    Unheard,
}

async fn follow(
    api: &ControlPlane,
    action: &ActionName,
    deadline: Deadline,
    freshness: Freshness,
    changes: &mpsc::Sender<ActionDetails>,
    told: &mut usize,
) -> Ended {
    let mut messages = match api.watch_action(action, deadline, freshness).await {
        Ok(messages) => messages,
        Err(error) => return Ended::Refused(error),
    };
    loop {
        match messages.next().await {
            Ok(Some(message)) => {
                *told += 1;
                if changes.send(message.details).await.is_err() {
                    return Ended::Unheard;
                }
            }
            Ok(None) => return Ended::Cleanly,
            Err(error) => return Ended::Refused(error),
        }
    }
}

fn is_passing(error: &RpcError) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::TimedOut)
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}
