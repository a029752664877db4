//! What may stand in which source file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{assert_none, files, read, rust_files};

/// A file beyond this has more than one job.
const LONGEST_FILE: usize = 400;

/// The files outside tests in which a secret is opened. Each one is a place to review: who gets the
/// text, and that it goes into no argument, environment, log or message (K1, K6).
const OPENS_SECRETS: &[&str] = &[
    // Whether a value fits or is empty.
    "crates/anyssh-core/src/credential.rs",
    "crates/anyssh-core/src/settings.rs",
    // Into requests, and out of messages.
    "crates/anyssh-http/src/header.rs",
    "crates/anyssh-http/src/redact.rs",
    // Into the private files of a launch, and over the askpass socket.
    "crates/anyssh-openssh/src/askpass.rs",
    "crates/anyssh-openssh/src/plan.rs",
    "crates/anyssh-openssh/src/run.rs",
    "crates/anyssh-openssh/src/tunnel_server.rs",
    // To compare with what a client sent.
    "crates/anyssh-server/src/password_login.rs",
    "crates/anyssh-server/src/web_socket_bridge/head.rs",
    "crates/anyssh-testkit/src/hostile.rs",
    // To log in as a session says, and to look for it where it must not be.
    "crates/anyssh-testkit/src/conformance/secrets.rs",
    "crates/anyssh-testkit/src/conformance/ssh.rs",
    // From settings into headers.
    "providers/dedalus/src/config.rs",
    "providers/leap0/src/config.rs",
    // Into the question whether it is good, and out of messages.
    "providers/leap0/src/api.rs",
    "providers/leap0/src/ready.rs",
    // Out of Flyte's settings and files: whether a value fits, a key's parts, a file's path.
    "providers/flyte/src/config/api_key.rs",
    "providers/flyte/src/config/found.rs",
    "providers/flyte/src/config/login.rs",
    "providers/flyte/src/config/values.rs",
    // Into the forms and headers of OAuth, out of its answers, and into the private files of tokens.
    "providers/flyte/src/auth/client_secret.rs",
    "providers/flyte/src/auth/device.rs",
    "providers/flyte/src/auth/kept.rs",
    "providers/flyte/src/auth/oauth.rs",
    "providers/flyte/src/auth/pkce.rs",
    "providers/flyte/src/auth/store.rs",
    // Into the headers of Flyte's control plane and of the way into a pod, and into files of the user's.
    "providers/flyte/src/api_key_app/apps.rs",
    "providers/flyte/src/api_key_app/place.rs",
    "providers/flyte/src/connect_rpc/client.rs",
    "providers/flyte/src/headers_file.rs",
    "providers/flyte/src/ingress.rs",
    // From a session into the header that the mock's own bridge asks for.
    "providers/mock/src/provider.rs",
    // What --show-secrets prints.
    "crates/anyssh/src/views.rs",
];

/// Words that would let the outside world into floor 0.
const NOT_IN_CORE: &[&str] = &[
    "std::fs",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::process",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
];

/// K6: the places that open a secret can be counted.
#[test]
fn secrets_are_opened_only_in_the_listed_files() {
    let opening: BTreeSet<PathBuf> =
        sources().into_iter().filter(|file| without_tests(&read(file)).contains("expose_secret(")).collect();
    let listed: BTreeSet<PathBuf> = OPENS_SECRETS.iter().map(PathBuf::from).collect();
    let unlisted = opening.difference(&listed).map(|file| format!("{}: opens a secret, not listed", file.display()));
    let stale = listed.difference(&opening).map(|file| format!("{}: listed, opens none", file.display()));
    assert_none("tests/tests/tidy/sources.rs: OPENS_SECRETS", &unlisted.chain(stale).collect::<Vec<_>>());
}

#[test]
fn no_source_file_is_too_long_to_have_one_job() {
    let mut long = Vec::new();
    for file in sources() {
        let lines = read(&file).lines().count();
        if lines > LONGEST_FILE {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert_none(&format!("more than {LONGEST_FILE} lines"), &long);
}

#[test]
fn core_asks_no_clock_and_touches_neither_files_nor_environment() {
    let mut violations = Vec::new();
    for file in files("crates/anyssh-core/src", "rs") {
        let text = without_tests(&read(&file));
        for word in NOT_IN_CORE.iter().filter(|word| text.contains(**word)) {
            violations.push(format!("{}: {word}", file.display()));
        }
    }
    assert_none("floor 0 holds words only", &violations);
}

#[test]
fn every_source_file_begins_with_what_it_is_for() {
    let silent = rust_files().into_iter().filter(|file| !read(file).starts_with("//!"));
    assert_none("no module doc", &silent.map(|file| file.display().to_string()).collect::<Vec<_>>());
}

/// The files that become part of a library, of the command or of an example.
fn sources() -> Vec<PathBuf> {
    let is_test = |file: &PathBuf| file.iter().any(|part| part == "tests" || part == "benches");
    rust_files().into_iter().filter(|file| !is_test(file)).collect()
}

/// The text before the tests at its end.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}
