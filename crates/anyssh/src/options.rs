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

/// Where options stand on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before everything: there they are listed.
    First,
    /// After the word of a command: there they are taken too.
    Command,
    /// After a target that is connected to: there `-q` is ssh's.
    Connect,
}

/// The options as arguments of a command.
pub(crate) fn arguments(place: Place) -> Vec<Arg> {
    let hidden = place != Place::First;
    let word = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).hide(hidden)
    };
    let path = |name, help| word(name, "FILE", help).value_parser(OsStringValueParser::new());
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).hide(hidden)
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
        if place == Place::Connect { quiet } else { quiet.short('q') },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::{Parsed, parse};
    use std::os::unix::fs::PermissionsExt as _;

    fn read(variables: &[(&str, &str)], words: &[&str]) -> Result<Options, Box<Report>> {
        let words: Vec<OsString> = ["anyssh"].iter().chain(words).chain(&["providers"]).map(Into::into).collect();
        match parse(anyssh_sdk::BUILTIN, &Environment::of(variables), &words)? {
            Parsed::Invocation(_, options) => Ok(*options),
            _ => panic!("not an invocation"),
        }
    }

    #[allow(clippy::disallowed_methods, reason = "a file with the mode under test")]
    fn file(text: &str, mode: u32) -> (tempfile::TempDir, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (directory, path)
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let options = read(&[], &[]).unwrap();
        assert_eq!((options.timeout.as_secs(), options.request_timeout.as_secs()), (300, 30));
        assert!(!options.json && !options.quiet && !options.no_wake && !options.accept_new_host_key && !options.debug);
        assert_eq!(options.error_format, ErrorFormat::Human);
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let (_directory, path) = file("timeout = \"1s\"\nrequest_timeout = \"2s\"\njson = true\n", 0o644);
        let config = ("ANYSSH_CONFIG", path.as_str());
        let options = read(&[config], &[]).unwrap();
        assert_eq!((options.timeout.as_secs(), options.request_timeout.as_secs(), options.json), (1, 2, true));
        let options = read(&[config, ("ANYSSH_TIMEOUT", "3s"), ("ANYSSH_JSON", "off")], &[]).unwrap();
        assert_eq!((options.timeout.as_secs(), options.json), (3, false));
        let options = read(&[config, ("ANYSSH_TIMEOUT", "3s")], &["--timeout", "4s"]).unwrap();
        assert_eq!(options.timeout.as_secs(), 4);
    }

    #[test]
    fn booleans_of_the_environment_are_read_in_any_case_and_others_are_named() {
        for (text, expected) in
            [("1", true), ("TRUE", true), ("Yes", true), ("oN", true), ("0", false), ("No", false), ("", false)]
        {
            assert_eq!(read(&[("ANYSSH_JSON", text)], &[]).unwrap().json, expected, "{text}");
        }
        let report = read(&[("ANYSSH_NO_WAKE", "maybe")], &[]).unwrap_err();
        assert!(report.message().starts_with("ANYSSH_NO_WAKE: expected 1, true"), "{}", report.message());
    }

    #[test]
    fn values_that_do_not_fit_name_the_place_they_came_from() {
        for (variables, words, start) in [
            (&[("ANYSSH_TIMEOUT", "soon")][..], &[][..], "ANYSSH_TIMEOUT: expected"),
            (&[], &["--linger", "x"], "--linger: expected"),
            (&[], &["--host-key", "MD5:00"], "--host-key: expected"),
            (&[], &["--error-format", "xml"], "--error-format: expected"),
        ] {
            let report = read(variables, words).unwrap_err();
            assert!(report.message().starts_with(start), "{}", report.message());
        }
    }

    #[test]
    fn a_file_that_is_not_understood_is_refused_with_the_key_or_line() {
        for (text, expected) in [
            ("tiemout = \"1s\"\n", "tiemout in"),
            ("timeout = 5\n", "timeout in"),
            ("config = \"other.toml\"\n", "config in"),
            ("mock = 5\n", "mock in"),
            ("[mock]\ncolour = 1\n", "mock.colour in"),
            ("timeout = \"1s\"\nhunter2\n", "is not TOML, line 2"),
        ] {
            let (_directory, path) = file(text, 0o600);
            let report = read(&[("ANYSSH_CONFIG", &path)], &[]).unwrap_err();
            assert!(report.message().contains(expected), "{}", report.message());
            assert!(!report.message().contains("hunter2"), "a line of the file is never quoted");
            assert_eq!(report.exit_status(false), 3);
        }
    }

    #[test]
    fn a_named_file_has_to_be_there_and_the_default_one_need_not() {
        assert!(read(&[("HOME", "/nonexistent")], &[]).is_ok());
        assert_eq!(read(&[("ANYSSH_CONFIG", "/nonexistent/x")], &[]).unwrap_err().exit_status(false), 3);
    }

    /// A configuration file that holds a secret has to be private, any other need not.
    #[test]
    fn a_secret_in_a_file_that_others_can_read_is_refused() {
        use anyssh_core::{ProviderError, SettingInfo};
        static SETTINGS: [SettingInfo; 1] = [SettingInfo::required("GUEST_KEY", "").secret()];
        static GUEST: ProviderInfo =
            ProviderInfo::new("guest", "", |_| Err(ProviderError::unsupported("test"))).with_settings(&SETTINGS);
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            let (_directory, path) = file("[guest]\nGUEST_KEY = \"s3cret\"\n", mode);
            let read = ConfigFile::read(std::path::Path::new(&path), true, &[&GUEST]);
            assert_eq!(read.is_ok(), fits, "{mode:o}");
            if let Err(report) = read {
                assert!(report.message().contains("GUEST_KEY") && !report.message().contains("s3cret"));
            }
        }
    }

    #[test]
    fn the_error_format_is_known_even_when_the_words_do_not_parse() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let none = Environment::default();
        assert_eq!(error_format_of(&none, &words(&["anyssh", "--error-format", "json", "-z"])), ErrorFormat::Json);
        assert_eq!(error_format_of(&none, &words(&["anyssh", "--error-format=json"])), ErrorFormat::Json);
        assert_eq!(error_format_of(&none, &words(&["anyssh", "--", "--error-format=json"])), ErrorFormat::Human);
        assert_eq!(
            error_format_of(&Environment::of(&[("ANYSSH_ERROR_FORMAT", "json")]), &words(&["anyssh"])),
            ErrorFormat::Json
        );
    }
}
