//! `anyssh-emulator`: what it prints, when it ends, what it leaves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_anyssh-emulator");
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program; killed when it is dropped.
struct Running {
    child: Child,
    variables: BTreeMap<String, String>,
    targets: Vec<String>,
}

impl Running {
    fn start(words: &[&str], stdin: Stdio) -> Self {
        let mut command = Command::new(PROGRAM);
        let mut child = command.args(words).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
        let (mut variables, mut targets) = (BTreeMap::new(), Vec::new());
        // The lines have an end although the program goes on.
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
                let value = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap();
                variables.insert(name.to_owned(), value.to_owned());
            } else if let Some(target) = line.strip_prefix("# target ") {
                targets.push(target.to_owned());
            } else {
                assert!(line.starts_with("# pid "), "{line}");
            }
        }
        Self { child, variables, targets }
    }

    fn address(&self) -> &str {
        self.variables["DEDALUS_BASE_URL"].strip_prefix("http://").unwrap()
    }

    /// The status line of an answer.
    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let key = &self.variables["DEDALUS_API_KEY"];
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// It ends by itself with this status, and its port is free.
    fn ends(mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(TcpListener::bind(self.address()).expect("the port is free"));
        self.child.try_wait().unwrap().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_until_its_input_ends() {
    let mut running = Running::start(&["dedalus"], Stdio::piped());
    assert_eq!(running.variables.keys().collect::<Vec<_>>(), ["DEDALUS_API_KEY", "DEDALUS_BASE_URL"]);
    assert_eq!(running.targets, ["0199b1c2-0000-7000-8000-000000000001 (sleeping)"]);
    assert_eq!(running.get("/v1/machines"), "HTTP/1.1 200 OK");
    assert!(running.address().starts_with("127.0.0.1:"));
    running.child.stdin.as_mut().unwrap().write_all(b"not looked at\n").unwrap();
    assert_eq!(running.get("/v1/machines"), "HTTP/1.1 200 OK");
    drop(running.child.stdin.take());
    assert_eq!(running.ends(), Some(0));
}

/// What `ssh` would ask about stands in the lines.
#[test]
fn sandboxes_are_told_with_their_state_and_host_key() {
    let running = Running::start(&["leap0", "--generation=1"], Stdio::piped());
    assert_eq!(running.variables.keys().collect::<Vec<_>>(), ["LEAP0_API_KEY", "LEAP0_BASE_URL"]);
    let target = running.targets.concat();
    assert!(target.starts_with("sbx-abc123 (running, SHA256:") && target.ends_with(')'), "{target}");
}

#[test]
fn it_serves_until_a_signal_comes() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        // As a job in the background has it.
        let running = Running::start(&["dedalus", "--without-gateway"], Stdio::null());
        assert_eq!(running.get("/v1/machines"), "HTTP/1.1 200 OK");
        running.signal(signal);
        assert_eq!(running.ends(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_script_and_a_port_are_followed() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("it's a script.json");
    let text = r#"{
        "machines": [{"id": "0199b1c2-0000-7000-8000-00000000000a", "name": "pond", "phase": "running"}],
        "wake": [{"status": "wake_in_progress", "answers": 2, "hint_ms": 10}],
        "faults": [{"method": "GET", "path": "/v1/machines", "status": 503, "times": 2}]
    }"#;
    std::fs::write(&script, text).unwrap();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let words = ["dedalus", "--without-gateway", "--port", &free, "--script", script.to_str().unwrap()];
    let running = Running::start(&words, Stdio::piped());
    assert_eq!(running.address(), format!("127.0.0.1:{free}"));
    assert_eq!(running.targets, ["0199b1c2-0000-7000-8000-00000000000a (running)"]);
    let said: Vec<String> = (0..3).map(|_| running.get("/v1/machines")).collect();
    assert_eq!(said, ["HTTP/1.1 503 Service Unavailable", "HTTP/1.1 503 Service Unavailable", "HTTP/1.1 200 OK"]);
}

#[test]
fn what_does_not_fit_is_status_2_with_a_hint_and_nothing_starts() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("script.json");
    std::fs::write(&script, "{\"faults\": [{\"method\": \"GET\", \"path\": \"/x\", \"stauts\": 500}]}").unwrap();
    let file = script.to_str().unwrap();
    for (words, named) in [
        (&[][..], "vendor"),
        (&["duck"], "duck"),
        (&["dedalus", "--port", "x"], "--port"),
        (&["dedalus", "--generation", "1"], "--generation"),
        (&["leap0", "--generation", "3"], "--generation"),
        (&["dedalus", "--script", "/nowhere"], "/nowhere"),
        (&["dedalus", "--script", file], "stauts"),
    ] {
        let Output { status, stdout, stderr } =
            Command::new(PROGRAM).args(words).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), stdout.len()), (Some(2), 0), "{words:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(named) && said.contains("\n  hint: "), "{said}");
    }
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let _listening = TcpListener::bind(taken).unwrap();
    let words = ["dedalus", "--without-gateway", "--port", &taken.port().to_string()];
    let output = Command::new(PROGRAM).args(words).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_shell_can_take_the_lines_and_go_on() {
    let script = format!(
        "eval \"$('{PROGRAM}' dedalus --without-gateway </dev/null & echo \"EMULATOR=$!\")\"\n\
         echo \"$DEDALUS_BASE_URL\"; kill \"$EMULATOR\""
    );
    let output = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("http://127.0.0.1:"));
}
