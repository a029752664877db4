//! The test that is running, once more in a process of its own, where all that is printed is seen.
//!
//! Within the test harness of Rust `println!` goes into a buffer, and other tests print at the same time. So
//! the clause about printing runs its own test again: alone, without the buffer, and with its standard
//! streams in files while the provider works.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::file::{make_dir, put};

/// Names the directory for what is recorded, and which call is meant if a test has several.
const RECORD: &str = "ANYSSH_TESTKIT_RECORD";

const PATIENCE: Duration = Duration::from_secs(120);

thread_local! {
    /// How often this test has come by here.
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// What this process is to do.
#[derive(Debug)]
pub(super) enum Role {
    /// Run the test again, with these words for which call is meant.
    Asks(usize),
    /// Record into this directory.
    Records(PathBuf),
    /// Nothing: another call is meant.
    Passes,
}

/// Whether this process is one that records.
pub(super) fn is_recorded() -> bool {
    variable().is_some()
}

/// The role of this call.
pub(super) fn role() -> Role {
    let call = CALLS.get();
    CALLS.set(call + 1);
    match variable() {
        None => Role::Asks(call),
        Some((wanted, directory)) if wanted == call => Role::Records(directory),
        Some(_) => Role::Passes,
    }
}

#[allow(clippy::disallowed_methods, reason = "the word from our own parent process")]
fn variable() -> Option<(usize, PathBuf)> {
    let value = std::env::var(RECORD).ok()?;
    let (call, directory) = value.split_once(' ')?;
    Some((call.parse().ok()?, directory.into()))
}

/// What was seen of a provider at work.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// Names in the home, in `TMPDIR` and in the working directory that were not there before.
    pub(super) files: Vec<String>,
    /// Processes that it started and left running.
    pub(super) programs: Vec<String>,
    /// Whether processes have come and gone.
    pub(super) ran_programs: bool,
}

/// Runs the test of this thread again and tells what was recorded. `Err` is why it could not be.
pub(super) fn run_again(test: &str, call: usize) -> io::Result<Result<Seen, String>> {
    let scratch = tempfile::tempdir()?;
    let place = |name: &str| scratch.path().join(name);
    for name in ["home", "tmp", "record"] {
        make_dir(&place(name))?;
    }
    let mut command = Command::new(own_path()?);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(RECORD, format!("{call} {}", place("record").display()));
    command.env("HOME", place("home")).env("TMPDIR", place("tmp"));
    let output = File::from(new_file(&place("output"))?);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(Err("the test did not end in a process of its own".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let read =
        |name: &str| std::fs::read(place("record").join(name)).map(|text| String::from_utf8_lossy(&text).into_owned());
    if read("done").is_err() {
        return Ok(Err(format!("the test {test} does not run on its own")));
    }
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let (files, programs, ran_programs) = (lines(read("files")?), lines(read("programs")?), read("ran")? == "true");
    Ok(Ok(Seen { stdout: read("stdout")?, stderr: read("stderr")?, files, programs, ran_programs }))
}

/// Lets `work` happen with its standard streams in files below `directory`, and writes down what is new after it.
pub(super) async fn record(directory: &Path, work: impl Future<Output = ()>) -> io::Result<()> {
    let (files, programs, ended) = (files(), programs(), ended_programs());
    let (stdout, stderr) = (io::stdout().as_fd().try_clone_to_owned()?, io::stderr().as_fd().try_clone_to_owned()?);
    io::stdout().flush()?;
    dup2_stdout(new_file(&directory.join("stdout"))?)?;
    dup2_stderr(new_file(&directory.join("stderr"))?)?;
    work.await;
    let flushed = io::stdout().flush();
    dup2_stdout(stdout)?;
    dup2_stderr(stderr)?;
    flushed?;
    let new = |before: BTreeSet<String>, after: BTreeSet<String>| {
        after.difference(&before).map(|line| format!("{line}\n")).collect::<String>()
    };
    put(&directory.join("files"), new(files, self::files()), 0o600)?;
    put(&directory.join("programs"), new(programs, self::programs()), 0o600)?;
    put(&directory.join("ran"), (ended_programs() != ended).to_string(), 0o600)?;
    put(&directory.join("done"), "", 0o600)
}

/// What lies in the places where a careless program puts files.
#[allow(clippy::disallowed_methods, reason = "set by our own parent process for this one")]
fn files() -> BTreeSet<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let places = [home, Some(std::env::temp_dir()), std::env::current_dir().ok()];
    let entries = places.into_iter().flatten().filter_map(|place| std::fs::read_dir(place).ok()).flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

/// The children of this thread (proc(5), `/proc/PID/task/TID/children`); none where the system does not say.
/// Those of the fixture belong to its own threads.
fn programs() -> BTreeSet<String> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    let name = |id: &str| std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned();
    children.split_whitespace().map(|id| format!("{} ({id})", name(id))).collect()
}

/// What grows when a child of this process has ended and was waited for: the page faults of all of them, which no
/// program does without (proc(5), `cminflt` and `cmajflt` in `/proc/PID/stat`). Zero where the system does not say.
fn ended_programs() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in parentheses, may hold anything; field 3 comes behind it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let fields: Vec<&str> = fields.collect();
    [11, 13].iter().filter_map(|field| fields.get(field - 3)?.parse::<u64>().ok()).sum()
}

fn new_file(path: &Path) -> io::Result<OwnedFd> {
    use std::os::unix::fs::OpenOptionsExt as _;
    Ok(OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?.into())
}

#[allow(clippy::disallowed_methods, reason = "a test that starts itself")]
fn own_path() -> io::Result<PathBuf> {
    std::env::current_exe()
}
