//! The vendors that can be emulated: a table, with what each one's clients need.

use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use super::fault_script::FaultScript;
use super::words::Words;
use super::{dedalus, flyte, leap0};
use crate::emulator::{Fault, Wake};

/// A vendor that can be emulated.
#[derive(Debug)]
pub(super) struct Vendor {
    pub(super) name: &'static str,
    /// Options of its own, each with the values that it takes.
    pub(super) options: &'static [(&'static str, &'static [&'static str])],
    /// The fields of its scripts.
    pub(super) script: &'static [&'static str],
    pub(super) start: fn(&Words) -> Result<Box<dyn Running>, Failure>,
}

/// An emulator that runs. Dropping it ends it.
pub(super) trait Running {
    /// What its clients read from the environment, under the vendor's own names.
    fn variables(&self) -> Vec<(&'static str, String)>;

    /// What sessions can be made for, and what is to be said about it.
    fn targets(&self) -> Vec<String>;
}

/// All of them.
pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        name: "dedalus",
        options: &[],
        script: &["faults", "machines", "wake", "lifetime_seconds", "clock_ahead_seconds", "gateway_lines"],
        start: dedalus::start,
    },
    Vendor {
        name: "flyte",
        options: &[],
        script: &[
            "faults",
            "runs",
            "debug_runs",
            "plain_runs",
            "relaunched",
            "authorized_keys",
            "lifetime_seconds",
            "token_form",
            "login_required",
            "tls",
            "clock_ahead_seconds",
            "tunnels",
            "watching",
        ],
        start: flyte::start,
    },
    Vendor {
        name: "leap0",
        options: &[("generation", &["1", "2"])],
        script: &[
            "faults",
            "sandboxes",
            "passwords",
            "ssh_command",
            "new_ids",
            "keyboard_interactive",
            "lifetime_seconds",
            "clock_ahead_seconds",
        ],
        start: leap0::start,
    },
];

/// A stage of a [`Wake`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageScript {
    status: String,
    answers: u32,
    hint_ms: Option<i64>,
    lasting_ms: Option<u64>,
}

/// The stages, one after the other.
pub(super) fn wake(stages: &[StageScript]) -> Wake {
    stages.iter().fold(Wake::at_once(), stage)
}

fn stage(wake: Wake, script: &StageScript) -> Wake {
    let mut wake = wake.stage(&script.status, script.answers);
    if let Some(hint) = script.hint_ms {
        wake = wake.hint(hint);
    }
    match script.lasting_ms {
        Some(time) => wake.lasting(Duration::from_millis(time)),
        None => wake,
    }
}

/// What is to go wrong.
pub(super) fn faults(scripts: Vec<FaultScript>) -> Result<Vec<Fault>, Failure> {
    scripts.into_iter().map(FaultScript::fault).collect()
}
