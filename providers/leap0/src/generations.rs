//! The two generations of the API, and which of them answers at this base URL.

use std::sync::Mutex;

use anyssh_core::SessionId;

use crate::memory::Memory;

/// A generation of Leap0's SSH API. Nothing announces it; the paths and rules differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// One credential for each sandbox: a second create is a conflict (409), regenerate and delete take
    /// whatever credential there is (official Python SDK up to 0.6.1).
    One,
    /// Many credentials, each with its id in the path (official Python SDK from 0.7.0).
    Two,
}

/// Which credential of a sandbox a call is about; it decides the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// The only one there is, whoever made it: generation 1.
    Only,
    /// The one with this id: generation 2.
    Id(&'a SessionId),
}

/// What is known about the generation at one base URL.
///
/// It is only ever learned from an answer that leaves no doubt. A remembered generation says what is
/// tried first; since the service may have moved on meanwhile, "not found" there is not the end.
#[derive(Debug)]
pub(crate) struct Generations {
    fixed: Option<Generation>,
    learned: Mutex<Option<Generation>>,
    memory: Option<Memory>,
}

impl Generations {
    /// The user said which.
    pub(crate) fn fixed(generation: Generation) -> Self {
        Self { fixed: Some(generation), learned: Mutex::new(None), memory: None }
    }

    /// To be found out, if it is not remembered.
    pub(crate) fn auto(memory: Option<Memory>) -> Self {
        let learned = memory.as_ref().and_then(Memory::read);
        Self { fixed: None, learned: Mutex::new(learned), memory }
    }

    /// Whether the user said which.
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// The generation, where it is said or remembered.
    pub(crate) fn known(&self) -> Option<Generation> {
        self.fixed.or_else(|| *self.learned())
    }

    /// The generations to try, in this order, until one of them has an answer. The second one's paths
    /// hold an id, so asking there first does nothing to anybody else's credential.
    pub(crate) fn order(&self) -> &'static [Generation] {
        match (self.fixed, self.known()) {
            (Some(Generation::One), _) => &[Generation::One],
            (Some(Generation::Two), _) => &[Generation::Two],
            (None, Some(Generation::One)) => &[Generation::One, Generation::Two],
            (None, _) => &[Generation::Two, Generation::One],
        }
    }

    /// An answer left no doubt.
    pub(crate) fn learn(&self, generation: Generation) {
        if self.fixed.is_some() || *self.learned() == Some(generation) {
            return;
        }
        *self.learned() = Some(generation);
        if let Some(memory) = &self.memory {
            memory.write(generation);
        }
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, Option<Generation>> {
        self.learned.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Generation::{One, Two};

    #[test]
    fn what_is_said_is_tried_alone_and_what_is_remembered_first() {
        assert_eq!(Generations::fixed(One).order(), [One]);
        assert_eq!(Generations::fixed(Two).order(), [Two]);
        let generations = Generations::auto(None);
        assert_eq!((generations.known(), generations.order()), (None, &[Two, One][..]));
        generations.learn(One);
        assert_eq!((generations.known(), generations.order()), (Some(One), &[One, Two][..]));
        generations.learn(Two);
        assert_eq!((generations.known(), generations.order()), (Some(Two), &[Two, One][..]));
    }

    #[test]
    fn what_is_said_is_not_unlearned() {
        let generations = Generations::fixed(One);
        generations.learn(Two);
        assert_eq!(generations.known(), Some(One));
    }
}
