//! What anyssh costs, beside what it runs: `cargo bench -p anyssh-tests`.
//!
//! Machines are noisy, so every number stands beside another one of the same run: rounds are
//! interleaved and medians compared. The aims are in docs/benchmarks.md.

#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod common;

use std::error::Error;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyssh_openssh::{LaunchOptions, Plan, RemoteCommand, plan};
use anyssh_sdk::{Cancel, Provider, RequestOptions, Settings, create_unless_cancelled};
use secrecy::ExposeSecret as _;

use common::{build_release, medians, quiet};

fn main() -> Result<(), Box<dyn Error>> {
    let anyssh = build_release()?;
    let home = tempfile::tempdir()?;
    let size = std::fs::metadata(&anyssh)?.len() as f64 / 1e6;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let plain = runtime.block_on(plain_ssh(home.path()))?;
    let mut connect = quiet(&anyssh, home.path());
    connect.args(["mock", "certificate", "--", "true"]);
    let [plain_ms, connect_ms] = medians(40, [plain, connect])?;

    let mut version = quiet(&anyssh, home.path());
    version.arg("--version");
    let [true_ms, version_ms] = medians(40, [quiet(Path::new("/bin/true"), home.path()), version])?;
    let memory = peak_memory(&anyssh, home.path())?;

    println!("| what | here | beside | difference or ratio | aim |");
    println!("|---|---|---|---|---|");
    let more = connect_ms - plain_ms;
    println!(
        "| `anyssh mock certificate -- true` | {connect_ms:.1} ms | plain ssh, same files and server: {plain_ms:.1} ms | {more:+.1} ms | +25 ms |"
    );
    let more = version_ms - true_ms;
    println!("| `anyssh --version` | {version_ms:.2} ms | /bin/true: {true_ms:.2} ms | {more:+.2} ms | +3 ms |");
    println!("| size of the program | {size:.1} MB | | | 10 MB |");
    println!("| peak memory of a connect | {memory:.1} MiB | | | 15 MiB |");
    Ok(())
}

/// A session that lives as long as the process, its files written, and the `ssh` that uses them.
async fn plain_ssh(home: &Path) -> Result<Command, Box<dyn Error>> {
    let provider = Provider::builtin("mock", &Settings::new())?;
    let request = provider.request("certificate", &RequestOptions::new(Duration::from_secs(30)))?;
    let session = create_unless_cancelled(&provider, &request, &Cancel::never()).await?;
    let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["true"])?);
    let plan: Plan = plan(&session, &options, home, None)?;
    for file in &plan.files {
        let mut open = std::fs::OpenOptions::new();
        open.write(true)
            .create_new(true)
            .mode(0o600)
            .open(home.join(file.name))?
            .write_all(file.contents.expose_secret())?;
    }
    // The server ends with its provider, and it is needed until the end of this process.
    std::mem::forget(provider);
    let mut command = quiet(Path::new("/usr/bin/ssh"), home);
    command.args(&plan.arguments);
    Ok(command)
}

/// The most memory that a connect had at once, in MiB, read while its remote command still runs.
fn peak_memory(anyssh: &Path, home: &Path) -> Result<f64, Box<dyn Error>> {
    let mut child = quiet(anyssh, home)
        .args(["mock", "certificate", "--", "read line; cat /dev/zero | head -c 50000000"])
        .stdin(Stdio::piped())
        .spawn()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0.0_f64;
    let mut input = child.stdin.take();
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        peak = peak.max(kib / 1024.0);
        // A first look was had: now the transfer may run.
        if let Some(mut input) = input.take_if(|_| kib > 0.0) {
            input.write_all(b"\n")?;
        }
    }
    Ok(peak)
}
