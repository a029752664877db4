//! One command on one target, from a library: create, log in with the real `ssh`, revoke.
//!
//! `cargo run -p anyssh-examples --bin quickstart`
#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::time::Duration;

use anyssh_examples::{private_directory, ssh};
use anyssh_sdk::openssh::{LaunchOptions, Launcher, RemoteCommand};
use anyssh_sdk::{Cancel, Connection, Provider, RequestOptions, Settings, capture};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = private_directory()?;
    let launcher = Launcher::new(ssh()?, directory.path().join("run"));
    let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["echo", "hello from", "$0"])?);

    let provider = Provider::builtin("mock", &Settings::new())?;
    let request = provider.request("certificate", &RequestOptions::new(Duration::from_secs(30)))?;
    let connection = Connection::new(&launcher, &options, directory.path());
    let finished = capture(&provider, &request, &connection, &Cancel::never()).await?;

    print!("{}", String::from_utf8_lossy(&finished.value.stdout));
    println!("{:?}, then {:?}", finished.value.outcome, finished.revocation?);
    Ok(())
}
