//! The configuration file: our options at the top, a table for each provider.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyssh_core::{ProviderInfo, escape};
use anyssh_sdk::Kind;
use rustix::fs::OFlags;
use toml::{Table, Value};

use crate::options;
use crate::report::Report;

/// A configuration file larger than this is not one.
const LARGEST: u64 = 1024 * 1024;

/// A configuration file that was read, or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigFile {
    path: Option<PathBuf>,
    table: Table,
}

impl ConfigFile {
    /// Reads `path`; with `required` a missing file is an error.
    ///
    /// Every key must be known, and a file that holds a secret must be readable by its owner alone.
    pub(crate) fn read(path: &Path, required: bool, providers: &[&'static ProviderInfo]) -> Result<Self, Box<Report>> {
        // Opening a FIFO must not wait for its writer (F4). It means nothing to a regular file.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let mut file = match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path) {
            Ok(file) => file,
            // A home that is no directory, as /dev/null for some services, holds no file either.
            Err(error) if !required && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Self::default());
            }
            Err(error) => return Err(problem(path, &format!("cannot be read: {error}"))),
        };
        let metadata = file.metadata().map_err(|error| problem(path, &format!("cannot be read: {error}")))?;
        if !metadata.is_file() || metadata.len() > LARGEST {
            return Err(problem(path, "expected a regular file of at most 1 MiB"));
        }
        let mut text = String::new();
        file.by_ref()
            .take(LARGEST)
            .read_to_string(&mut text)
            .map_err(|error| problem(path, &format!("cannot be read: {error}")))?;
        // The parser's own message quotes the line, which may hold a secret: only the place is shown.
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            problem(path, &format!("is not TOML, line {}", line.map_or("unknown".into(), |line| line.to_string())))
        })?;
        let config = Self { path: Some(path.to_owned()), table };
        config.check_keys(providers)?;
        let private = metadata.mode() & 0o077 == 0 && metadata.uid() == rustix::process::geteuid().as_raw();
        match config.first_secret(providers) {
            Some(name) if !private => {
                let report = problem(path, &format!("holds {name}, so it must be yours alone"));
                Err(report.with_hint(format!("chmod 600 {}", shown(path))).boxed())
            }
            _ => Ok(config),
        }
    }

    /// A word of the top level: one of our own options.
    pub(crate) fn text(&self, option: &str) -> Result<Option<&str>, Box<Report>> {
        self.string(&self.table, &option.replace('-', "_"))
    }

    /// A boolean of the top level.
    pub(crate) fn flag(&self, option: &str) -> Result<bool, Box<Report>> {
        self.boolean(&self.table, &option.replace('-', "_"))
    }

    /// A word of a provider's table.
    pub(crate) fn provider_text(&self, provider: &str, key: &str) -> Result<Option<&str>, Box<Report>> {
        match self.provider(provider)? {
            Some(table) => self.string(table, key),
            None => Ok(None),
        }
    }

    /// A boolean of a provider's table.
    pub(crate) fn provider_flag(&self, provider: &str, key: &str) -> Result<bool, Box<Report>> {
        match self.provider(provider)? {
            Some(table) => self.boolean(table, key),
            None => Ok(false),
        }
    }

    /// The path as messages show it.
    pub(crate) fn shown_path(&self) -> String {
        self.path.as_ref().map_or_else(|| "the configuration file".into(), |path| shown(path))
    }

    fn provider(&self, name: &str) -> Result<Option<&Table>, Box<Report>> {
        match self.table.get(name) {
            None => Ok(None),
            Some(Value::Table(table)) => Ok(Some(table)),
            Some(_) => Err(self.wrong(name, "a table")),
        }
    }

    fn string<'a>(&self, table: &'a Table, key: &str) -> Result<Option<&'a str>, Box<Report>> {
        match table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "text in quotes")),
        }
    }

    fn boolean(&self, table: &Table, key: &str) -> Result<bool, Box<Report>> {
        match table.get(key) {
            None => Ok(false),
            Some(Value::Boolean(value)) => Ok(*value),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    fn check_keys(&self, providers: &[&'static ProviderInfo]) -> Result<(), Box<Report>> {
        for key in self.table.keys() {
            match providers.iter().find(|info| info.name == key) {
                Some(info) => self.check_provider_keys(info)?,
                None if options::NAMES.iter().any(|name| *name != "config" && name.replace('-', "_") == *key) => {}
                None => return Err(self.wrong(key, "an option or a provider's table")),
            }
        }
        Ok(())
    }

    fn check_provider_keys(&self, info: &ProviderInfo) -> Result<(), Box<Report>> {
        let known = |key: &str| {
            key == "accept_new_host_key"
                || info.settings.iter().any(|setting| setting.name == key)
                || info.options.iter().any(|option| option.name.replace('-', "_") == key)
        };
        match self.provider(info.name)?.and_then(|table| table.keys().find(|key| !known(key))) {
            Some(key) => Err(self.wrong(&format!("{}.{key}", info.name), "a setting or option of this provider")),
            None => Ok(()),
        }
    }

    fn first_secret(&self, providers: &[&'static ProviderInfo]) -> Option<&'static str> {
        let holds = |info: &ProviderInfo, name: &str| matches!(self.table.get(info.name), Some(Value::Table(table)) if table.contains_key(name));
        providers.iter().find_map(|info| {
            info.settings.iter().find(|setting| setting.secret && holds(info, setting.name)).map(|setting| setting.name)
        })
    }

    fn wrong(&self, key: &str, expected: &str) -> Box<Report> {
        let key = escape::printable(key, 80);
        let message = format!("{key} in {}: expected {expected}", self.shown_path());
        Report::new(Kind::Config, message).with_field(&key).boxed()
    }
}

fn problem(path: &Path, what: &str) -> Box<Report> {
    Report::new(Kind::Config, format!("{} {what}", shown(path))).with_field("config").boxed()
}

fn shown(path: &Path) -> String {
    escape::printable(&path.to_string_lossy(), escape::MESSAGE_CAP)
}
