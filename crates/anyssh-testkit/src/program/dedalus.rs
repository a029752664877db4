//! Dedalus, as a script sets it up.

use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use super::fault_script::FaultScript;
use super::script::script;
use super::vendors::{Running, StageScript, faults, wake};
use super::words::Words;
use crate::emulator::{DedalusBuilder, DedalusEmulator, Emulator, Machine};

/// How the world is, as `--script` says it; each part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
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

/// Starts it. Without machines in the script there is the usual one, which sleeps.
pub(super) fn start(words: &Words) -> Result<Box<dyn Running>, Failure> {
    let script: Script = script(words)?;
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
