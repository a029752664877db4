//! `anyssh flyte` beside the vendor's own client, against one emulator.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyssh_core::ssh_key::LineEnding;
use anyssh_testkit::emulator::{Emulator, Fault, FlyteEmulator};
use anyssh_testkit::key;
use tempfile::TempDir;

use super::common::{medians, quiet};
use super::{OFFICIAL, Result, median};

const RUN: &str = "pond-dbg";
const ROUTE: &str = "/pods/pond-dbg/a0/1";
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

pub(super) fn rows(anyssh: &Path) -> Result<()> {
    whole_command(anyssh)?;
    ready_to_connected(anyssh)
}

/// A command on a run that is up, with a token in the cache of either.
fn whole_command(anyssh: &Path) -> Result<()> {
    let emulator = emulator()?;
    let (own_home, their_home) = (home()?, home()?);
    let mut ours = ours(anyssh, &own_home, &emulator)?;
    ours.args(["flyte", RUN, "--", "true"]);
    // Two commands, one after the other, as their documentation has it.
    let mut official = quiet(Path::new("/bin/sh"), their_home.path());
    official.args(["-c", "\"$@\" && exec ssh -F \"$HOME/ssh_config\" flyte-debug true", "sh"]);
    official.arg(OFFICIAL.python()).args(their_words(&their_home, &emulator));
    let [ours, official] = medians(15, [ours, official])?;
    println!("| `anyssh flyte RUN -- true`, token cached | {ours:.0} ms | {official:.0} ms | | |");
    Ok(())
}

/// From the moment at which the route works to a connect that is done, the route being late by about two seconds.
fn ready_to_connected(anyssh: &Path) -> Result<()> {
    let emulator = emulator()?;
    let (own_home, their_home) = (home()?, home()?);
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..11 {
        let mut ours = ours(anyssh, &own_home, &emulator)?;
        ours.args(["--json", "create", "flyte", RUN, "--show-secrets"]);
        let mut official = quiet(&OFFICIAL.python(), their_home.path());
        official.args(their_words(&their_home, &emulator));
        for (mut command, times) in [ours, official].into_iter().zip(&mut times) {
            emulator.add_fault(Fault::on("GET", ROUTE).status(404).always());
            let child = command.spawn()?;
            // How late a route is has nothing to do with anybody's pauses.
            std::thread::sleep(Duration::from_millis(2000 + round * 277));
            let ready = Instant::now();
            emulator.clear_faults();
            wait(child)?;
            times.push(ready.elapsed().as_secs_f64() * 1e3);
        }
    }
    let [ours, official] = times.map(median);
    println!("| route ready to connected | {ours:.0} ms | {official:.0} ms | | 100 ms |");
    Ok(())
}

fn wait(mut child: Child) -> Result<()> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("it ended with {status}").into()) }
}

fn emulator() -> Result<FlyteEmulator> {
    Ok(Emulator::flyte().with_authorized_key(key(1).public_key()).start_blocking()?)
}

/// A home with the key pair for debug runs.
fn home() -> Result<TempDir> {
    let home = tempfile::tempdir()?;
    let directory = home.path().join(".flyte/ssh-debug");
    std::fs::create_dir_all(&directory)?;
    key(1).write_openssh_file(directory.join("id_ed25519"), LineEnding::LF)?;
    std::fs::write(directory.join("id_ed25519.pub"), key(1).public_key().to_openssh()?)?;
    Ok(home)
}

fn ours(anyssh: &Path, home: &TempDir, emulator: &FlyteEmulator) -> Result<Command> {
    let config = home.path().join("flyte.yaml");
    std::fs::write(&config, emulator.config("POND_SECRET"))?;
    let mut command = quiet(anyssh, home.path());
    command.env("FLYTECTL_CONFIG", config).env("POND_SECRET", emulator.client().1);
    Ok(command)
}

fn their_words(home: &TempDir, emulator: &FlyteEmulator) -> Vec<String> {
    let [org, project, domain] = emulator.place();
    let (id, secret) = emulator.client();
    let at = |name: &str| home.path().join(name).display().to_string();
    let script = Path::new(SCRIPTS).join("flyte_connect.py").display().to_string();
    let (url, config) = (emulator.base_url(), at("ssh_config"));
    ["-I", "-B", &script, &at(""), &url, org, project, domain, id, secret, RUN, &config].map(str::to_owned).to_vec()
}
