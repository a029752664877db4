//! What a provider may know of the user's shell, and do there: directories, variables, a browser.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};

use anyssh_core::secrecy::SecretString;
use anyssh_core::{Progress, Surroundings};

use crate::browser::Browser;
use crate::console;
use crate::environment::Environment;
use crate::options::{ErrorFormat, Options};

/// The variables that providers looked up because a file of their vendor's names them. They hold secrets, so
/// no child gets them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LookedUp(Arc<Mutex<BTreeSet<String>>>);

impl LookedUp {
    /// Their names.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }
}

/// The surroundings of the process that the user started.
pub(crate) fn of(environment: &Environment, options: &Options, browser: Browser, looked_up: &LookedUp) -> Surroundings {
    let mut surroundings = Surroundings::none().with_notes(notes(options));
    if let Some(home) = environment.home() {
        surroundings = surroundings.with_home(home);
    }
    if let Some(working_dir) = environment.working_dir() {
        surroundings = surroundings.with_working_dir(working_dir);
    }
    let (variables, looked_up) = (environment.clone(), looked_up.clone());
    let surroundings = surroundings.with_variables(move |name| {
        let value = variables.text(name).ok().flatten().map(SecretString::from);
        if value.is_some() {
            looked_up.add(name);
        }
        value
    });
    surroundings.with_browser(move |url| browser.open(url))
}

/// Notes for people: not with `--quiet`, and not where a program reads stderr.
fn notes(options: &Options) -> Progress {
    if options.quiet || options.error_format != ErrorFormat::Human {
        return Progress::silent();
    }
    // A note may come while a line of progress stands on the terminal.
    let begin = if io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
    // A provider and its list of targets are built from the same settings, and say the same.
    let said: Mutex<BTreeSet<String>> = Mutex::default();
    Progress::new(move |text| {
        if said.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned()) {
            console::error_text(&format!("{begin}note: {text}\n"));
        }
    })
}
