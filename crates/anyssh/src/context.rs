//! What every command stands on: the providers, the options, the places and the way to the user.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyssh_core::escape;
use anyssh_core::secrecy::SecretString;
use anyssh_core::{Deadline, OptionKind, OptionValue, Progress, ProviderInfo, Settings, Surroundings, Wake};
use anyssh_sdk::{Error, Provider, RequestOptions};

use crate::browser::Browser;
use crate::console;
use crate::environment::Environment;
use crate::invocation::ProviderOptions;
use crate::options::{ErrorFormat, Options};
use crate::paths;
use crate::prompt;
use crate::report::Report;
use crate::surroundings::{self, LookedUp};

/// What every command stands on.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) providers: &'a [&'static ProviderInfo],
    pub(crate) environment: &'a Environment,
    /// The command line, the program's own name first.
    pub(crate) words: &'a [OsString],
    pub(crate) options: Options,
    pub(crate) state_dir: PathBuf,
    pub(crate) runtime_dir: PathBuf,
    pub(crate) deadline: Deadline,
    looked_up: LookedUp,
}

impl<'a> Context<'a> {
    /// The clock of `--timeout` starts here.
    pub(crate) fn new(
        providers: &'a [&'static ProviderInfo],
        environment: &'a Environment,
        words: &'a [OsString],
        options: Options,
    ) -> Result<Self, Box<Report>> {
        let state_dir = paths::state_dir(environment)?;
        let runtime_dir = paths::runtime_dir(environment, &state_dir);
        let now = Instant::now();
        let end = now.checked_add(options.timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 3600));
        let deadline = Deadline::at(end);
        Ok(Self {
            providers,
            environment,
            words,
            options,
            state_dir,
            runtime_dir,
            deadline,
            looked_up: LookedUp::default(),
        })
    }

    /// The provider, built from the environment, the file and the options given.
    pub(crate) fn provider(
        &self,
        info: &'static ProviderInfo,
        given: &ProviderOptions,
    ) -> Result<Provider, Box<Report>> {
        let settings = self.settings(info, given)?;
        Provider::new(info, &settings).map_err(|error| self.report(info, &error))
    }

    /// How a session is asked for.
    pub(crate) fn request_options(&self, progress: Progress) -> RequestOptions {
        let wake = if self.options.no_wake { Wake::Forbidden } else { Wake::Allowed };
        RequestOptions::until(self.deadline).with_wake(wake).with_progress(progress)
    }

    /// A library error as it is shown.
    pub(crate) fn report(&self, info: &ProviderInfo, error: &Error) -> Box<Report> {
        if let Some(failure) = error.clean_up_failure() {
            Report::from_error(failure, info).warn(self.options.error_format);
        }
        Report::from_error(error, info).boxed()
    }

    /// Writes a warning about something that changes no exit status.
    pub(crate) fn warn(&self, info: &ProviderInfo, error: &Error) {
        Report::from_error(error, info).warn(self.options.error_format);
    }

    /// Writes a note for people: not with `--quiet`, and not where a program reads stderr.
    pub(crate) fn note(&self, text: &str) {
        if !self.options.quiet && self.options.error_format == ErrorFormat::Human {
            console::error_text(&format!("note: {text}\n"));
        }
    }

    /// Writes a line of our log, with `--debug`. It never holds a secret.
    pub(crate) fn debug(&self, line: impl FnOnce() -> String) {
        if self.options.debug {
            // A path of ours can hold anything that a file name can.
            console::error_text(&format!("debug: {}\n", escape::printable(&line(), LONGEST_DEBUG_LINE)));
        }
    }

    /// Whether a setting has a value, in the environment or in the file.
    pub(crate) fn is_set(&self, info: &ProviderInfo, name: &str) -> bool {
        self.environment.raw(name).is_some() || matches!(self.options.file.provider_text(info.name, name), Ok(Some(_)))
    }

    /// Asks about the files that a provider passes over until the user trusts them (T8a). Without a terminal, or
    /// where a program reads what we say, nobody is asked, and the provider says that it passes them over.
    pub(crate) async fn ask_about_files(
        &self,
        info: &'static ProviderInfo,
        given: &ProviderOptions,
    ) -> Result<(), Box<Report>> {
        if self.options.quiet || self.options.error_format != ErrorFormat::Human {
            return Ok(());
        }
        for file in info.untrusted_files(&self.settings(info, given)?) {
            let answer = async { prompt::is_possible() && prompt::ask_about(info.name, &file).await };
            // No answer in time is none.
            if tokio::time::timeout_at(self.deadline.instant().into(), answer).await.unwrap_or(false) {
                file.keep_trust().map_err(|error| {
                    let report = Report::local(format!("the answer cannot be kept: {error}"));
                    report.with_provider(info.name).with_hint(crate::hints::ANOTHER_DIRECTORY).boxed()
                })?;
                break;
            }
        }
        Ok(())
    }

    /// The variables that no child gets: the settings of all providers, and what their files named.
    pub(crate) fn hidden_variables(&self) -> Vec<String> {
        let settings = self.providers.iter().flat_map(|info| info.settings).map(|setting| setting.name.to_owned());
        settings.chain(self.looked_up.names()).collect()
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let hidden = self.providers.iter().flat_map(|info| info.settings).map(|setting| setting.name);
        let browser = Browser::of(self.environment, hidden);
        surroundings::of(self.environment, &self.options, browser, &self.looked_up)
    }

    fn settings(&self, info: &'static ProviderInfo, given: &ProviderOptions) -> Result<Settings, Box<Report>> {
        let mut settings = Settings::new()
            .with_request_timeout(self.options.request_timeout)
            .with_state_dir(self.state_dir.join("providers").join(info.name))
            .with_surroundings(self.surroundings());
        for setting in info.settings {
            let value = match self.environment.text(setting.name)? {
                Some(text) => Some(text),
                None => self.options.file.provider_text(info.name, setting.name)?,
            };
            if let Some(value) = value {
                settings = settings.with_setting(setting.name, SecretString::from(value));
            }
        }
        for option in info.options {
            let key = option.name.replace('-', "_");
            let in_file = match option.kind {
                OptionKind::Flag => self.options.file.provider_flag(info.name, &key)?.then_some(OptionValue::Flag),
                OptionKind::Value { .. } => {
                    self.options.file.provider_text(info.name, &key)?.map(|text| OptionValue::Text(text.to_owned()))
                }
            };
            let given = given.iter().find(|(name, _)| *name == option.name).map(|(_, value)| value.clone());
            if let Some(value) = given.or(in_file) {
                settings = settings.with_option(option.name, value);
            }
        }
        Ok(settings)
    }
}

const LONGEST_DEBUG_LINE: usize = 8192;
