//! The process's environment, read once at the edge and handed on as a value.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::report::Report;

/// The environment, the home directory and the working directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    home: Option<PathBuf>,
    working_dir: Option<PathBuf>,
}

impl Environment {
    /// What this process was started with.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub(crate) fn read() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            home: std::env::home_dir(),
            working_dir: std::env::current_dir().ok(),
        }
    }

    /// A variable as it is; empty counts as unset.
    pub(crate) fn raw(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable as text; empty counts as unset.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Box<Report>> {
        match self.raw(name).map(OsStr::to_str) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text)),
            Some(None) => Err(Report::usage(format!("{name}: expected UTF-8 text")).with_field(name).boxed()),
        }
    }

    /// A variable as an absolute path. The XDG specification says to ignore relative ones.
    pub(crate) fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// The home directory: `HOME`, or what the user database says.
    pub(crate) fn home(&self) -> Option<&PathBuf> {
        self.home.as_ref().filter(|home| home.is_absolute())
    }

    /// The directory that we were started in, if it is still there.
    pub(crate) fn working_dir(&self) -> Option<&PathBuf> {
        self.working_dir.as_ref()
    }
}

#[cfg(test)]
impl Environment {
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let variables: BTreeMap<OsString, OsString> =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let home = variables.get(OsStr::new("HOME")).map(PathBuf::from);
        Self { variables, home, working_dir: None }
    }
}
