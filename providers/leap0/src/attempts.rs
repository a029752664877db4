//! What the creates of this process have made so far, by their attempt: enough to end what a create that
//! was dropped half-way left behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyssh_core::{Attempt, IdempotencyKey, SessionId};

/// How far an attempt came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Nothing was asked for, or it was refused.
    Nothing,
    /// The request may have arrived, and no answer has come.
    Asked,
    /// This credential came of it.
    Made(SessionId),
}

/// The attempts of this process, and when its credentials end.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    attempts: Mutex<HashMap<IdempotencyKey, Reached>>,
    ends: Mutex<HashMap<SessionId, SystemTime>>,
}

impl Attempts {
    /// Notes how far an attempt came.
    pub(crate) fn note(&self, attempt: &Attempt, reached: Reached) {
        lock(&self.attempts).insert(attempt.idempotency_key.clone(), reached);
    }

    /// How far it came; `None` if it is not of this process.
    pub(crate) fn reached(&self, attempt: &Attempt) -> Option<Reached> {
        lock(&self.attempts).get(&attempt.idempotency_key).cloned()
    }

    /// The attempt is over, and nothing of it is left.
    pub(crate) fn forget(&self, attempt: &Attempt) {
        lock(&self.attempts).remove(&attempt.idempotency_key);
    }

    /// Notes when a credential ends. What ended before `now` is forgotten, so that a process that runs for
    /// months does not collect it all.
    pub(crate) fn note_end(&self, id: &SessionId, end: SystemTime, now: SystemTime) {
        let mut ends = lock(&self.ends);
        let over: Vec<SessionId> = ends.iter().filter(|(_, end)| **end <= now).map(|(over, _)| over.clone()).collect();
        for over in over {
            ends.remove(&over);
            lock(&self.attempts).retain(|_, reached| *reached != Reached::Made(over.clone()));
        }
        ends.insert(id.clone(), end);
    }

    /// When a credential of this process ends.
    pub(crate) fn end_of(&self, id: &SessionId) -> Option<SystemTime> {
        lock(&self.ends).get(id).copied()
    }

    /// The credential is over.
    pub(crate) fn forget_id(&self, id: &SessionId) {
        lock(&self.ends).remove(id);
        lock(&self.attempts).retain(|_, reached| *reached != Reached::Made(id.clone()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
