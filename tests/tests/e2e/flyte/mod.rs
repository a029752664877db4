//! `anyssh flyte` against the emulated control plane, and pods of ours and of the vendor's.

mod again;
mod attach;
mod drops;
mod other_key;
mod phases;
mod pod_side;
mod real_sshd;
mod routes;
mod ssh_config;
mod through_a_proxy;

use anyssh_testkit::emulator::{Emulator, FlyteBuilder, FlyteEmulator};
use anyssh_testkit::key;
use ssh_key::LineEnding;

use super::support::{Anyssh, Home, directory, file};

/// The emulator's usual debug run, and the route to its pod.
pub(super) const RUN: &str = "pond-dbg";
const ROUTE: &str = "/pods/pond-dbg/a0/1";

/// A home whose key pair for debug runs is that of `key(1)`, as if an earlier run had made it.
pub(super) fn home() -> Home {
    with_keys(Home::new())
}

fn with_keys(home: Home) -> Home {
    let keys = home.path().join(".flyte/ssh-debug");
    directory(&home.path().join(".flyte"), 0o700);
    directory(&keys, 0o700);
    file(&keys.join("id_ed25519"), &key(1).to_openssh(LineEnding::LF).unwrap(), 0o600);
    file(&keys.join("id_ed25519.pub"), &key(1).public_key().to_openssh().unwrap(), 0o644);
    home
}

/// A control plane whose pods let `key(1)` in.
pub(super) fn builder() -> FlyteBuilder {
    Emulator::flyte().with_authorized_key(key(1).public_key())
}

pub(super) fn anyssh(home: &Home, emulator: &FlyteEmulator, words: &[&str]) -> Anyssh {
    let config = home.beside("flyte.yaml");
    file(&config, &emulator.config("POND_SECRET"), 0o600);
    home.anyssh(words).env("FLYTECTL_CONFIG", config).env("POND_SECRET", emulator.client().1)
}

/// The requests so far with their answers' statuses, without those that only ask for the metadata of the
/// login.
fn asked(emulator: &FlyteEmulator) -> Vec<String> {
    let requests = emulator.requests().into_iter().filter(|request| !request.path.contains("AuthMetadata"));
    let name = |path: &str| path.rsplit_once("Service/").map_or(path, |(_, name)| name).to_owned();
    requests.map(|request| format!("{} {}", name(&request.path), request.status.unwrap_or(0))).collect()
}
