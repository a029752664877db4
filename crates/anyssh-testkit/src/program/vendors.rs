//! The vendors that can be emulated: a table, with what each one's clients need.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Failure;
use super::fault_script::FaultScript;
use super::words::Words;
use super::{flyte, leap0};
use crate::emulator::{DedalusBuilder, DedalusEmulator, Emulator, Fault, Machine, Wake};

/// A vendor that can be emulated.
#[derive(Debug)]
pub(super) struct Vendor {
    pub(super) name: &'static str,
    /// Options of its own, each with the values that it takes.
    pub(super) options: &'static [(&'static str, &'static [&'static str])],
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
    Vendor { name: "dedalus", options: &[], start: start_dedalus },
    Vendor { name: "flyte", options: &[], start: flyte::start },
    Vendor { name: "leap0", options: &[("generation", &["1", "2"])], start: leap0::start },
];

/// How the world is, as `--script` says it; each part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DedalusScript {
    faults: Vec<FaultScript>,
    machines: Vec<MachineScript>,
    wake: Vec<StageScript>,
    lifetime_seconds: Option<u64>,
    clock_ahead_seconds: i64,
    /// sshd_config(5).
    gateway_lines: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineScript {
    id: String,
    name: Option<String>,
    phase: Option<String>,
}

/// A stage of a [`Wake`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageScript {
    status: String,
    answers: u32,
    hint_ms: Option<i64>,
    lasting_ms: Option<u64>,
}

struct Dedalus {
    emulator: DedalusEmulator,
    machines: Vec<Machine>,
}

impl Running for Dedalus {
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![("DEDALUS_BASE_URL", self.emulator.base_url()), ("DEDALUS_API_KEY", self.emulator.api_key().to_owned())]
    }

    fn targets(&self) -> Vec<String> {
        self.machines.iter().map(|machine| format!("{} ({})", machine.id(), machine.phase_name())).collect()
    }
}

fn start_dedalus(words: &Words) -> Result<Box<dyn Running>, Failure> {
    let script: DedalusScript = script(words)?;
    let mut machines: Vec<Machine> = script.machines.into_iter().map(machine).collect();
    if machines.is_empty() {
        machines.push(Machine::default());
    }
    let mut builder = Emulator::dedalus().with_port(words.port).with_clock_ahead(script.clock_ahead_seconds);
    builder = machines.iter().cloned().fold(builder, DedalusBuilder::with_machine);
    builder = builder.with_wake(wake(&script.wake));
    if let Some(seconds) = script.lifetime_seconds {
        builder = builder.with_lifetime(Duration::from_secs(seconds));
    }
    builder = match words.without_gateway {
        true => builder.without_gateway(),
        false => builder.with_gateway_lines(&script.gateway_lines.join("\n")),
    };
    let faults = faults(script.faults)?;
    let emulator = builder.start_blocking()?;
    faults.into_iter().for_each(|fault| emulator.add_fault(fault));
    Ok(Box::new(Dedalus { emulator, machines }))
}

fn machine(script: MachineScript) -> Machine {
    let machine = Machine::new(&script.id).phase(script.phase.as_deref().unwrap_or("sleeping"));
    match script.name {
        Some(name) => machine.named(&name),
        None => machine,
    }
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

/// The script that was named, or an empty one.
pub(super) fn script<T: DeserializeOwned + Default>(words: &Words) -> Result<T, Failure> {
    Ok(words.script.as_deref().map(read).transpose()?.unwrap_or_default())
}

/// A script. What is wrong with it is named with its line.
fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let refused = |why: String| Failure::Usage(format!("--script {}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))
}
