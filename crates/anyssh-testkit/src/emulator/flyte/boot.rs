//! How an action comes up, and what becomes of it.

use std::time::{Duration, Instant};

use super::snapshot::Snapshot;

/// What an action looks like, one snapshot after the other. The last one stays.
///
/// Each answer shows the snapshot that is current, and so does each message of a stream; a snapshot is
/// over when it was shown often enough and lasted long enough.
///
/// ```
/// use std::time::Duration;
/// use anyssh_testkit::emulator::{Boot, Phase, Snapshot};
/// let polls = Boot::with(Snapshot::in_phase(Phase::Queued)).shown(2).then(Snapshot::serving());
/// let timed = Boot::with(Snapshot::in_phase(Phase::Initializing))
///     .lasting(Duration::from_millis(40))
///     .then(Snapshot::serving());
/// let dies = Boot::with(Snapshot::serving()).then(Snapshot::in_phase(Phase::Failed).error("OOM", "too big"));
/// # let _ = (polls, timed, dies);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stage {
    snapshot: Snapshot,
    shown: u32,
    lasting: Duration,
}

impl Boot {
    /// Begins with this snapshot, shown once unless it is told otherwise.
    pub fn with(snapshot: Snapshot) -> Self {
        Self { stages: Vec::new() }.then(snapshot)
    }

    /// Goes on with this one.
    #[must_use]
    pub fn then(mut self, snapshot: Snapshot) -> Self {
        self.stages.push(Stage { snapshot, shown: 1, lasting: Duration::ZERO });
        self
    }

    /// So many answers show the last snapshot so far.
    #[must_use]
    pub fn shown(mut self, answers: u32) -> Self {
        if let Some(stage) = self.stages.last_mut() {
            stage.shown = answers;
        }
        self
    }

    /// The last snapshot so far is there at least this long.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        if let Some(stage) = self.stages.last_mut() {
            stage.lasting = time;
        }
        self
    }
}

/// Up at once.
impl Default for Boot {
    fn default() -> Self {
        Self::with(Snapshot::serving())
    }
}

/// An action on its way.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    boot: Boot,
    stage: usize,
    shown: u32,
    since: Instant,
}

impl Progress {
    pub(super) fn new(boot: Boot) -> Self {
        Self { boot, stage: 0, shown: 0, since: Instant::now() }
    }

    /// What one more answer shows.
    pub(super) fn show(&mut self) -> Snapshot {
        while self.remaining() == Some(Duration::ZERO) {
            (self.stage, self.shown, self.since) = (self.stage + 1, 0, Instant::now());
        }
        self.shown = self.shown.saturating_add(1);
        self.current()
    }

    /// What the last answer showed.
    pub(super) fn current(&self) -> Snapshot {
        self.boot.stages[self.stage].snapshot.clone()
    }

    /// How long until a watcher is shown the next snapshot; `None` if this one stays.
    pub(super) fn until_next(&self) -> Option<Duration> {
        let stage = &self.boot.stages[self.stage];
        let is_last = self.stage + 1 == self.boot.stages.len();
        (!is_last).then(|| stage.lasting.saturating_sub(self.since.elapsed()))
    }

    /// The same for whoever asks: `Some(0)` only if it was shown often enough, too.
    fn remaining(&self) -> Option<Duration> {
        let shown = self.shown >= self.boot.stages[self.stage].shown;
        self.until_next().filter(|_| shown)
    }
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::Phase;
    use super::*;

    fn phases(boot: Boot, answers: usize) -> Vec<i32> {
        let mut progress = Progress::new(boot);
        (0..answers).map(|_| progress.show().phase.number()).collect()
    }

    #[test]
    fn snapshots_are_shown_as_often_as_they_say_and_the_last_one_stays() {
        let boot = Boot::with(Snapshot::in_phase(Phase::Queued)).shown(2).then(Snapshot::in_phase(Phase::Initializing));
        assert_eq!(phases(boot.then(Snapshot::serving()), 5), [1, 1, 3, 4, 4]);
        assert_eq!(phases(Boot::default(), 2), [4, 4]);
    }

    #[test]
    fn a_snapshot_lasts_as_long_as_it_says() {
        let boot = Boot::with(Snapshot::in_phase(Phase::Queued)).lasting(Duration::from_secs(60));
        assert_eq!(phases(boot.then(Snapshot::serving()), 3), [1, 1, 1]);
    }
}
