//! The machines that sessions lead to.

use serde_json::{Value, json};

/// A machine, as the lists have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) phase: String,
}

impl Machine {
    /// A sleeping machine without a name. The vendor's IDs are UUIDs in lower case.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), name: None, phase: "sleeping".into() }
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// The same in this phase: `running`, `sleeping`, `destroyed`, …
    #[must_use]
    pub fn phase(mut self, phase: &str) -> Self {
        self.phase = phase.to_owned();
        self
    }

    /// The ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The word for the phase it begins in.
    pub fn phase_name(&self) -> &str {
        &self.phase
    }

    /// Whether sessions can be made: it is not on its way out.
    pub(super) fn takes_sessions(&self) -> bool {
        !["destroying", "destroyed", "failed"].contains(&self.phase.as_str())
    }

    fn desired(&self) -> &'static str {
        match self.phase.as_str() {
            "sleeping" | "stopping" => "sleeping",
            "destroying" | "destroyed" => "destroyed",
            _ => "running",
        }
    }

    fn common(&self) -> Value {
        json!({
            "machine_id": self.id,
            "desired_state": self.desired(),
            "vcpu": 1.0,
            "memory_mib": 2048,
            "storage_gib": 10,
            "autosleep_seconds": 300,
        })
    }

    /// As an item of a list.
    pub(super) fn item(&self) -> Value {
        let mut item = self.common();
        item["phase"] = self.phase.as_str().into();
        item["created_at"] = CREATED.into();
        item["name"] = self.name.clone().into();
        item
    }

    /// As an answer of its own: the phase is inside of `status`.
    pub(super) fn details(&self) -> Value {
        let mut details = self.common();
        details["status"] = json!({
            "phase": self.phase,
            "reason": "",
            "retryable": false,
            "revision": "1",
            "last_transition_at": CREATED,
            "last_progress_at": CREATED,
            "memory_configured_mib": 2048,
        });
        details
    }
}

/// A sleeping machine called `pond`.
impl Default for Machine {
    fn default() -> Self {
        Self::new("0199b1c2-0000-7000-8000-000000000001").named("pond")
    }
}

const CREATED: &str = "2026-09-01T08:00:00.123456789Z";
