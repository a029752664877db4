//! The options of every command, from the command line, the environment or the configuration file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyssh_core::ProviderInfo;
use clap::{Arg, ArgAction, ArgMatches, builder::OsStringValueParser};

use crate::config_file::ConfigFile;
use crate::environment::Environment;
use crate::layers::{Layers, variable};
use crate::report::Report;
use crate::{duration, paths};

/// The names of the options, as flags, as `ANYSSH_…` variables and as keys of the file.
pub(crate) const NAMES: &[&str] = &[
    "timeout",
    "request-timeout",
    "ephemeral",
    "linger",
    "accept-new-host-key",
    "host-key",
    "no-wake",
    "json",
    "error-format",
    "quiet",
    "debug",
    "ssh",
    "config",
];

/// What the options say.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) accept_new_host_key: bool,
    pub(crate) host_key: Option<String>,
    pub(crate) no_wake: bool,
    pub(crate) json: bool,
    pub(crate) error_format: ErrorFormat,
    pub(crate) quiet: bool,
    pub(crate) debug: bool,
    pub(crate) ssh: Option<PathBuf>,
    pub(crate) file: ConfigFile,
}

/// How failures are written to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    /// A line and a hint for people.
    Human,
    /// One line of JSON for programs.
    Json,
}

impl Options {
    /// Reads the options; `matches` are the levels of the command line, outermost first.
    pub(crate) fn read(
        matches: &[&ArgMatches],
        environment: &Environment,
        providers: &[&'static ProviderInfo],
    ) -> Result<Self, Box<Report>> {
        let file = Self::config_file(matches, environment, providers)?;
        let layers = Layers { matches, environment, file: &file };
        // Until sessions outlive a command every session is ephemeral: both words are read, checked and true.
        layers.flag("ephemeral")?;
        layers.parsed("linger", LINGER, |text| {
            (text == "expiry").then_some(Duration::MAX).or_else(|| duration::parse(text))
        })?;
        Ok(Self {
            timeout: layers.duration("timeout", Duration::from_secs(300))?,
            request_timeout: layers.duration("request-timeout", Duration::from_secs(30))?,
            accept_new_host_key: layers.flag("accept-new-host-key")?,
            host_key: layers.parsed("host-key", FINGERPRINT, parse_fingerprint)?,
            no_wake: layers.flag("no-wake")?,
            json: layers.flag("json")?,
            error_format: layers
                .parsed("error-format", ERROR_FORMAT, parse_error_format)?
                .unwrap_or(ErrorFormat::Human),
            quiet: layers.flag("quiet")?,
            debug: layers.flag("debug")?,
            ssh: layers.path("ssh")?,
            file,
        })
    }

    fn config_file(
        matches: &[&ArgMatches],
        environment: &Environment,
        providers: &[&'static ProviderInfo],
    ) -> Result<ConfigFile, Box<Report>> {
        let none = ConfigFile::default();
        let named = Layers { matches, environment, file: &none }.path("config")?;
        match named.or_else(|| paths::default_config_file(environment)) {
            Some(path) => {
                let required = path_is_named(matches, environment);
                ConfigFile::read(&path, required, providers)
            }
            None => Ok(none),
        }
    }
}

fn path_is_named(matches: &[&ArgMatches], environment: &Environment) -> bool {
    environment.raw(&variable("config")).is_some()
        || matches.iter().any(|matches| matches!(matches.try_get_one::<OsString>("config"), Ok(Some(_))))
}

/// The error format before, or without, a command line that parses: for the errors about just that.
pub(crate) fn error_format_of(environment: &Environment, words: &[OsString]) -> ErrorFormat {
    let mut words = words.iter().map(|word| word.to_string_lossy()).take_while(|word| word != "--");
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--error-format") {
            Some("") => words.next().unwrap_or_default().into_owned(),
            Some(rest) => rest.trim_start_matches('=').to_owned(),
            None => continue,
        };
        return parse_error_format(&value).unwrap_or(ErrorFormat::Human);
    }
    match environment.text(&variable("error-format")) {
        Ok(Some(text)) => parse_error_format(text).unwrap_or(ErrorFormat::Human),
        _ => ErrorFormat::Human,
    }
}

/// The options as arguments of a command. After TARGET `-q` is ssh's, so there it has no short form.
pub(crate) fn arguments(after_target: bool) -> Vec<Arg> {
    let word = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).hide(after_target)
    };
    let path = |name, help| word(name, "FILE", help).value_parser(OsStringValueParser::new());
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).hide(after_target)
    };
    let quiet = flag("quiet", "No progress and no notes on stderr");
    vec![
        word("timeout", "DURATION", "Give up if ssh is not started or the answer not given by then [default: 300s]"),
        word("request-timeout", "DURATION", "Bound of each request to the provider [default: 30s]"),
        flag("ephemeral", "A fresh session that is revoked at exit"),
        word("linger", "DURATION|expiry", "Keep a session this long after its last use [default: 10m]"),
        flag("accept-new-host-key", "Trust a host key never seen before, without a question"),
        word("host-key", "FINGERPRINT", "Trust only the host key with this SHA256:… fingerprint"),
        flag("no-wake", "Do not start or resume the target"),
        flag("json", "Print data as JSON"),
        word("error-format", "human|json", "How failures are written to stderr [default: human]"),
        if after_target { quiet } else { quiet.short('q') },
        flag("debug", "Write what is done to stderr, without secrets"),
        path("ssh", "The ssh program to run [default: the one on PATH]"),
        path("config", "The configuration file [default: $XDG_CONFIG_HOME/anyssh/config.toml]"),
    ]
}

const LINGER: &str = "a duration such as 10m, or expiry";
const FINGERPRINT: &str = "a fingerprint SHA256: and 43 base64 characters, as ssh-keygen -l prints it";
const ERROR_FORMAT: &str = "human or json";

fn parse_error_format(text: &str) -> Option<ErrorFormat> {
    match text {
        "human" => Some(ErrorFormat::Human),
        "json" => Some(ErrorFormat::Json),
        _ => None,
    }
}

fn parse_fingerprint(text: &str) -> Option<String> {
    let fingerprint: anyssh_core::ssh_key::Fingerprint = text.parse().ok()?;
    fingerprint.is_sha256().then(|| fingerprint.to_string())
}
