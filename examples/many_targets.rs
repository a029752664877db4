//! Twenty targets at once: twenty sessions, twenty real `ssh`, nothing left afterwards.
//!
//! `cargo run -p anyssh-examples --bin many_targets`
#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use anyssh_examples::{private_directory, ssh};
use anyssh_sdk::openssh::{LaunchOptions, Launcher, RemoteCommand};
use anyssh_sdk::{Cancel, Connection, Provider, RequestOptions, Settings, capture};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = private_directory()?;
    let launcher = Arc::new(Launcher::new(ssh()?, directory.path().join("run")));
    let provider = Provider::builtin("mock", &Settings::new())?;

    let mut running = JoinSet::new();
    for number in 0..20 {
        let (provider, launcher, state) = (provider.clone(), Arc::clone(&launcher), directory.path().join("state"));
        let options =
            LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["echo", &number.to_string()])?);
        running.spawn(async move {
            let request = provider.request("certificate", &RequestOptions::new(Duration::from_secs(60)))?;
            let connection = Connection::new(&launcher, &options, &state);
            let finished = capture(&provider, &request, &connection, &Cancel::never()).await?;
            Ok::<_, anyssh_sdk::Error>(String::from_utf8_lossy(&finished.value.stdout).trim().to_owned())
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = running.join_next().await {
        answers.push(answer??.parse::<u32>()?);
    }
    answers.sort_unstable();
    println!("{} targets answered: {answers:?}", answers.len());
    Ok(())
}
