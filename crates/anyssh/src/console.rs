//! Writing to the standard streams without ever panicking: a reader that went away is no failure.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use crate::report::Report;

/// Writes `text` to stdout. A closed pipe ends quietly; anything else (a full disk) is reported.
pub(crate) fn print(text: &str) -> Result<(), Box<Report>> {
    match print_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(cannot_write(&error)),
        _ => Ok(()),
    }
}

/// Writes `text` to stdout, where it matters that somebody got it.
pub(crate) fn print_all(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Why something could not be written to stdout.
pub(crate) fn cannot_write(error: &io::Error) -> Box<Report> {
    Report::local(format!("cannot write to standard output: {error}")).boxed()
}

/// Writes a help or version text and gives the exit status.
pub(crate) fn print_text(text: &str) -> u8 {
    match print(text) {
        Ok(()) => 0,
        Err(report) => report.print(crate::options::ErrorFormat::Human).exit_status(false),
    }
}

/// Writes `text` to stderr in one piece. If that fails there is nobody left to tell.
pub(crate) fn error_text(text: &str) {
    let mut stderr = io::stderr().lock();
    let _nobody_left = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

/// Writes a line of ssh's log to stderr. On a terminal that ssh has set to raw, a line feed alone would
/// leave the cursor where it is.
pub(crate) fn log_line(line: &str) {
    let end = if io::stderr().is_terminal() { "\r\n" } else { "\n" };
    error_text(&format!("{line}{end}"));
}
