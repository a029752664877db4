//! One option from three places: the command line wins over the environment, that over the file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;

use crate::config_file::ConfigFile;
use crate::duration;
use crate::environment::Environment;
use crate::report::Report;

/// The three places, strongest first; the command line may have several levels, deepest last.
#[derive(Clone, Copy)]
pub(crate) struct Layers<'a> {
    pub(crate) matches: &'a [&'a ArgMatches],
    pub(crate) environment: &'a Environment,
    pub(crate) file: &'a ConfigFile,
}

/// A value and where it came from, as error messages name it.
struct Found {
    text: String,
    origin: String,
}

impl Layers<'_> {
    /// A flag without a value.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Box<Report>> {
        if self.matches.iter().any(|matches| matches!(matches.try_get_one::<bool>(name), Ok(Some(true)))) {
            return Ok(true);
        }
        let variable = variable(name);
        if let Some(text) = self.environment.text(&variable)? {
            return parse_boolean(text).ok_or_else(|| {
                let expected = "1, true, yes, on, 0, false, no, off or nothing";
                refused(&variable, expected, text)
            });
        }
        self.file.flag(name)
    }

    /// A path.
    pub(crate) fn path(&self, name: &str) -> Result<Option<PathBuf>, Box<Report>> {
        for matches in self.matches.iter().rev() {
            if let Ok(Some(path)) = matches.try_get_one::<OsString>(name) {
                return Ok(Some(path.into()));
            }
        }
        match self.environment.raw(&variable(name)) {
            Some(path) => Ok(Some(path.into())),
            None => Ok(self.file.text(name)?.map(PathBuf::from)),
        }
    }

    /// A duration.
    pub(crate) fn duration(&self, name: &str, default: Duration) -> Result<Duration, Box<Report>> {
        self.parsed(name, duration::EXPECTED, duration::parse).map(|value| value.unwrap_or(default))
    }

    /// A word that `parse` has to take.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Box<Report>> {
        let Some(found) = self.found(name)? else { return Ok(None) };
        match parse(&found.text) {
            Some(value) => Ok(Some(value)),
            None => Err(refused(&found.origin, expected, &found.text)),
        }
    }

    fn found(&self, name: &str) -> Result<Option<Found>, Box<Report>> {
        for matches in self.matches.iter().rev() {
            if let Ok(Some(text)) = matches.try_get_one::<String>(name) {
                return Ok(Some(Found { text: text.clone(), origin: format!("--{name}") }));
            }
        }
        let variable = variable(name);
        if let Some(text) = self.environment.text(&variable)? {
            return Ok(Some(Found { text: text.to_owned(), origin: variable }));
        }
        let key = name.replace('-', "_");
        let origin = format!("{key} in {}", self.file.shown_path());
        Ok(self.file.text(name)?.map(|text| Found { text: text.to_owned(), origin }))
    }
}

/// The environment variable of an option: `ANYSSH_` and its name in capitals with `_`.
pub(crate) fn variable(name: &str) -> String {
    format!("ANYSSH_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// A boolean of the environment, any case.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" | "" => Some(false),
        _ => None,
    }
}

fn refused(origin: &str, expected: &str, text: &str) -> Box<Report> {
    let found = anyssh_core::escape::quoted(text);
    Report::usage(format!("{origin}: expected {expected}, found {found}")).with_field(origin).boxed()
}
