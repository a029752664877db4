//! The settings and options that a provider is built from: a map handed in, never the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::{ErrorKind, ProviderError, SettingInfo, Surroundings};

/// The value of a provider option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A flag that was given.
    Flag,
    /// A word.
    Text(String),
}

/// Settings (by their vendors' names), options (by their flags' names) and the bounds of one request.
///
/// ```
/// use anyssh_core::{Settings, SettingInfo};
/// let settings = Settings::new().with_setting("LEAP0_API_KEY", "k".into());
/// const KEY: SettingInfo = SettingInfo::required("LEAP0_API_KEY", "API key, from the dashboard").secret();
/// assert!(settings.required(&KEY).is_ok());
/// ```
#[derive(Clone)]
pub struct Settings {
    settings: BTreeMap<String, SecretString>,
    options: BTreeMap<String, OptionValue>,
    request_timeout: Duration,
    state_dir: Option<PathBuf>,
    surroundings: Surroundings,
}

impl Settings {
    /// No settings, no options, 30 seconds for each request.
    pub fn new() -> Self {
        Self {
            settings: BTreeMap::new(),
            options: BTreeMap::new(),
            request_timeout: Duration::from_secs(30),
            state_dir: None,
            surroundings: Surroundings::none(),
        }
    }

    /// The same with one more setting. An empty value is the same as none.
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.settings.insert(name.into(), value);
        self
    }

    /// The same with one more option.
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: OptionValue) -> Self {
        self.options.insert(name.into(), value);
        self
    }

    /// The same with another bound for each request to a provider.
    #[must_use]
    pub fn with_request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    /// The same with a private directory in which a provider may keep what it learned.
    #[must_use]
    pub fn with_state_dir(mut self, state_dir: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(state_dir.into());
        self
    }

    /// The same with what a provider may know of the place it runs in, and do there.
    #[must_use]
    pub fn with_surroundings(mut self, surroundings: Surroundings) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// A setting that may be missing; empty counts as missing.
    pub fn setting(&self, name: &str) -> Option<&SecretString> {
        use secrecy::ExposeSecret as _;
        self.settings.get(name).filter(|value| !value.expose_secret().is_empty())
    }

    /// A setting that must be there; the error names it and where to get it.
    pub fn required(&self, info: &SettingInfo) -> Result<&SecretString, ProviderError> {
        self.setting(info.name).ok_or_else(|| {
            ProviderError::new(ErrorKind::Config, format!("{} is not set: {}", info.name, info.help))
                .with_field(info.name)
        })
    }

    /// Whether a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// The word given for an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        match self.options.get(name) {
            Some(OptionValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The bound for each request, always cut to what is left of the deadline.
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// A private directory in which a provider may keep what it learned, if there is one.
    pub fn state_dir(&self) -> Option<&Path> {
        self.state_dir.as_deref()
    }

    /// What may be known of the place, and done there.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Settings {
    /// Names only: which of the values are secret is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("settings", &self.settings.keys().collect::<Vec<_>>())
            .field("options", &self.options)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_setting_is_named_with_where_to_get_it() {
        const KEY: SettingInfo = SettingInfo::required("X_API_KEY", "make one at https://x.example/keys");
        for settings in [Settings::new(), Settings::new().with_setting("X_API_KEY", "".into())] {
            let error = settings.required(&KEY).unwrap_err();
            assert_eq!(error.to_string(), "X_API_KEY is not set: make one at https://x.example/keys");
            assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("X_API_KEY")));
        }
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let settings = Settings::new().with_setting("X_API_KEY", "hunter2".into());
        let shown = format!("{settings:?}");
        assert!(shown.contains("X_API_KEY") && !shown.contains("hunter2"));
    }
}
