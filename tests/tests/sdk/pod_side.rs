//! The pod side of a Flyte debug run, as the vendor ships it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyssh_testkit::Home;
use serde_json::Value;
use ssh_key::PublicKey;

use super::python::{Sdk, arguments};

/// `flyte` and `flyteplugins-union`.
pub(super) const FLYTE: Sdk = Sdk::new("flyte_sdk");

/// Python takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `SshServer` of asyncssh behind a `WsBridge`: the vendor's own code, on loopback ports that the
/// system chose. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct PodSide {
    child: Child,
    // Its end is the end of the pod.
    _stdin: ChildStdin,
    port: u16,
    ssh_port: u16,
    host_key: PublicKey,
    home: Home,
}

impl PodSide {
    /// A pod that this key logs in to.
    #[track_caller]
    pub(crate) fn start(authorized: &PublicKey) -> Self {
        let home = Home::new().unwrap();
        let mut command = home.command(FLYTE.python());
        command.args(arguments("flyte_pod.py")).arg(home.home()).arg(authorized.to_openssh().unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, said) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = said.recv_timeout(PATIENCE).unwrap_or_default();
        let Ok(said) = serde_json::from_str::<Value>(&line) else {
            let mut why = String::new();
            child.kill().unwrap();
            child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            child.wait().unwrap();
            panic!("the pod side said {line:?} and not where it is: {why}");
        };
        let port = |name: &str| said[name].as_u64().and_then(|port| port.try_into().ok()).unwrap();
        let (port, ssh_port) = (port("port"), port("ssh_port"));
        let host_key = PublicKey::from_openssh(said["host_key"].as_str().unwrap()).unwrap();
        Self { child, _stdin: stdin, port, ssh_port, host_key, home }
    }

    /// The port of the bridge, for `FlyteEmulator::lead_to`.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port of the SSH server, which is for whoever is inside already.
    pub(crate) fn ssh_port(&self) -> u16 {
        self.ssh_port
    }

    /// What it proves itself with.
    pub(crate) fn host_key(&self) -> &PublicKey {
        &self.host_key
    }

    /// The home of whoever logs in.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }
}

impl Drop for PodSide {
    fn drop(&mut self) {
        // What it would do at its ease is of no use to anybody now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
