//! Python with the vendors' SDKs, in an environment for each below the target directory.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// All of PyPI's answers together, and a script. On a busy machine the first run makes all environments at once.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to do when it does not work; a skipped test would prove nothing.
const HINT: &str = "the official SDKs come from PyPI, once: run the tests with network and with Debian's python3-venv";

/// Where the scripts and the requirements are.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// An SDK of a certain version, with everything below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sdk {
    /// The name of the requirements without `.txt`, and of the environment.
    name: &'static str,
}

impl Sdk {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Runs a script with the SDK and an empty environment, and returns the JSON that it prints.
    #[track_caller]
    pub(crate) fn run(self, script: &str, words: &[&str]) -> Value {
        let mut command = Command::new(self.python());
        command.args(arguments(script)).args(words).env_clear();
        let output = finish(command, script);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The Python that has it.
    pub(super) fn python(self) -> PathBuf {
        self.environment().join("bin/python")
    }

    /// The environment, made if it is not there or was made for other requirements.
    fn environment(self) -> PathBuf {
        let requirements = Path::new(DIRECTORY).join(format!("{}.txt", self.name));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.name);
        let made_for = directory.join("made-for.txt");
        // Two test runs at once make it once.
        let lock = directory.with_extension("lock");
        let lock = OpenOptions::new().create(true).append(true).open(lock).unwrap();
        lock.lock().unwrap();
        let wanted = std::fs::read(&requirements).unwrap();
        if std::fs::read(&made_for).is_ok_and(|made| made == wanted) && directory.join("bin/python").is_file() {
            return directory;
        }
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&directory);
        finish(venv, "python3 -m venv");
        let mut pip = Command::new(directory.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--only-binary", ":all:", "--retries", "2", "--timeout", "15", "-r"]).arg(&requirements);
        finish(pip, "pip install");
        std::fs::copy(&requirements, &made_for).unwrap();
        directory
    }
}

/// What runs a script: nothing of the user's own Python, and no files written beside it.
pub(super) fn arguments(script: &str) -> [OsString; 3] {
    ["-I".into(), "-B".into(), Path::new(DIRECTORY).join(script).into()]
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
