//! What a cold `create` costs beside the vendors' official SDKs: `cargo bench -p anyssh-tests`.
//!
//! Both are whole processes against the same emulator, from their start to a session that is ready, in
//! turns, and their medians are compared.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![allow(clippy::unwrap_used, reason = "the Python environments are made by the tests' own code")]

mod common;
#[path = "../tests/sdk/python.rs"]
#[allow(dead_code, reason = "the tests also run scripts for what they print")]
mod python;

use std::error::Error;
use std::path::Path;

use anyssh_testkit::emulator::{Emulator, Generation, Machine, Sandbox};
use anyssh_testkit::key;

use common::{build_release, medians, medians_with, quiet};
use python::Sdk;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");
const ROUNDS: usize = 20;
const SANDBOX: &str = "sbx-abc123";

fn main() -> Result<(), Box<dyn Error>> {
    let anyssh = build_release()?;
    let (one, two) = (Generation::One, Generation::Two);
    let rows = [
        ("dedalus`, cold, until ready", "dedalus-sdk 0.6.0", dedalus(&anyssh)?),
        ("leap0`, cold, first generation", "leap0 0.6.1", leap0(&anyssh, one, Sdk::new("leap0_0_6_1"))?),
        ("leap0`, cold, second generation", "leap0 0.8.0", leap0(&anyssh, two, Sdk::new("leap0_0_8_0"))?),
    ];
    println!("| what | here | beside | ratio |");
    println!("|---|---|---|---|");
    for (what, sdk, [ours, official]) in rows {
        let ratio = ours / official;
        println!(
            "| `anyssh create {what} | {ours:.1} ms | the official SDK's process ({sdk}): {official:.1} ms | {ratio:.2} |"
        );
    }
    Ok(())
}

fn dedalus(anyssh: &Path) -> Result<[f64; 2], Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let machine = Machine::default();
    let emulator = Emulator::dedalus().without_gateway().with_machine(machine.clone()).start_blocking()?;

    let mut ours = quiet(anyssh, home.path());
    ours.args(["--json", "create", "dedalus", machine.id(), "--show-secrets"]);
    ours.env("DEDALUS_BASE_URL", emulator.base_url()).env("DEDALUS_API_KEY", emulator.api_key());

    let mut official = quiet(&Sdk::new("dedalus_sdk").python(), home.path());
    official.arg("-I").arg(Path::new(SCRIPTS).join("dedalus_create.py"));
    let public_key = key(1).public_key().to_openssh()?;
    official.args([&emulator.base_url(), emulator.api_key(), machine.id(), &public_key]);
    medians(ROUNDS, [ours, official])
}

/// Two requests of ours (the sandbox is looked at first) beside one of the SDK's. Which generation answers
/// is found out in the first round and remembered, as on any machine that was used before.
fn leap0(anyssh: &Path, generation: Generation, sdk: Sdk) -> Result<[f64; 2], Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let emulator = Emulator::leap0(generation).without_ssh().with_sandbox(Sandbox::new(SANDBOX)).start_blocking()?;

    let mut ours = quiet(anyssh, home.path());
    ours.args(["--json", "create", "leap0", SANDBOX, "--show-secrets"]);
    ours.env("LEAP0_BASE_URL", emulator.base_url()).env("LEAP0_API_KEY", emulator.api_key());

    let mut official = quiet(&sdk.python(), home.path());
    official.arg("-I").arg(Path::new(SCRIPTS).join("leap0_create.py"));
    official.args([&emulator.base_url(), emulator.api_key(), SANDBOX]);
    // In the first generation a credential is in the way of the next one.
    medians_with(ROUNDS, [ours, official], || {
        for access in emulator.alive() {
            emulator.delete_access(&access.id).unwrap();
        }
    })
}
