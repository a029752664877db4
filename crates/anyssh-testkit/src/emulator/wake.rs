//! How a session, or a sandbox, comes up.

use std::time::{Duration, Instant};

/// The stages of a session before it is `ready`, or fails.
///
/// Each answer to create or get shows the stage it is in; a stage is over when it was shown often
/// enough and lasted long enough.
///
/// ```
/// use std::time::Duration;
/// use anyssh_testkit::emulator::Wake;
/// let slow = Wake::at_once().stage("wake_in_progress", 3).hint(20).stage("ssh_in_progress", 1);
/// let timed = Wake::at_once().stage("wake_in_progress", 1).lasting(Duration::from_millis(80));
/// let news = Wake::at_once().stage("guest_is_thinking", 2);
/// let never = Wake::at_once().stage("wake_in_progress", u32::MAX);
/// let fails = Wake::at_once().stage("wake_in_progress", 1).fails("MACHINE_BROKEN", "no disk");
/// # let _ = (slow, timed, news, never, fails);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wake {
    stages: Vec<Stage>,
    failure: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stage {
    status: String,
    shown: u32,
    lasting: Duration,
    hint: Option<i64>,
}

/// What an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Pending { status: &'a str, hint: Option<i64> },
    Ready,
    Failed { code: &'a str, message: &'a str },
}

impl Wake {
    /// `ready` in the answer to create.
    pub fn at_once() -> Self {
        Self { stages: Vec::new(), failure: None }
    }

    /// One more stage, which so many answers show.
    #[must_use]
    pub fn stage(mut self, status: &str, answers: u32) -> Self {
        self.stages.push(Stage { status: status.to_owned(), shown: answers, lasting: Duration::ZERO, hint: None });
        self
    }

    /// The last stage so far goes on at least this long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        if let Some(stage) = self.stages.last_mut() {
            stage.lasting = time;
        }
        self
    }

    /// `retry_after_ms` in the answers that show the last stage so far.
    #[must_use]
    pub fn hint(mut self, milliseconds: i64) -> Self {
        if let Some(stage) = self.stages.last_mut() {
            stage.hint = Some(milliseconds);
        }
        self
    }

    /// `failed` instead of `ready` in the end, with `error_code` and `error_message`.
    #[must_use]
    pub fn fails(mut self, code: &str, message: &str) -> Self {
        self.failure = Some((code.to_owned(), message.to_owned()));
        self
    }
}

/// One answer `wake_in_progress`, one `ssh_in_progress`, both with a hint of 5 ms, then `ready`.
impl Default for Wake {
    fn default() -> Self {
        Self::at_once().stage("wake_in_progress", 1).hint(5).stage("ssh_in_progress", 1).hint(5)
    }
}

/// A session on its way.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    wake: Wake,
    stage: usize,
    shown: u32,
    since: Instant,
}

impl Progress {
    pub(super) fn new(wake: Wake) -> Self {
        Self { wake, stage: 0, shown: 0, since: Instant::now() }
    }

    /// What the next answer shows; counts it.
    pub(super) fn advance(&mut self) {
        while let Some(stage) = self.wake.stages.get(self.stage) {
            if self.shown < stage.shown || self.since.elapsed() < stage.lasting {
                self.shown = self.shown.saturating_add(1);
                return;
            }
            (self.stage, self.shown, self.since) = (self.stage + 1, 0, Instant::now());
        }
    }

    /// What the last answer showed.
    pub(super) fn current(&self) -> Shown<'_> {
        match (self.wake.stages.get(self.stage), &self.wake.failure) {
            (Some(stage), _) => Shown::Pending { status: &stage.status, hint: stage.hint },
            (None, None) => Shown::Ready,
            (None, Some((code, message))) => Shown::Failed { code, message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(wake: Wake, answers: usize) -> Vec<String> {
        let mut progress = Progress::new(wake);
        let mut next = || {
            progress.advance();
            match progress.current() {
                Shown::Pending { status, .. } => status.to_owned(),
                Shown::Ready => "ready".into(),
                Shown::Failed { code, .. } => code.to_owned(),
            }
        };
        (0..answers).map(|_| next()).collect()
    }

    #[test]
    fn stages_are_shown_as_often_as_they_say() {
        assert_eq!(shown(Wake::at_once(), 1), ["ready"]);
        assert_eq!(shown(Wake::at_once().stage("a", 2).stage("b", 1), 5), ["a", "a", "b", "ready", "ready"]);
        assert_eq!(shown(Wake::at_once().stage("a", 1).fails("CODE", "why"), 2), ["a", "CODE"]);
    }

    #[test]
    fn a_stage_lasts_as_long_as_it_says() {
        assert_eq!(shown(Wake::at_once().stage("a", 1).lasting(Duration::from_secs(60)), 3), ["a", "a", "a"]);
    }
}
