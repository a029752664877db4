//! Python with the vendors' SDKs, in an environment of its own below the target directory.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/requirements.txt");

/// All of PyPI's answers together, and a script.
const PATIENCE: Duration = Duration::from_secs(180);

/// What to do when it does not work; a skipped test would prove nothing.
const HINT: &str = "the official SDKs come from PyPI, once: run the tests with network and with Debian's python3-venv";

/// Runs a script with the SDKs and an empty environment, and returns the JSON that it prints.
#[track_caller]
pub(super) fn run(script: &str, words: &[&str]) -> Value {
    let mut command = Command::new(environment().join("bin/python"));
    command.args(["-I", "-B", script]).args(words).env_clear();
    let output = finish(command, script);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The environment, made if it is not there or was made for other requirements.
pub(crate) fn environment() -> PathBuf {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (directory, made_for) = (base.join("python"), base.join("python/made-for.txt"));
    // Two test runs at once make it once.
    let lock = OpenOptions::new().create(true).append(true).open(base.join("python.lock")).unwrap();
    lock.lock().unwrap();
    let wanted = std::fs::read(REQUIREMENTS).unwrap();
    if std::fs::read(&made_for).is_ok_and(|made| made == wanted) && directory.join("bin/python").is_file() {
        return directory;
    }
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&directory);
    finish(venv, "python3 -m venv");
    let mut pip = Command::new(directory.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--only-binary", ":all:", "--retries", "2", "--timeout", "15", "-r", REQUIREMENTS]);
    finish(pip, "pip install");
    std::fs::copy(REQUIREMENTS, &made_for).unwrap();
    directory
}

/// Waits for the end of a command that has to succeed.
#[track_caller]
fn finish(mut command: Command, what: &str) -> Output {
    let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdin(Stdio::null()).stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}; {HINT}"));
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: not done after {PATIENCE:?}; {HINT}");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let output = Output { status, stdout: read(stdout), stderr: read(stderr) };
    assert!(status.success(), "{what}: {}; {HINT}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Files and not pipes: what a grandchild holds open does not keep the test waiting.
fn read(mut file: File) -> Vec<u8> {
    use std::io::{Read as _, Seek as _};
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}
