//! The system's browser, for logins that need one.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::console;
use crate::environment::Environment;

/// The program that opens a URL in the user's browser.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// A browser that may be opened, as far as there is one.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    opener: Option<PathBuf>,
    /// Variables that the browser does not get.
    hidden: Vec<OsString>,
}

impl Browser {
    /// The browser of a desktop session; a session without one has none. `hidden` are the names of
    /// variables that hold secrets.
    pub(crate) fn of(environment: &Environment, hidden: impl IntoIterator<Item = &'static str>) -> Self {
        let is_desktop = cfg!(target_os = "macos")
            || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| environment.raw(name).is_some());
        let opener = if is_desktop { find(environment.raw("PATH")) } else { None };
        Self { opener, hidden: hidden.into_iter().map(OsString::from).collect() }
    }

    /// Opens `url`, without waiting. Where there is a terminal the URL is shown as well, since the user may have a
    /// browser that we cannot start.
    ///
    /// # Errors
    /// If there is neither a browser nor a terminal.
    pub(crate) fn open(&self, url: &str) -> io::Result<()> {
        let is_terminal = io::stderr().is_terminal() && io::stdin().is_terminal();
        let started = match &self.opener {
            Some(opener) => self.start(opener, url),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no browser here")),
        };
        if is_terminal {
            // A parsed URL: visible ASCII without blanks.
            console::error_text(&format!("\r\x1b[Kto log in, open this in a browser on this machine:\n{url}\n"));
            return Ok(());
        }
        started
    }

    fn start(&self, opener: &PathBuf, url: &str) -> io::Result<()> {
        let mut command = Command::new(opener);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for name in &self.hidden {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        // It ends by itself; somebody has to take note of it.
        std::thread::spawn(move || child.wait());
        Ok(())
    }
}

/// The opener on `PATH`. Empty and relative entries are skipped, as for `ssh` (P5).
fn find(path: Option<&OsStr>) -> Option<PathBuf> {
    let directories = std::env::split_paths(path?).filter(|directory| directory.is_absolute());
    directories.map(|directory| directory.join(OPENER)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_without_a_desktop_has_no_browser() {
        let plain = Environment::of(&[("PATH", "/usr/bin:/bin")]);
        assert!(cfg!(target_os = "macos") || Browser::of(&plain, []).opener.is_none());
        let relative = Environment::of(&[("DISPLAY", ":0"), ("PATH", "bin::.")]);
        assert!(Browser::of(&relative, []).opener.is_none());
    }
}
