//! `--identity` with the real `ssh`: a key in a file, behind a passphrase, in a real agent.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyssh_testkit::Terminal;
use anyssh_testkit::emulator::{Fault, Wake};
use rustix::process::Signal;

use super::{Home, MACHINE, PATIENCE, anyssh, assert_nothing_is_left, emulator, until};

/// Makes a key pair with this passphrase.
fn key_pair(file: &Path, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-C", "me@home", "-N", passphrase, "-f"]).arg(file);
    assert!(command.status().unwrap().success());
}

/// A real agent; dropping it ends it.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn with(home: &Home, key: &Path) -> Self {
        let socket = home.beside("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Its first words come when it listens.
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        until("the agent", || socket.exists());
        let agent = Self { child, socket };
        let add = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &agent.socket).status().unwrap();
        assert!(add.success());
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// K7: with a key of the caller's own, in a file.
#[test]
fn an_identity_of_ones_own_logs_in() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let file = home.beside("mine");
    key_pair(&file, "");
    let identity = file.to_str().unwrap();
    let ran = anyssh(&home, &emulator, &["dedalus", MACHINE, "--identity", identity, "--", "echo mine"]).run();
    assert_eq!(ran.exits(0).text(), "mine\n");
    assert_nothing_is_left(&home, &emulator);
    assert!(file.exists());
}

/// K7: the private half is in a real agent and nowhere else; `FILE` and `FILE.pub` both name it.
#[test]
fn a_key_in_an_agent_logs_in() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let file = home.beside("mine");
    key_pair(&file, "");
    let agent = Agent::with(&home, &file);
    std::fs::remove_file(&file).unwrap();
    for identity in [file.clone(), file.with_extension("pub")] {
        let words = ["-q", "dedalus", MACHINE, "--identity", identity.to_str().unwrap(), "--", "echo mine"];
        let ran = anyssh(&home, &emulator, &words).env("SSH_AUTH_SOCK", &agent.socket).run();
        assert_eq!((ran.exits(0).text().as_str(), ran.stderr.as_str()), ("mine\n", ""));
    }
    // Without the agent nobody has the other half.
    let words = ["--error-format=json", "dedalus", MACHINE, "--identity", file.to_str().unwrap(), "--", "true"];
    let error = anyssh(&home, &emulator, &words).run().exits(255).error();
    assert_eq!((&error["kind"], &error["operation"]), (&"auth".into(), &"connect".into()), "{error}");
    assert_nothing_is_left(&home, &emulator);
}

/// C6: the attempt holds the public half that was sent, so an interrupted creation is found and deleted.
#[test]
fn an_interrupted_creation_with_an_own_key_is_deleted() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let file = home.beside("mine");
    key_pair(&file, "");
    let path = format!("/v1/machines/{MACHINE}/ssh");
    // The session is made, and its answer comes one byte at a time.
    emulator.add_fault(Fault::on("POST", &path).slowly(1, Duration::from_secs(1)));
    let words = ["dedalus", MACHINE, "--identity", file.to_str().unwrap(), "--", "true"];
    let running = anyssh(&home, &emulator, &words).start();
    until("the create", || emulator.alive().len() == 1);
    running.signal(Signal::INT);
    running.finish().exits(130);
    assert_nothing_is_left(&home, &emulator);
}

/// K3: without a terminal nobody can be asked for the passphrase, and the error says what to look at.
#[test]
fn a_key_behind_a_passphrase_without_a_terminal_is_a_clear_error() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let file = home.beside("mine");
    key_pair(&file, "open sesame");
    let words = ["--error-format=json", "dedalus", MACHINE, "--identity", file.to_str().unwrap(), "--", "true"];
    let error = anyssh(&home, &emulator, &words).run().exits(255).error();
    assert_eq!((&error["kind"], &error["operation"]), (&"auth".into(), &"connect".into()), "{error}");
    assert_nothing_is_left(&home, &emulator);
}

/// K3: on a terminal `ssh` itself asks for the passphrase, and the key logs in.
#[test]
fn a_key_behind_a_passphrase_is_asked_for_on_the_terminal() {
    let (home, emulator) = (Home::new(), emulator(Wake::at_once()));
    let file = home.beside("mine");
    key_pair(&file, "open sesame");
    let words = ["-q", "dedalus", MACHINE, "--identity", file.to_str().unwrap(), "--", "echo opened; exit 4"];
    let command = anyssh(&home, &emulator, &words).command();
    let mut terminal = Terminal::spawn(&command).unwrap();
    terminal.wait_for("Enter passphrase for key", PATIENCE).unwrap();
    terminal.type_keys("open sesame\r").unwrap();
    terminal.wait_for("opened", PATIENCE).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 4);
    assert_nothing_is_left(&home, &emulator);
}
