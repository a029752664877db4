//! What a cold `create` costs beside the vendors' official SDKs: `cargo bench -p anyssh-tests`.
//!
//! Both are whole processes against the same emulator, from their start to a session that is ready, in
//! turns, and their medians are compared.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![allow(clippy::unwrap_used, reason = "the Python environment is made by the tests' own code")]

mod common;
#[path = "../tests/sdk_dedalus/python.rs"]
#[allow(dead_code, reason = "the tests also run scripts for what they print")]
mod python;

use std::error::Error;

use anyssh_testkit::emulator::{Emulator, Machine};
use anyssh_testkit::key;

use common::{build_release, medians, quiet};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/dedalus_create.py");
const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let anyssh = build_release()?;
    let home = tempfile::tempdir()?;
    let machine = Machine::default();
    let emulator = Emulator::dedalus().without_gateway().with_machine(machine.clone()).start_blocking()?;

    let mut ours = quiet(&anyssh, home.path());
    ours.args(["--json", "create", "dedalus", machine.id(), "--show-secrets"]);
    ours.env("DEDALUS_BASE_URL", emulator.base_url()).env("DEDALUS_API_KEY", emulator.api_key());

    let mut official = quiet(&python::environment().join("bin/python"), home.path());
    let public_key = key(1).public_key().to_openssh()?;
    official.args(["-I", SCRIPT, &emulator.base_url(), emulator.api_key(), machine.id(), &public_key]);

    let [ours_ms, official_ms] = medians(ROUNDS, [ours, official])?;
    println!("| what | here | beside | ratio |");
    println!("|---|---|---|---|");
    println!(
        "| `anyssh create dedalus`, cold, until ready | {ours_ms:.1} ms | the official SDK's process: {official_ms:.1} ms | {:.2} |",
        ours_ms / official_ms
    );
    Ok(())
}
