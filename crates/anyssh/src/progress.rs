//! What is being waited for, on stderr: one line with a spinner on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyssh_core::Progress;
use tokio::task::JoinHandle;

use crate::console;
use crate::context::Context;

/// Progress of one command. [`finish`](Self::finish) takes it off the terminal, and so does its end: an
/// error, a panic or a second Ctrl-C is told on a line of its own.
#[derive(Debug)]
pub(crate) struct ProgressLine(Line);

/// What the listeners and the spinner share.
#[derive(Clone, Debug)]
struct Line(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    style: Style,
    provider: &'static str,
    message: String,
    since: Instant,
    spinner: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Nothing is shown.
    Silent,
    /// A line for each message.
    Lines,
    /// One line that is redrawn.
    Spinner,
}

impl ProgressLine {
    /// Progress as the options and the terminal allow; nothing is shown before the first message.
    pub(crate) fn start(context: &Context<'_>, provider: &'static str) -> Self {
        let dumb = context.environment.raw("TERM").is_none_or(|term| term == "dumb");
        let style = match (context.options.quiet, std::io::stderr().is_terminal() && !dumb) {
            (true, _) => Style::Silent,
            (false, true) => Style::Spinner,
            (false, false) => Style::Lines,
        };
        let state = State { style, provider, message: String::new(), since: Instant::now(), spinner: None };
        Self(Line(Arc::new(Mutex::new(state))))
    }

    /// The listener that a provider talks to.
    pub(crate) fn progress(&self) -> Progress {
        let line = self.0.clone();
        Progress::new(move |message| line.tell(message))
    }

    /// Takes the line off the terminal; later messages are not shown.
    pub(crate) fn finish(&self) {
        let mut state = self.0.state();
        if let Some(spinner) = state.spinner.take() {
            spinner.abort();
            console::error_text("\r\x1b[K");
        }
        state.style = Style::Silent;
    }

    /// A listener whose messages stay on the terminal: what the user should know afterwards too.
    pub(crate) fn notes(&self) -> Progress {
        let line = self.0.clone();
        Progress::new(move |message| line.note(message))
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Line {
    fn note(&self, message: &str) {
        let state = self.state();
        match state.style {
            Style::Silent => {}
            Style::Lines => console::error_text(&format!("{}: {message}\n", state.provider)),
            Style::Spinner => console::error_text(&format!("\r\x1b[K{}: {message}\n", state.provider)),
        }
    }

    fn tell(&self, message: &str) {
        let mut state = self.state();
        if state.message == message {
            return;
        }
        state.message = message.to_owned();
        match state.style {
            Style::Silent => {}
            Style::Lines => console::error_text(&format!("{}: {message}\n", state.provider)),
            Style::Spinner if state.spinner.is_none() => state.spinner = Some(tokio::spawn(spin(self.clone()))),
            Style::Spinner => {}
        }
    }

    fn draw(&self, frame: &str) {
        let state = self.state();
        if state.style == Style::Spinner {
            let seconds = state.since.elapsed().as_secs();
            console::error_text(&format!("\r\x1b[K{frame} {}: {} ({seconds} s)", state.provider, state.message));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn spin(line: Line) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for frame in ["|", "/", "-", "\\"].iter().cycle() {
        ticks.tick().await;
        line.draw(frame);
    }
}
