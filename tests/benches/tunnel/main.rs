//! What a tunnel costs, beside the vendor's `flyte-ws-proxy` and beside plain TCP to the same server:
//! `cargo bench -p anyssh-tests --bench tunnel`.
//!
//! Rounds are interleaved and medians compared, so each number stands beside one of the same minute. Needs
//! `socat`, and PyPI for the first run.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "it starts itself again, and is no library")]
#![allow(clippy::unwrap_used, reason = "the Python environments are made by the tests' own code")]

mod carry;
#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the other benchmarks use the rest")]
mod common;
mod flyte;
#[path = "../../tests/sdk/python.rs"]
#[allow(dead_code, reason = "the tests also run scripts for what they print")]
mod python;
mod sessions;

use std::error::Error;

use common::build_release;
use python::Sdk;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// `flyte` and `flyteplugins-union`, with `flyte-ws-proxy`.
const OFFICIAL: Sdk = Sdk::new("flyte_sdk");

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, word, url] = &words[..]
        && word == "pump"
    {
        return carry::pump_of_ours(url);
    }
    let anyssh = build_release()?;
    let theirs = OFFICIAL.python().with_file_name("flyte-ws-proxy");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("| what | anyssh | flyte-ws-proxy, SSHDebug | plain TCP | aim |");
    println!("|---|---|---|---|---|");
    carry::rows(&runtime, &theirs)?;
    sessions::rows(&runtime, &anyssh, &theirs)?;
    flyte::rows(&anyssh)?;
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
