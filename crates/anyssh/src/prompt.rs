//! Questions of trust, on the terminal itself: a host key never seen before, a file that lay nearby.

use std::fs::OpenOptions;
use std::future::Future;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::pin::Pin;

use anyssh_core::{UntrustedFile, escape};
use anyssh_openssh::{Answer, HostKeyQuestion};

/// The longest answer that is read.
const LONGEST: u64 = 64;

/// Whether there is a terminal to ask on.
pub(crate) fn is_possible() -> bool {
    OpenOptions::new().read(true).write(true).open(TERMINAL).is_ok()
}

/// Asks on the terminal, whatever the standard streams are. Only `yes` is a yes.
pub(crate) fn ask(question: HostKeyQuestion) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    let HostKeyQuestion { host, port, key_type, fingerprint, .. } = question;
    // The question holds parsed values only, so it needs no escaping.
    let text = format!(
        "The host {host} (port {port}) has never been seen before.\n{key_type} key fingerprint is {fingerprint}.\n\
         The password is sent to it if you say yes. Trust this key from now on (yes/no)? "
    );
    Box::pin(async move { if ask_text(text).await { Answer::Yes } else { Answer::No } })
}

/// Asks whether a file that a provider came upon is trusted. Only `yes` is a yes.
pub(crate) async fn ask_about(provider: &str, file: &UntrustedFile) -> bool {
    let path = escape::printable(&file.path().display().to_string(), LONGEST_PATH);
    // What it would do was escaped by the provider; once more does no harm.
    let what = escape::printable(file.what(), LONGEST_PATH);
    ask_text(format!("{provider}: found {path}.\n{what}. Use it from now on (yes/no)? ")).await
}

/// The longest path that is shown, in characters.
const LONGEST_PATH: usize = 1024;

async fn ask_text(text: String) -> bool {
    // A blocked read must not keep signals from being seen, so it has a thread of its own.
    let unanswered = Unanswered;
    let answer = tokio::task::spawn_blocking(move || ask_now(&text)).await;
    std::mem::forget(unanswered);
    matches!(answer, Ok(Ok(true)))
}

/// Ends the line of a question that nobody waits for any more, so that what is said next has its own.
struct Unanswered;

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Ok(mut terminal) = OpenOptions::new().write(true).open(TERMINAL) {
            let _nobody_left = terminal.write_all(b"\n");
        }
    }
}

fn ask_now(text: &str) -> io::Result<bool> {
    use std::io::Read as _;
    let terminal = OpenOptions::new().read(true).write(true).open(TERMINAL)?;
    (&terminal).write_all(text.as_bytes())?;
    let mut answer = String::new();
    BufReader::new((&terminal).take(LONGEST)).read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

const TERMINAL: &str = "/dev/tty";
