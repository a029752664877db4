//! Leap0, as a script sets it up.

use std::time::Duration;

use serde::Deserialize;

use super::Failure;
use super::fault_script::FaultScript;
use super::script::script;
use super::vendors::{Running, StageScript, faults, wake};
use super::words::Words;
use crate::emulator::{Emulator, Generation, Leap0Builder, Leap0Emulator, Sandbox};

/// How the world is, as `--script` says it; each part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    faults: Vec<FaultScript>,
    sandboxes: Vec<SandboxScript>,
    passwords: Vec<String>,
    ssh_command: Option<String>,
    new_ids: bool,
    keyboard_interactive: bool,
    lifetime_seconds: Option<u64>,
    clock_ahead_seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SandboxScript {
    id: String,
    state: Option<String>,
    #[serde(default)]
    wake: Vec<StageScript>,
}

/// Starts it in the second generation, unless another one is asked for.
pub(super) fn start(words: &Words) -> Result<Box<dyn Running>, Failure> {
    let mut script: Script = script(words)?;
    let generation = match words.options.get("generation") {
        Some(&"1") => Generation::One,
        _ => Generation::Two,
    };
    let faults = faults(std::mem::take(&mut script.faults))?;
    let mut sandboxes: Vec<Sandbox> = script.sandboxes.iter().map(sandbox).collect();
    if sandboxes.is_empty() {
        sandboxes.push(Sandbox::default());
    }
    let builder = sandboxes.iter().cloned().fold(Emulator::leap0(generation), Leap0Builder::with_sandbox);
    let builder = with(builder.with_port(words.port), &script);
    let builder = if words.without_gateway { builder.without_ssh() } else { builder };
    let emulator = builder.start_blocking()?;
    faults.into_iter().for_each(|fault| emulator.add_fault(fault));
    Ok(Box::new(Leap0 { emulator, sandboxes }))
}

fn with(mut builder: Leap0Builder, script: &Script) -> Leap0Builder {
    builder = builder.with_clock_ahead(script.clock_ahead_seconds);
    builder = script.passwords.iter().fold(builder, |builder, password| builder.with_password(password));
    if let Some(command) = &script.ssh_command {
        builder = builder.with_ssh_command(command);
    }
    if let Some(seconds) = script.lifetime_seconds {
        builder = builder.with_lifetime(Duration::from_secs(seconds));
    }
    if script.new_ids {
        builder = builder.with_new_ids();
    }
    if script.keyboard_interactive {
        builder = builder.with_keyboard_interactive();
    }
    builder
}

fn sandbox(script: &SandboxScript) -> Sandbox {
    let sandbox = Sandbox::new(&script.id).coming_up(wake(&script.wake));
    match &script.state {
        Some(state) => sandbox.in_state(state),
        None => sandbox,
    }
}

struct Leap0 {
    emulator: Leap0Emulator,
    sandboxes: Vec<Sandbox>,
}

impl Running for Leap0 {
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![("LEAP0_BASE_URL", self.emulator.base_url()), ("LEAP0_API_KEY", self.emulator.api_key().to_owned())]
    }

    /// With the host keys: nobody else tells them.
    fn targets(&self) -> Vec<String> {
        let shown = |sandbox: &Sandbox| {
            let state = self.emulator.sandbox_state(sandbox.id()).unwrap_or_default();
            let key = self.emulator.host_key(sandbox.id()).map(|key| format!(", {}", key.fingerprint()));
            format!("{} ({state}{})", sandbox.id(), key.unwrap_or_default())
        };
        self.sandboxes.iter().map(shown).collect()
    }
}
