//! The same as `quickstart`, for a program without an async runtime.
//!
//! `cargo run -p anyssh-examples --bin blocking`
#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::time::Duration;

use anyssh_examples::{private_directory, ssh};
use anyssh_sdk::openssh::{LaunchOptions, Launcher, RemoteCommand};
use anyssh_sdk::{Connection, Provider, RequestOptions, Settings, blocking};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = private_directory()?;
    let launcher = Launcher::new(ssh()?, directory.path().join("run"));
    let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["echo hello"])?);

    let provider = Provider::builtin("mock", &Settings::new())?;
    let request = provider.request("certificate", &RequestOptions::new(Duration::from_secs(30)))?;
    let connection = Connection::new(&launcher, &options, directory.path());
    let finished = blocking::capture(&provider, &request, &connection)?;

    print!("{}", String::from_utf8_lossy(&finished.value.stdout));
    Ok(())
}
