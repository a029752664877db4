//! Misbehaviour on demand, for the tests of people who embed anyssh.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyssh_core::ErrorKind;

/// What a mock provider does instead of working. Without a word about a verb, the verb works.
///
/// ```
/// use anyssh_core::ErrorKind;
/// use anyssh_mock::{Act, MockProvider, Script, Verb};
///
/// // The first `create` fails, the next one works; each `revoke` fails.
/// let script = Script::new()
///     .once(Verb::Create, Act::Fail(ErrorKind::Unavailable, "try later".into()))
///     .always(Verb::Revoke, Act::Fail(ErrorKind::Forbidden, "not yours".into()));
/// let provider = MockProvider::scripted(script);
/// ```
#[derive(Debug, Default)]
pub struct Script {
    next: Mutex<HashMap<Verb, VecDeque<Act>>>,
    always: HashMap<Verb, Act>,
    expired: bool,
    refused: bool,
}

/// The four verbs of the trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `create`.
    Create,
    /// `validate`.
    Validate,
    /// `regenerate`.
    Regenerate,
    /// `revoke`.
    Revoke,
}

/// What one call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Its work.
    Work,
    /// Fails with this kind and message, and does nothing.
    Fail(ErrorKind, String),
    /// Waits this long and then does its work. When the deadline comes first, it fails with
    /// [`ErrorKind::TimedOut`] and has done nothing.
    Delay(Duration),
    /// Does its work and answers this much later. When the deadline comes first, `create` and
    /// `regenerate` take back what they made. Dropping the call meanwhile leaves a session that only its
    /// attempt knows, as a crash does.
    LateAnswer(Duration),
}

impl Script {
    /// Everything works.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more act for the next call of `verb` that has none yet.
    #[must_use]
    pub fn once(mut self, verb: Verb, act: Act) -> Self {
        let next = self.next.get_mut().unwrap_or_else(PoisonError::into_inner);
        next.entry(verb).or_default().push_back(act);
        self
    }

    /// One more act for the next call of `verb` that has none yet, for a provider that runs already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use anyssh_mock::{Act, MockProvider, Verb};
    ///
    /// let provider = MockProvider::new();
    /// provider.script().add(Verb::Validate, Act::Delay(Duration::from_secs(3600)));
    /// provider.script().clear();
    /// ```
    pub fn add(&self, verb: Verb, act: Act) {
        self.next().entry(verb).or_default().push_back(act);
    }

    /// Forgets all acts for next calls.
    pub fn clear(&self) {
        self.next().clear();
    }

    fn next(&self) -> MutexGuard<'_, HashMap<Verb, VecDeque<Act>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same with an act for each call of `verb` for which there is no other one.
    #[must_use]
    pub fn always(mut self, verb: Verb, act: Act) -> Self {
        self.always.insert(verb, act);
        self
    }

    /// The same with sessions that are over as soon as they are made: their expiry is in the past,
    /// `validate` says so and nobody can log in.
    #[must_use]
    pub fn expire(mut self) -> Self {
        self.expired = true;
        self
    }

    /// The same with servers that refuse the login, though `validate` finds the session good.
    #[must_use]
    pub fn refuse(mut self) -> Self {
        self.refused = true;
        self
    }

    /// What this call of `verb` does.
    pub(crate) fn act(&self, verb: Verb) -> Act {
        let once = self.next().get_mut(&verb).and_then(VecDeque::pop_front);
        once.or_else(|| self.always.get(&verb).cloned()).unwrap_or(Act::Work)
    }

    pub(crate) fn expires(&self) -> bool {
        self.expired
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_come_in_order_and_then_the_lasting_one() {
        let fail = |message: &str| Act::Fail(ErrorKind::Failed, message.into());
        let script =
            Script::new().once(Verb::Create, fail("1")).always(Verb::Create, fail("*")).once(Verb::Create, fail("2"));
        let acts: Vec<Act> = (0..4).map(|_| script.act(Verb::Create)).collect();
        assert_eq!(acts, [fail("1"), fail("2"), fail("*"), fail("*")]);
        assert_eq!(script.act(Verb::Revoke), Act::Work);
    }
}
