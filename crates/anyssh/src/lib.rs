//! The `anyssh` command as a function, for our own binary and for anybody's.
//!
//! A program with a provider of its own gets the whole command:
//!
//! ```no_run
//! use anyssh_core::{ErrorKind, ProviderError, ProviderInfo};
//!
//! static DUCK: ProviderInfo = ProviderInfo::new("duck", "Ponds of Duck Inc.", |_settings| {
//!     Err(ProviderError::new(ErrorKind::Local, "no pond here"))
//! });
//!
//! fn main() -> std::process::ExitCode {
//!     anyssh::main(&[anyssh::BUILTIN, &[&DUCK]].concat())
//! }
//! ```
//!
//! The way of a call: words (`args`) and settings become an invocation, one file under `commands`
//! runs it on the library, and `report` turns what came of it into messages and an exit status. This
//! is the only crate that reads the environment and writes to the standard streams.

mod args;
mod browser;
mod commands;
mod config_file;
mod console;
mod context;
mod duration;
mod environment;
mod hints;
mod interrupt;
mod invocation;
mod layers;
mod options;
mod paths;
mod progress;
mod prompt;
mod provider_list;
mod refused_words;
mod report;
mod ssh_args;
mod surroundings;
mod views;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use anyssh_core::ProviderInfo;
pub use anyssh_sdk::BUILTIN;
use anyssh_sdk::Kind;

use crate::context::Context;
use crate::environment::Environment;
use crate::options::ErrorFormat;
use crate::report::Report;

/// Runs the command with these providers and the process's own words, environment and streams.
///
/// The first thing it does is to answer `ssh`, should ssh have started this program for its password
/// prompt or to carry its bytes: then it does not return. So call it first in `main`.
pub fn main(providers: &[&'static ProviderInfo]) -> ExitCode {
    anyssh_sdk::helper::run_if_asked();
    forbid_core_dumps();
    let environment = Environment::read();
    let words: Vec<_> = std::env::args_os().collect();
    ExitCode::from(run(providers, &environment, &words))
}

fn run(providers: &[&'static ProviderInfo], environment: &Environment, words: &[std::ffi::OsString]) -> u8 {
    match invocation::parse(providers, environment, words) {
        Ok(invocation::Parsed::Text(text)) => console::print_text(&text),
        Ok(invocation::Parsed::Help(text)) => match options::error_format_of(environment, words) {
            ErrorFormat::Human => {
                console::error_text(&text);
                Kind::Usage.code()
            }
            ErrorFormat::Json => {
                Report::usage("a provider or a command is missing").print(ErrorFormat::Json).exit_status(false)
            }
        },
        Ok(invocation::Parsed::Invocation(invocation, options)) => {
            let format = options.error_format;
            let connects = invocation.connects();
            let context = Context::new(providers, environment, words, *options);
            match context.and_then(|context| without_panic(|| commands::run(context, &invocation))) {
                Ok(status) => status,
                Err(report) => report.print(format).exit_status(connects),
            }
        }
        Err(report) => {
            let format = options::error_format_of(environment, words);
            Report::print(*report, format).exit_status(false)
        }
    }
}

/// What `work` gives, or an error in place of a panic: a fault in somebody's provider has an exit status
/// of the table too. What was panicked with is on stderr already.
fn without_panic(work: impl FnOnce() -> Result<u8, Box<Report>>) -> Result<u8, Box<Report>> {
    // Nothing that `work` saw is looked at again.
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_panic| {
        let hint = "this is a fault in anyssh or in the provider: report it with the lines above";
        Err(Report::local("the program panicked").with_hint(hint).boxed())
    })
}

/// Secrets in memory stay out of core files (K6). Where the limit cannot be set nothing else is lost.
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _refused = setrlimit(Resource::Core, none);
}
