//! The program `anyssh-emulator`: an emulator for tests in any language.
//!
//! ```text
//! anyssh-emulator dedalus [--port N] [--script FILE] [--without-gateway]
//! anyssh-emulator flyte [--port N] [--script FILE]
//! anyssh-emulator leap0 [--generation 1|2] [--port N] [--script FILE] [--without-gateway]
//! ```
//!
//! It prints a line `export NAME='value'` for each variable that a client needs, with targets as comments,
//! and stays until it is stopped or its standard input ends.

mod boot_script;
mod dedalus;
mod end;
mod fault_script;
mod flyte;
mod leap0;
mod script;
mod vendors;
mod words;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use vendors::Running;
use words::Words;

/// Runs the program with the words, the streams and the signals of this process.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(why) | Failure::Script(why)) => {
            complain(&format!("error: {why}\n  hint: {}\n", words::usage()));
            ExitCode::from(2)
        }
        Err(Failure::Local(why)) => {
            complain(&format!("error: {why}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Why the program ends with an error.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// The words or the script do not fit.
    Usage(String),
    /// The script does not fit. Whoever knows its file's name makes [`Failure::Usage`] of it.
    Script(String),
    /// Something on this machine.
    Local(String),
}

impl Failure {
    fn in_script(self, file: Option<&Path>) -> Self {
        match (self, file) {
            (Self::Script(why), Some(file)) => Self::Usage(format!("--script {}: {why}", file.display())),
            (other, _) => other,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Local(error.to_string())
    }
}

fn run(words: &[std::ffi::OsString]) -> Result<(), Failure> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(write!(io::stdout().lock(), "{}", words::help())?);
    }
    let words = Words::parse(words)?;
    // Before anything is printed: whoever reads the lines may end us at once.
    let end = end::Watch::start()?;
    let running = (words.vendor.start)(&words).map_err(|failure| failure.in_script(words.script.as_deref()))?;
    print(&*running)?;
    end.wait();
    Ok(())
}

/// Prints what a client needs, and closes stdout: `$(anyssh-emulator … &)` has an end.
fn print(running: &dyn Running) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "# pid {}; stays until it is stopped or its standard input ends", std::process::id())?;
    for (name, value) in running.variables() {
        writeln!(stdout, "export {name}={}", quoted(&value))?;
    }
    for target in running.targets() {
        writeln!(stdout, "# target {target}")?;
    }
    stdout.flush()?;
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nowhere)?)
}

/// One word for every POSIX shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn complain(text: &str) {
    // Nobody is left to be told.
    let _ = io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_for_a_shell() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $x"), r"'it'\''s $x'");
    }
}
