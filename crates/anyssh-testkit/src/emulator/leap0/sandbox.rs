//! The sandboxes that credentials are for.

use serde_json::{Value, json};

use crate::emulator::wake::{Progress, Shown, Wake};

/// A sandbox, as the lists have it, and how it comes up.
///
/// ```
/// use anyssh_testkit::emulator::{Sandbox, Wake};
/// let running = Sandbox::new("sbx-1");
/// let starting = Sandbox::new("sbx-2").coming_up(Wake::at_once().stage("starting", 3));
/// let paused = Sandbox::new("sbx-3").in_state("paused").coming_up(Wake::at_once().stage("unpausing", 1));
/// let stopped = Sandbox::new("sbx-4").in_state("stopped");
/// # let _ = (running, starting, paused, stopped);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    id: String,
    state: Option<String>,
    wake: Wake,
}

impl Sandbox {
    /// A running sandbox. The vendor's documents show IDs such as `sbx-abc123`.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), state: None, wake: Wake::at_once() }
    }

    /// The same in a state that it stays in: `stopped`, `stopping`, `deleted`, …; from `paused` a request
    /// to its SSH calls wakes it.
    #[must_use]
    pub fn in_state(mut self, state: &str) -> Self {
        self.state = Some(state.to_owned());
        self
    }

    /// The same with these stages before it is `running`. Reading the sandbox and connecting to it show
    /// it; a stage is over when it was shown often enough and lasted long enough.
    #[must_use]
    pub fn coming_up(mut self, wake: Wake) -> Self {
        self.wake = wake;
        self
    }

    /// The ID.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A running sandbox `sbx-abc123`.
impl Default for Sandbox {
    fn default() -> Self {
        Self::new("sbx-abc123")
    }
}

/// A sandbox as it is now.
#[derive(Clone, Debug)]
pub(super) struct LiveSandbox {
    pub(super) id: String,
    /// A state that it does not leave by itself.
    resting: Option<String>,
    wake: Wake,
    progress: Progress,
}

impl LiveSandbox {
    pub(super) fn new(sandbox: Sandbox) -> Self {
        let progress = Progress::new(sandbox.wake.clone());
        let mut live = Self { id: sandbox.id, resting: sandbox.state, wake: sandbox.wake, progress };
        live.look();
        live
    }

    pub(super) fn state(&self) -> &str {
        match (&self.resting, self.progress.current()) {
            (Some(state), _) => state,
            (None, Shown::Pending { status, .. }) => status,
            (None, Shown::Ready) => RUNNING,
            (None, Shown::Failed { code, .. }) => code,
        }
    }

    /// One more request will show it.
    pub(super) fn look(&mut self) {
        if self.resting.is_none() {
            self.progress.advance();
        }
    }

    /// A request to its SSH calls: from `paused` it comes up.
    pub(super) fn wake_up(&mut self) {
        if self.resting.as_deref() == Some("paused") {
            self.set_state(RUNNING);
        }
    }

    /// To `running` it takes its stages; any other state it stays in.
    pub(super) fn set_state(&mut self, state: &str) {
        self.resting = (state != RUNNING).then(|| state.to_owned());
        self.progress = Progress::new(self.wake.clone());
        self.look();
    }

    /// As an item of a list.
    pub(super) fn item(&self) -> Value {
        json!({
            "id": self.id,
            "template_id": TEMPLATE,
            "pod_id": "pod-1",
            "state": self.state(),
            "created_at": CREATED,
            "launch_time": CREATED,
            "timeout_at": 4_102_444_800_i64,
        })
    }

    /// As an answer of its own.
    pub(super) fn details(&self) -> Value {
        json!({
            "id": self.id,
            "template_id": TEMPLATE,
            "vcpu": 1,
            "memory": 1024,
            "disk": 10_240,
            "timeout": 300,
            "state": self.state(),
            "auto_pause": true,
            "created_at": CREATED,
        })
    }
}

pub(super) const RUNNING: &str = "running";
const TEMPLATE: &str = "tpl-debian";
const CREATED: &str = "2026-09-01T08:00:00.123456Z";

#[cfg(test)]
mod tests {
    use super::*;

    /// The state, and the ones that further looks show.
    fn states(mut sandbox: LiveSandbox, looks: usize) -> Vec<String> {
        let mut shown = vec![sandbox.state().to_owned()];
        for _ in 0..looks {
            sandbox.look();
            shown.push(sandbox.state().to_owned());
        }
        shown
    }

    #[test]
    fn a_sandbox_comes_up_as_it_is_looked_at() {
        let starting = Sandbox::new("a").coming_up(Wake::at_once().stage("starting", 2));
        assert_eq!(states(LiveSandbox::new(starting), 3), ["starting", "starting", "running", "running"]);
        assert_eq!(states(LiveSandbox::new(Sandbox::default()), 0), ["running"]);
        let fails = Sandbox::new("a").coming_up(Wake::at_once().fails("deleted", ""));
        assert_eq!(states(LiveSandbox::new(fails), 1), ["deleted", "deleted"]);
    }

    #[test]
    fn only_a_paused_sandbox_is_woken() {
        let in_state = |state| {
            LiveSandbox::new(Sandbox::new("a").in_state(state).coming_up(Wake::at_once().stage("unpausing", 1)))
        };
        let mut paused = in_state("paused");
        assert_eq!(states(paused.clone(), 2), ["paused"; 3]);
        paused.wake_up();
        assert_eq!(states(paused, 1), ["unpausing", "running"]);
        let mut stopped = in_state("stopped");
        stopped.wake_up();
        assert_eq!(stopped.state(), "stopped");
        stopped.set_state("running");
        assert_eq!(states(stopped, 1), ["unpausing", "running"]);
    }
}
