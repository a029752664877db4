//! A session and the plan for its `ssh`, without running it: for programs that launch by themselves.
//!
//! `cargo run -p anyssh-examples --bin launch_yourself`
#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::error::Error;
use std::time::Duration;

use anyssh_examples::private_directory;
use anyssh_sdk::openssh::{LaunchOptions, RemoteCommand, plan};
use anyssh_sdk::{Cancel, Provider, RequestOptions, Settings, with_session};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = private_directory()?;
    let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["uptime"])?);
    let provider = Provider::builtin("mock", &Settings::new())?;
    let request = provider.request("certificate", &RequestOptions::new(Duration::from_secs(30)))?;

    let cancel = Cancel::never();
    let planned = with_session(&provider, &request, &cancel, async |session| {
        // `Debug` of both values is safe to log: it shows no secret.
        println!("{session:?}");
        plan(session, &options, directory.path(), None)
    });
    let plan = planned.await?.value?;

    for file in &plan.files {
        println!("write {file:?} with mode 0600 into {}", directory.path().display());
    }
    let words: Vec<_> = plan.arguments.iter().map(|word| word.to_string_lossy()).collect();
    println!("run ssh {}", words.join(" "));
    Ok(())
}
