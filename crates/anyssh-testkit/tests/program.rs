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

/// Both ways to a pod that takes the user's key: a script names it, or a run is started again with it.
#[test]
fn flyte_has_a_debug_run_and_one_to_start_again_unless_a_script_says_otherwise() {
    let running = Running::start(&["flyte"], Stdio::piped());
    assert_eq!(running.targets, ["pond-dbg", "newt (over: to be started again)"]);
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

const PAGE: &str = include_str!("../../../docs/testing-with-anyssh.md");

/// What is said about a script of this text.
fn refusal(vendor: &str, text: &str) -> String {
    let file = tempfile::NamedTempFile::with_suffix(".json").unwrap();
    std::fs::write(file.path(), text).unwrap();
    let words = [vendor, "--script", file.path().to_str().unwrap()];
    // Should it start, its input is over.
    let output = Command::new(PROGRAM).args(words).stdin(Stdio::piped()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{said}");
    assert!(said.starts_with(&format!("error: --script {}: ", file.path().display())), "{said}");
    said
}

/// What is known, as an unknown word is told.
fn known(said: &str) -> Vec<String> {
    said.split("expected one of ").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_word_of_a_script_is_in_the_help_and_on_the_page() {
    let help = Command::new(PROGRAM).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let listed = |name: &str| -> Vec<String> {
        let line = help.lines().find_map(|line| line.strip_prefix(&format!("  {name:<8} "))).unwrap();
        line.split(", ").map(str::to_owned).collect()
    };
    let fault = known(&refusal("dedalus", r#"{"faults": [{"?": 1}]}"#));
    assert_eq!(fault, listed("a fault"));
    let mut words = fault;
    for vendor in ["dedalus", "flyte", "leap0"] {
        let known = known(&refusal(vendor, r#"{"?": 1}"#));
        assert_eq!(known, listed(vendor));
        words.extend(known);
    }
    for (vendor, script) in [
        ("dedalus", r#"{"machines": [{"?": 1}]}"#),
        ("dedalus", r#"{"wake": [{"?": 1}]}"#),
        ("flyte", r#"{"runs": [{"name": "r", "boot": [{"?": 1}]}]}"#),
        ("flyte", r#"{"runs": [{"name": "r", "boot": [{"phase": "?"}]}]}"#),
        ("flyte", r#"{"token_form": "?"}"#),
        ("flyte", r#"{"tunnels": {"cut_after": 1, "cut": "?"}}"#),
        ("flyte", r#"{"watching": {"?": 1}}"#),
        ("leap0", r#"{"sandboxes": [{"?": 1}]}"#),
    ] {
        words.extend(known(&refusal(vendor, script)));
    }
    let missing: Vec<&String> = words.iter().filter(|word| !is_on_the_page(word)).collect();
    assert!(missing.is_empty() && words.len() > 60, "not on the page: {missing:?}");
}

/// As a word of its own: `word`, `"word"` or `"word":`.
fn is_on_the_page(word: &str) -> bool {
    [format!("`{word}`"), format!("\"{word}\"")].iter().any(|word| PAGE.contains(word))
}

#[test]
fn a_script_that_does_not_fit_is_told_with_its_field_its_line_and_what_was_expected() {
    for (vendor, script, said) in [
        (
            "dedalus",
            "{\n\"lifetime_seconds\": \"1h\"}",
            "lifetime_seconds: invalid type: string \"1h\", expected u64 at line 2",
        ),
        ("dedalus", "{\"machines\": [\n{}]}", "missing field `id` at line 2"),
        (
            "leap0",
            "{\"faults\": [{\"method\": \"GET\", \"path\": \"x\"}]}",
            "faults: GET x: path: expected one that begins with /",
        ),
        ("leap0", "{\"passwords\": 7}", "passwords: invalid type: integer `7`, expected a sequence at line 1"),
        (
            "flyte",
            "{\"authorized_keys\": [\"ssh-ed25519 x\"]}",
            "authorized_keys: \"ssh-ed25519 x\": expected one line of",
        ),
        (
            "flyte",
            "{\"relaunched\": [{\"phase\": \"queued\", \"answers\": 0}]}",
            "relaunched: stage 1: answers: expected 1 or more",
        ),
        ("flyte", "{\"tls\": 1,}", "tls: invalid type: integer `1`, expected a boolean at line 1"),
        ("flyte", "{\"runs\": [],", "EOF while parsing a value at line 1"),
    ] {
        let refused = refusal(vendor, script);
        assert!(refused.contains(said), "{refused}");
    }
    assert!(refusal("flyte", "[]").contains("expected an object"));
}

/// Flyte: a route that is late, and a tunnel that is cut; over TLS the client is told which authority to trust.
#[test]
fn a_script_of_flytes_is_followed() {
    let script = tempfile::NamedTempFile::new().unwrap();
    let text = r#"{
        "runs": [{"name": "pond-dbg", "boot": [{"phase": "queued"}, {"phase": "running"}]}],
        "plain_runs": ["pond"], "tls": true, "token_form": "opaque", "watching": {"ends_after": 1},
        "tunnels": {"cut_after": 1000, "cut": "rst"}, "clock_ahead_seconds": 60
    }"#;
    std::fs::write(script.path(), text).unwrap();
    let running = Running::start(&["flyte", "--script", script.path().to_str().unwrap()], Stdio::piped());
    assert_eq!(running.targets, ["pond-dbg", "pond (over: to be started again)"]);
    assert!(running.variables["FLYTE_ADMIN_ENDPOINT"].starts_with("https://127.0.0.1:"));
    let authority = std::fs::read_to_string(&running.variables["FLYTE_ADMIN_CACERTFILEPATH"]).unwrap();
    assert!(authority.contains("BEGIN CERTIFICATE") && !running.variables.contains_key("FLYTE_ADMIN_INSECURE"));
}

#[test]
fn every_variable_is_on_the_page() {
    for words in [&["dedalus", "--without-gateway"][..], &["flyte"], &["leap0", "--without-gateway"]] {
        let running = Running::start(words, Stdio::piped());
        let missing: Vec<&String> =
            running.variables.keys().filter(|name| !PAGE.contains(&format!("`{name}`"))).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
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
