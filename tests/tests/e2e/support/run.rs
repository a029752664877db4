//! One run of the command: started in a session of its own, so that it has no terminal, and waited for.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;

use super::{Home, PATIENCE, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_anyssh-under-test");

/// The keys of an error or warning object, in the order of the alphabet.
const KEYS: [&str; 9] = ["code", "field", "hint", "kind", "message", "operation", "provider", "retryable", "target"];

/// A run that is to come.
#[derive(Clone, Debug)]
pub(crate) struct Anyssh {
    words: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    shell: String,
    stdin: Option<Vec<u8>>,
    uid: Option<u32>,
    program: OsString,
}

impl Anyssh {
    pub(super) fn new(home: &Home, words: &[&str]) -> Self {
        let environment =
            vec![("HOME".into(), home.path().into()), ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
        Self {
            words: words.iter().map(OsString::from).collect(),
            environment,
            shell: r#"exec "$0" "$@""#.to_owned(),
            stdin: None,
            uid: None,
            program: PROGRAM.into(),
        }
    }

    /// The same with one more word.
    pub(crate) fn word(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// The same with a variable set, or set anew.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// The same without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The same, started by this shell script, where `"$0" "$@"` is the command.
    pub(crate) fn shell(mut self, script: &str) -> Self {
        self.shell = script.to_owned();
        self
    }

    /// The same with input; without it the input is `/dev/null`.
    pub(crate) fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// The same as another user, without further groups.
    pub(crate) fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// Another program in the same environment.
    pub(crate) fn program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    /// The command for a terminal of its own: there the shell script is left out.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words).envs(self.environment.iter().cloned()).env("TERM", "xterm").current_dir("/");
        command
    }

    /// Starts it.
    pub(crate) fn start(self) -> Running {
        // A session of its own has no terminal and is a process group that a test can signal as a whole.
        let mut command = Command::new("/usr/bin/setsid");
        command.args(["/bin/sh", "-c", &self.shell]).arg(self.program).args(self.words);
        command.env_clear().envs(self.environment);
        command.stdin(if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid).current_dir("/");
        }
        let mut child = command.spawn().unwrap();
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.stdin) {
            // The command may end before it has read everything.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let stdout = Reader::of(child.stdout.take().unwrap());
        let stderr = Reader::of(child.stderr.take().unwrap());
        Running { child, stdout, stderr, since: Instant::now() }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ran {
        self.start().finish()
    }
}

/// A run that goes on. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Reader,
    stderr: Reader,
    since: Instant,
}

impl Running {
    /// What stdout holds so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What stderr holds so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until stdout holds this.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) {
        until(&format!("{text} on stdout; stderr: {}", self.stderr()), || self.stdout().contains(text));
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A signal to the command alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// A signal to the command and what it started, as a terminal sends them.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).unwrap();
    }

    /// Waits for its end and for the end of its streams: whatever it started has to be gone too.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        let mut status = None;
        until("the end of the command", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let took = self.since.elapsed();
        let status = status.unwrap();
        let (stdout, stderr) = (self.stdout.end(), self.stderr.end());
        // A signal that killed it is a negative number, so that nobody takes it for an exit status.
        let status = status.code().unwrap_or_else(|| -status.signal().unwrap());
        Ran { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned(), took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _gone_already = kill_process_group(self.pid(), Signal::KILL);
            drop(self.child.wait());
        }
    }
}

/// A run that is over.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// The exit status; negative if a signal killed it.
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ran {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The exit status has to be this.
    #[track_caller]
    pub(crate) fn exits(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "stdout: {} stderr: {}", self.text(), self.stderr);
        self
    }

    /// The lines on stderr.
    pub(crate) fn lines(&self) -> Vec<&str> {
        self.stderr.lines().collect()
    }

    /// The one JSON document on stdout, on one line.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = self.text();
        assert_eq!(text.matches('\n').count(), 1, "one line: {text} stderr: {}", self.stderr);
        serde_json::from_str(&text).unwrap()
    }

    /// The one error on stderr; it has all keys and no more.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let mut errors = self.objects("error");
        assert_eq!(errors.len(), 1, "stderr: {}", self.stderr);
        errors.remove(0)
    }

    /// The warnings on stderr; they have all keys and no more.
    #[track_caller]
    pub(crate) fn warnings(&self) -> Vec<Value> {
        self.objects("warning")
    }

    #[track_caller]
    fn objects(&self, label: &str) -> Vec<Value> {
        let lines = self.stderr.lines().filter(|line| line.starts_with(&format!("{{\"{label}\":")));
        let objects = lines.map(|line| serde_json::from_str::<Value>(line).unwrap()[label].clone());
        objects.inspect(|object| assert_eq!(keys(object), KEYS, "{object}")).collect()
    }
}

/// The keys of an object in the order of the alphabet.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Reads a stream on a thread of its own.
#[derive(Debug)]
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Reader {
    fn of(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (sender, ended) = channel();
        let into = Arc::clone(&bytes);
        std::thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(count @ 1..) = stream.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..count]);
            }
            let _nobody_waits = sender.send(());
        });
        Self { bytes, ended }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    #[track_caller]
    fn end(&self) -> Vec<u8> {
        self.ended.recv_timeout(PATIENCE).expect("a process outlives the command and holds its streams");
        self.bytes.lock().unwrap().clone()
    }
}
