//! What the benchmarks share: the release binary, a quiet command, medians of runs in turns.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The command as users have it.
pub(crate) fn build_release() -> Result<PathBuf, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--quiet", "-p", "anyssh"])
        .status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"].as_str().ok_or("no target directory")?;
    Ok(Path::new(target).join("release/anyssh"))
}

/// A command with a home and nothing else, whose output nobody reads.
pub(crate) fn quiet(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Medians in milliseconds over so many interleaved rounds.
pub(crate) fn medians<const N: usize>(rounds: usize, commands: [Command; N]) -> Result<[f64; N], Box<dyn Error>> {
    medians_with(rounds, commands, || {})
}

/// The same with something to do before each run, which is not counted.
pub(crate) fn medians_with<const N: usize>(
    rounds: usize,
    mut commands: [Command; N],
    mut before: impl FnMut(),
) -> Result<[f64; N], Box<dyn Error>> {
    let mut times = [const { Vec::new() }; N];
    for round in 0..rounds + 2 {
        for (command, times) in commands.iter_mut().zip(&mut times) {
            before();
            let start = Instant::now();
            let status = command.status()?;
            if !status.success() {
                return Err(format!("{command:?}: {status}").into());
            }
            // The first rounds warm caches up.
            if round >= 2 {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }))
}
