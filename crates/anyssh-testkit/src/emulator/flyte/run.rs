//! Runs and their actions.

use jiff::Timestamp;
use serde_json::{Value, json};
use ssh_key::PublicKey;

use super::boot::{Boot, Progress};
use super::snapshot::{Phase, Snapshot};

/// A run that is there from the start.
///
/// ```
/// use anyssh_testkit::emulator::{Boot, Phase, Run, Snapshot};
/// let debug = Run::new("pond-dbg").with_boot(Boot::with(Snapshot::in_phase(Phase::Queued)).then(Snapshot::serving()));
/// let source = Run::plain("pond").with_action("train");
/// # let _ = (debug, source);
/// ```
#[derive(Clone, Debug)]
pub struct Run {
    name: String,
    boot: Boot,
    run_spec: Value,
    inputs: Option<Value>,
    actions: Vec<String>,
}

impl Run {
    /// A debug run: the keys of the emulator log in to the pod of its action `a0`.
    pub fn new(name: &str) -> Self {
        let debug = json!([{"key": "_F_E_SSH", "value": "1"}, {"key": "_F_E_VS", "value": "True"}]);
        Self { run_spec: run_spec(debug), ..Self::plain(name) }.with_boot(Boot::default())
    }

    /// A run that was never meant to be debugged, and is over: what a relaunch starts from.
    pub fn plain(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            boot: Boot::with(Snapshot::in_phase(Phase::Succeeded)),
            run_spec: run_spec(json!([])),
            inputs: Some(json!({"literals": [{"name": "x", "value": {"scalar": {"primitive": {"integer": "42"}}}}]})),
            actions: Vec::new(),
        }
    }

    /// How its action `a0` comes up.
    #[must_use]
    pub fn with_boot(mut self, boot: Boot) -> Self {
        self.boot = boot;
        self
    }

    /// Another `RunSpec`, as JSON. `_F_SSH_PK` in its `envs` is a key that logs in.
    #[must_use]
    pub fn with_run_spec(mut self, run_spec: Value) -> Self {
        self.run_spec = run_spec;
        self
    }

    /// Its inputs are gone: `GetActionData` says `not_found`.
    #[must_use]
    pub fn without_inputs(mut self) -> Self {
        self.inputs = None;
        self
    }

    /// One more action beside `a0`, with a task of its own and the same inputs.
    #[must_use]
    pub fn with_action(mut self, name: &str) -> Self {
        self.actions.push(name.to_owned());
        self
    }
}

/// A debug run called `pond-dbg`.
impl Default for Run {
    fn default() -> Self {
        Self::new("pond-dbg")
    }
}

fn run_spec(envs: Value) -> Value {
    let mut values = vec![json!({"key": "LOG_LEVEL", "value": "20"}), json!({"key": "_F_SYS_PATH", "value": "./src"})];
    values.extend(envs.as_array().cloned().unwrap_or_default());
    json!({
        "labels": {"values": {"team": "pond"}},
        "envs": {"values": values},
        "interruptible": false,
        "rawDataStorage": {"rawDataPrefix": "s3://bucket/raw"},
        "taskSpecSource": "DEPLOYED",
        "relatedTo": {"name": "long-ago"},
        "relation": {"relationType": "RELATION_TYPE_RERUN"},
    })
}

fn task_spec(action: &str) -> Value {
    json!({
        "taskTemplate": {
            "id": {"resourceType": "TASK", "org": "acme", "name": format!("pond.{action}"), "version": "7f3a"},
            "type": "python",
            "container": {"image": "registry.acme.example/pond:7f3a", "args": ["a0", "--inputs", "{{.input}}"]},
            "custom": {"nested": {"numbers": [1, 2.5], "nothing": null}},
        },
        "shortName": action,
    })
}

/// A run as it is now.
#[derive(Clone, Debug)]
pub(super) struct RunState {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) run_spec: Value,
    pub(super) inputs: Option<Value>,
    pub(super) actions: Vec<ActionState>,
}

/// An action as it is now.
#[derive(Clone, Debug)]
pub(super) struct ActionState {
    pub(super) name: String,
    pub(super) task_spec: Value,
    pub(super) progress: Progress,
}

impl ActionState {
    fn new(name: &str, task_spec: Value, boot: Boot) -> Self {
        Self { name: name.to_owned(), task_spec, progress: Progress::new(boot) }
    }

    /// What the last answer showed is the end.
    pub(super) fn is_over(&self) -> bool {
        self.progress.current().phase.is_over()
    }
}

impl RunState {
    pub(super) fn from_start(run: Run, now: Timestamp) -> Self {
        let root = ActionState::new("a0", task_spec("a0"), run.boot);
        let over = || Boot::with(Snapshot::in_phase(Phase::Succeeded));
        let others = run.actions.iter().map(|name| ActionState::new(name, task_spec(name), over()));
        let actions = [root].into_iter().chain(others).collect();
        Self { name: run.name, created: now, run_spec: run.run_spec, inputs: run.inputs, actions }
    }

    /// What `CreateRun` makes. Without the debug variables the pod opens no way in.
    pub(super) fn created(
        name: String,
        now: Timestamp,
        spec: (Value, Value),
        inputs: Option<Value>,
        boot: &Boot,
    ) -> Self {
        let (run_spec, task_spec) = spec;
        let mut run = Self { name, created: now, run_spec, inputs, actions: Vec::new() };
        let plain = Boot::with(Snapshot::in_phase(Phase::Running));
        let boot = if run.is_debug() { boot.clone() } else { plain };
        run.actions.push(ActionState::new("a0", task_spec, boot));
        run
    }

    pub(super) fn action(&mut self, name: &str) -> Option<&mut ActionState> {
        self.actions.iter_mut().find(|action| action.name == name)
    }

    /// What a variable of the pod is.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let values = self.run_spec["envs"]["values"].as_array()?;
        values.iter().rfind(|variable| variable["key"] == name)?["value"].as_str()
    }

    /// Whether the pod starts its SSH server, and the cluster its route.
    pub(super) fn is_debug(&self) -> bool {
        let is_on = |text: &str| ["1", "true", "yes"].contains(&text.to_lowercase().as_str());
        self.variable("_F_E_SSH").is_some_and(is_on) && self.variable("_F_E_VS").is_some_and(is_on)
    }

    /// The keys in `_F_SSH_PK`, one a line.
    pub(super) fn authorized_keys(&self) -> Vec<PublicKey> {
        let lines = self.variable("_F_SSH_PK").unwrap_or_default().lines();
        lines.filter_map(|line| PublicKey::from_openssh(line).ok()).collect()
    }
}
