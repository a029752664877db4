//! Where a provider runs: what it may know of the place and do there, handed in, never looked up.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::Progress;

/// Looks up a variable by its name.
type Variable = Arc<dyn Fn(&str) -> Option<SecretString> + Send + Sync>;

/// Opens a URL in a browser.
type Browser = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;

/// What a provider may know of the place it runs in, and do there. Nothing unless it is handed in.
///
/// Some vendors' own files lie in the home or the working directory, name a variable that holds a
/// secret, or ask for a login in the browser. A provider reads no environment, so whoever builds it
/// says what there is: the command what a user's shell has, a server perhaps nothing.
///
/// ```
/// use anyssh_core::{Settings, Surroundings};
/// let settings = Settings::new().with_surroundings(Surroundings::none().with_home("/home/me"));
/// assert_eq!(settings.surroundings().home(), Some("/home/me".as_ref()));
/// assert!(settings.surroundings().variable("HOME").is_none());
/// ```
#[derive(Clone)]
pub struct Surroundings {
    home: Option<PathBuf>,
    working_dir: Option<PathBuf>,
    variable: Option<Variable>,
    browser: Option<Browser>,
    notes: Progress,
}

impl Surroundings {
    /// No directories, no variables, no browser, and nobody who reads notes.
    pub fn none() -> Self {
        Self { home: None, working_dir: None, variable: None, browser: None, notes: Progress::silent() }
    }

    /// The same with the user's home directory.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// The same with the directory that relative paths are meant from.
    #[must_use]
    pub fn with_working_dir(mut self, working_dir: impl Into<PathBuf>) -> Self {
        self.working_dir = Some(working_dir.into());
        self
    }

    /// The same with a look-up for variables that a vendor's file names.
    #[must_use]
    pub fn with_variables(mut self, variable: impl Fn(&str) -> Option<SecretString> + Send + Sync + 'static) -> Self {
        self.variable = Some(Arc::new(variable));
        self
    }

    /// The same with a way to open a URL in the user's browser. It must not wait for the browser's end.
    #[must_use]
    pub fn with_browser(mut self, open: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.browser = Some(Arc::new(open));
        self
    }

    /// The same with a listener for what the user should read and keep, whatever is being done.
    #[must_use]
    pub fn with_notes(mut self, notes: Progress) -> Self {
        self.notes = notes;
        self
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The directory that relative paths are meant from.
    pub fn working_dir(&self) -> Option<&Path> {
        self.working_dir.as_deref()
    }

    /// The value of a variable that a vendor's file names; whoever looks one up treats it as a secret.
    pub fn variable(&self, name: &str) -> Option<SecretString> {
        self.variable.as_ref().and_then(|variable| variable(name))
    }

    /// Opens `url` in the user's browser.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is none, or what kept it from being started.
    pub fn open_browser(&self, url: &str) -> io::Result<()> {
        match &self.browser {
            Some(open) => open(url),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no browser here")),
        }
    }

    /// Says something that the user should read and keep: a file that was skipped, a code to type.
    pub fn note(&self, text: &str) {
        self.notes.tell(text);
    }
}

impl Default for Surroundings {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("home", &self.home)
            .field("working_dir", &self.working_dir)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_handed_in_is_not_there() {
        let none = Surroundings::none();
        assert!(none.home().is_none() && none.working_dir().is_none() && none.variable("PATH").is_none());
        assert_eq!(none.open_browser("https://a.example").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
