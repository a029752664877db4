//! What is taken on the command line besides the target.

use std::path::PathBuf;
use std::time::Duration;

use anyssh_core::{FieldError, HostAlias, OptionInfo, ProviderError, Settings, UserName};

use crate::config::{DATA_PLANE_HOSTS, below_working_dir};

/// How often the control plane is asked, in case it pushes nothing.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_secs(3);

/// Asking more often helps nobody.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// The name that logs in. The pod does not look at it.
pub(crate) const USER: &str = "root";

const DURATION: &str = "a whole number with ms, s, m or h, such as 3s";
const WITH_RELAUNCH: &str = "to stand together with --relaunch";

pub(crate) const OPTIONS: &[OptionInfo] = &[
    OptionInfo::value("user", "NAME", "The name that logs in, if not root; the pod does not look at it"),
    OptionInfo::value("identity-file", "FILE", "A private key in place of ~/.flyte/ssh-debug/id_ed25519"),
    OptionInfo::value("host-alias", "NAME", "Also write the token to ~/.flyte/ssh-debug/NAME.headers"),
    OptionInfo::value("headers-file", "FILE", "Also write the token to FILE, for proxies that read it from there"),
    OptionInfo::flag("use-api-key", "Reach the pod with an API key of your own; it is made if there is none"),
    OptionInfo::flag("refresh-token", "Get a new token although one is kept"),
    OptionInfo::value("poll-interval", "DURATION", "How often to ask for the run, besides being told (3s)"),
    OptionInfo::flag("relaunch", "Start RUN again in debug mode, as RUN-dbg, or use that run if it is there"),
    OptionInfo::value("name", "NAME", "With --relaunch: the new run's name"),
    OptionInfo::flag("abort-run", "When the session is revoked, abort the run, too"),
    DATA_PLANE_HOSTS,
];

/// The options, read.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) user: UserName,
    pub(crate) identity_file: Option<PathBuf>,
    pub(crate) host_alias: Option<HostAlias>,
    pub(crate) headers_file: Option<PathBuf>,
    pub(crate) use_api_key: bool,
    pub(crate) refresh_token: bool,
    pub(crate) poll_interval: Duration,
    pub(crate) relaunch: bool,
    pub(crate) name: Option<String>,
    pub(crate) abort_run: bool,
}

impl Options {
    pub(crate) fn read(settings: &Settings) -> Result<Self, ProviderError> {
        parse(settings).map_err(ProviderError::usage)
    }
}

fn parse(settings: &Settings) -> Result<Options, FieldError> {
    let path = |name: &str| settings.option(name).map(|text| below_working_dir(settings.surroundings(), text));
    let name = settings.option("name").map(str::to_owned);
    let relaunch = settings.flag("relaunch");
    if let Some(name) = name.as_deref().filter(|_| !relaunch) {
        return Err(FieldError::new("name", WITH_RELAUNCH, name));
    }
    Ok(Options {
        user: UserName::parse("user", settings.option("user").unwrap_or(USER))?,
        identity_file: path("identity-file"),
        host_alias: settings.option("host-alias").map(|text| HostAlias::parse("host-alias", text)).transpose()?,
        headers_file: path("headers-file"),
        use_api_key: settings.flag("use-api-key"),
        refresh_token: settings.flag("refresh-token"),
        poll_interval: settings.option("poll-interval").map_or(Ok(POLL_INTERVAL), interval)?,
        relaunch,
        name,
        abort_run: settings.flag("abort-run"),
    })
}

fn interval(text: &str) -> Result<Duration, FieldError> {
    let refused = || FieldError::new("poll-interval", DURATION, text);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if text == "0" => 0,
        _ => return Err(refused()),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    let found = number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(refused)?;
    Ok(found.max(SHORTEST_INTERVAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyssh_core::{ErrorKind, OptionValue, Surroundings};

    fn read(options: &[(&str, Option<&str>)]) -> Result<Options, ProviderError> {
        let settings = Settings::new().with_surroundings(Surroundings::none().with_working_dir("/work"));
        let set = |settings: Settings, (name, text): &(&str, Option<&str>)| {
            settings.with_option(*name, text.map_or(OptionValue::Flag, |text| OptionValue::Text(text.to_owned())))
        };
        Options::read(&options.iter().fold(settings, set))
    }

    #[test]
    fn defaults_are_those_of_flytes_own_client() {
        let options = read(&[]).unwrap();
        assert_eq!((options.user.as_str(), options.poll_interval), ("root", Duration::from_secs(3)));
        assert!(options.identity_file.is_none() && !options.use_api_key && !options.abort_run);
    }

    #[test]
    fn paths_are_meant_from_the_working_directory_and_intervals_have_a_floor() {
        let options = read(&[("identity-file", Some("k/id")), ("poll-interval", Some("0"))]).unwrap();
        assert_eq!(options.identity_file.unwrap(), PathBuf::from("/work/k/id"));
        assert_eq!(options.poll_interval, Duration::from_millis(100));
        assert_eq!(read(&[("poll-interval", Some("2m"))]).unwrap().poll_interval, Duration::from_secs(120));
    }

    /// S1: what does not fit is refused by its option's name, before anything is requested.
    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (name, text) in [
            ("poll-interval", "3"),
            ("poll-interval", "-1s"),
            ("poll-interval", "99999999999999999999s"),
            ("user", "-oProxyCommand=x"),
            ("host-alias", "a b"),
            ("host-alias", "*"),
            ("name", "x"),
        ] {
            let error = read(&[(name, Some(text))]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some(name)), "{text}");
        }
    }
}
