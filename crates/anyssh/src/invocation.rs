//! From words to an invocation: what is to be done, parsed and checked, before anything is done.

use std::ffi::{OsStr, OsString};

use anyssh_core::{OptionValue, ProviderInfo, SessionId, Target};
use anyssh_openssh::{RemoteCommand, SshFlags};
use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::environment::Environment;
use crate::options::Options;
use crate::report::Report;
use crate::{args, provider_list, refused_words, ssh_args};

/// What the words ask for.
pub(crate) enum Parsed {
    /// A text to print: help or the version.
    Text(String),
    /// Nothing was asked for: the help that says what could be.
    Help(String),
    /// Something to do.
    Invocation(Invocation, Box<Options>),
}

/// Something to do. `Regenerate` without a session is about whatever credential there is.
#[derive(Debug)]
pub(crate) enum Invocation {
    Connect { on: On, flags: Box<SshFlags>, command: RemoteCommand },
    Create { on: On, show_secrets: bool },
    Validate { on: On, session: Named },
    Regenerate { on: On, session: Option<Named>, show_secrets: bool },
    Revoke { on: On, session: Named },
    Targets { info: &'static ProviderInfo, provider_options: ProviderOptions },
    Tunnel { on: On },
    Providers,
    FlyteEnv,
}

/// Options of a provider that were given, by name.
pub(crate) type ProviderOptions = Vec<(&'static str, OptionValue)>;

/// A provider and a target.
#[derive(Debug)]
pub(crate) struct On {
    pub(crate) info: &'static ProviderInfo,
    pub(crate) target: Target,
    pub(crate) provider_options: ProviderOptions,
}

/// A session made elsewhere.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) id: SessionId,
    /// The file descriptor to read its password from; 0 is standard input.
    pub(crate) password_fd: Option<i32>,
}

impl Invocation {
    /// Whether its exit status is the remote command's.
    pub(crate) fn connects(&self) -> bool {
        matches!(self, Self::Connect { .. })
    }

    /// The provider that it is about, and the options that were given to it.
    pub(crate) fn provider(&self) -> Option<(&'static ProviderInfo, &ProviderOptions)> {
        match self {
            Self::Connect { on, .. }
            | Self::Create { on, .. }
            | Self::Validate { on, .. }
            | Self::Regenerate { on, .. }
            | Self::Revoke { on, .. }
            | Self::Tunnel { on } => Some((on.info, &on.provider_options)),
            Self::Targets { info, provider_options } => Some((info, provider_options)),
            Self::Providers | Self::FlyteEnv => None,
        }
    }
}

/// Parses the words and reads the options.
pub(crate) fn parse(
    providers: &[&'static ProviderInfo],
    environment: &Environment,
    words: &[OsString],
) -> Result<Parsed, Box<Report>> {
    provider_list::check(providers)?;
    let (words, command) = args::split(words);
    let matches = match args::command(providers).try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.render().to_string()));
        }
        Err(error) if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Ok(Parsed::Help(error.render().to_string()));
        }
        Err(error) => return Err(refused_words::explain(&error, providers)),
    };
    let levels = levels(&matches);
    let options =
        Options::read(&levels.iter().map(|(_, matches)| *matches).collect::<Vec<_>>(), environment, providers)
            .map_err(|report| of_its_command(*report, providers, &levels))?;
    let invocation = invocation(providers, &levels, command)?;
    if command.is_some() && !invocation.connects() {
        let report = Report::usage("a remote command after -- is only for a connection");
        return Err(report.with_field("--").with_hint("anyssh PROVIDER TARGET -- COMMAND").boxed());
    }
    Ok(Parsed::Invocation(invocation, Box::new(options)))
}

/// A refusal of the options with the exit status that its command has for it: a file that cannot be read
/// is 255 for a connection, whose other numbers belong to the remote command.
fn of_its_command(report: Report, providers: &[&'static ProviderInfo], levels: &[(&str, &ArgMatches)]) -> Box<Report> {
    let connects = levels.get(1).is_some_and(|(name, _)| providers.iter().any(|info| info.name == *name));
    let status = report.exit_status(connects);
    report.with_exit_status(status).boxed()
}

/// The command and its subcommands, outermost first, each with its name.
fn levels(matches: &ArgMatches) -> Vec<(&str, &ArgMatches)> {
    let mut levels = vec![("anyssh", matches)];
    let mut current = matches;
    while let Some((name, inner)) = current.subcommand() {
        levels.push((name, inner));
        current = inner;
    }
    levels
}

fn invocation(
    providers: &[&'static ProviderInfo],
    levels: &[(&str, &ArgMatches)],
    command: Option<&[OsString]>,
) -> Result<Invocation, Box<Report>> {
    let info = |name: &str| providers.iter().copied().find(|info| info.name == name);
    let names: Vec<_> = levels.iter().map(|(name, _)| *name).collect();
    let leaf = levels[levels.len() - 1].1;
    match (names.get(1).copied().unwrap_or_default(), names.get(2).and_then(|name| info(name))) {
        ("providers", _) => Ok(Invocation::Providers),
        ("flyte-env", _) => Ok(Invocation::FlyteEnv),
        ("targets", Some(info)) => Ok(Invocation::Targets { info, provider_options: provider_options(info, leaf) }),
        ("tunnel", Some(info)) => Ok(Invocation::Tunnel { on: on(info, leaf)? }),
        ("create", Some(info)) => Ok(Invocation::Create { on: on(info, leaf)?, show_secrets: show_secrets(leaf) }),
        ("validate", Some(info)) => Ok(Invocation::Validate { on: on(info, leaf)?, session: named(info, leaf)? }),
        ("regenerate", Some(info)) => {
            let is_named = ["session-id", "password-fd"].iter().any(|name| leaf.contains_id(name));
            let session = match is_named || !info.capabilities.takes_over {
                true => Some(named(info, leaf)?),
                false => None,
            };
            Ok(Invocation::Regenerate { on: on(info, leaf)?, session, show_secrets: show_secrets(leaf) })
        }
        ("revoke", Some(info)) => Ok(Invocation::Revoke { on: on(info, leaf)?, session: named(info, leaf)? }),
        (name, _) => match info(name) {
            Some(info) => connect(info, leaf, command.unwrap_or_default()),
            // clap takes no other word; if it did, this is the error it owes.
            None => Err(Report::usage(format!("there is no provider or command {name}")).boxed()),
        },
    }
}

fn connect(info: &'static ProviderInfo, leaf: &ArgMatches, command: &[OsString]) -> Result<Invocation, Box<Report>> {
    let on = on(info, leaf)?;
    let in_context = |report: Report| report.with_provider(info.name).boxed();
    let stray = args::words(leaf, "stray");
    if let Some(first) = stray.first() {
        let shown = anyssh_core::escape::quoted(&first.to_string_lossy());
        let shown_words = stray.iter().take(MOST_SHOWN_WORDS);
        let words: Vec<_> =
            shown_words.map(|word| anyssh_core::escape::printable(&word.to_string_lossy(), 80)).collect();
        let more = if stray.len() > MOST_SHOWN_WORDS { " …" } else { "" };
        let words = words.join(" ");
        let hint = format!("a remote command stands after --: anyssh {} {} -- {words}{more}", info.name, on.target);
        return Err(in_context(Report::usage(format!("unexpected word {shown} after the target")).with_hint(hint)));
    }
    let flags = ssh_args::flags(leaf).map_err(|report| in_context(*report))?;
    let command = RemoteCommand::from_words(command)
        .map_err(|error| in_context(Report::usage(error.to_string()).with_field("COMMAND")))?;
    Ok(Invocation::Connect { on, flags: Box::new(flags), command })
}

fn on(info: &'static ProviderInfo, leaf: &ArgMatches) -> Result<On, Box<Report>> {
    let word = leaf.get_one::<OsString>("target").map(OsString::as_os_str).unwrap_or(OsStr::new(""));
    let target = Target::parse("target", &word.to_string_lossy())
        .map_err(|error| Report::usage(error.to_string()).with_field("target").with_provider(info.name).boxed())?;
    Ok(On { info, target, provider_options: provider_options(info, leaf) })
}

fn provider_options(info: &'static ProviderInfo, leaf: &ArgMatches) -> ProviderOptions {
    let value = |option: &anyssh_core::OptionInfo| {
        let id = args::provider_option_id(option);
        match option.kind {
            anyssh_core::OptionKind::Flag => leaf.get_flag(&id).then_some(OptionValue::Flag),
            anyssh_core::OptionKind::Value { .. } => leaf.get_one::<String>(&id).cloned().map(OptionValue::Text),
        }
    };
    info.options.iter().filter_map(|option| Some((option.name, value(option)?))).collect()
}

fn named(info: &'static ProviderInfo, leaf: &ArgMatches) -> Result<Named, Box<Report>> {
    let usage = |message: String, field: &str| Report::usage(message).with_field(field).with_provider(info.name);
    let Some(id) = leaf.get_one::<String>("session-id") else {
        let report = usage("there is no record of sessions yet, so one has to be named".into(), "--session-id");
        return Err(report.with_hint("name it with --session-id ID").boxed());
    };
    let id = SessionId::parse("--session-id", id).map_err(|error| usage(error.to_string(), "--session-id").boxed())?;
    let password_fd = match leaf.get_one::<String>("password-fd").map(String::as_str) {
        None => None,
        Some("-") => Some(0),
        Some(text) => match text.parse::<u16>() {
            Ok(number) if !matches!(number, 1 | 2) => Some(i32::from(number)),
            _ => {
                let found = anyssh_core::escape::quoted(text);
                let message =
                    format!("--password-fd: expected - or the number of an open file descriptor, found {found}");
                return Err(usage(message, "--password-fd").boxed());
            }
        },
    };
    Ok(Named { id, password_fd })
}

fn show_secrets(leaf: &ArgMatches) -> bool {
    leaf.get_flag("show-secrets")
}

/// How many words of a command typed without `--` its hint repeats.
const MOST_SHOWN_WORDS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Invocation, Box<Report>> {
        let words: Vec<OsString> = ["anyssh"].iter().chain(words).map(Into::into).collect();
        match parse(anyssh_sdk::BUILTIN, &Environment::default(), &words)? {
            Parsed::Invocation(invocation, _) => Ok(invocation),
            _ => panic!("not an invocation"),
        }
    }

    fn refused(words: &[&str]) -> String {
        let report = parsed(words).unwrap_err();
        assert_eq!(report.exit_status(true), 2, "{words:?}");
        report.message().to_owned()
    }

    #[test]
    fn a_connect_has_a_target_flags_and_a_command() {
        let flags = "-q mock certificate -vv -L 8080:localhost:80 -tt -o ServerAliveInterval=5 -- ls";
        let words: Vec<&str> = flags.split(' ').chain(["a b"]).collect();
        let Invocation::Connect { on, flags, command } = parsed(&words).unwrap() else { panic!("not a connect") };
        assert_eq!((on.info.name, on.target.as_str()), ("mock", "certificate"));
        assert_eq!((flags.forwards.len(), flags.options.len()), (1, 1));
        assert_eq!(flags.log_level, anyssh_openssh::LogLevel::Debug2);
        assert_eq!(flags.terminal, anyssh_openssh::Terminal::Force);
        assert_eq!(command, RemoteCommand::Line("ls 'a b'".into()));
    }

    #[test]
    fn a_session_is_named_unless_the_provider_can_do_without() {
        let Invocation::Regenerate { session, .. } = parsed(&["regenerate", "leap0", "sbx"]).unwrap() else {
            panic!("not a regenerate")
        };
        assert!(session.is_none());
        let words = ["regenerate", "leap0", "sbx", "--session-id", "ssh-1"];
        let Invocation::Regenerate { session, .. } = parsed(&words).unwrap() else { panic!("not a regenerate") };
        assert_eq!(session.unwrap().id.as_str(), "ssh-1");
        assert!(refused(&["regenerate", "leap0", "sbx", "--password-fd", "0"]).contains("one has to be named"));
        assert!(refused(&["regenerate", "mock", "password"]).contains("one has to be named"));
        assert!(refused(&["revoke", "leap0", "sbx"]).contains("one has to be named"));
    }

    #[test]
    fn words_of_the_remote_command_are_never_read_as_ours() {
        let words = ["mock", "certificate", "--", "-oProxyCommand=x", "--json", "--"];
        let Invocation::Connect { command, .. } = parsed(&words).unwrap() else { panic!("not a connect") };
        assert_eq!(command, RemoteCommand::Line("'-oProxyCommand=x' --json --".into()));
    }

    #[test]
    fn a_word_after_the_target_is_refused_with_the_form_that_works() {
        let report = parsed(&["mock", "certificate", "ls", "-l", "/"]).unwrap_err();
        let shown = format!("{report:?}");
        assert!(shown.contains("anyssh mock certificate -- ls -l /"), "{shown}");
    }

    /// As with ssh: of two flags that contradict each other the later one counts.
    #[test]
    fn the_later_of_two_flags_counts() {
        use anyssh_openssh::{LogLevel, Terminal, X11};
        let flags = |words: &[&str]| match parsed(&[&["mock", "certificate"], words].concat()).unwrap() {
            Invocation::Connect { flags, .. } => *flags,
            other => panic!("{other:?}"),
        };
        for (words, terminal) in [
            (&["-T"][..], Terminal::Never),
            (&["-T", "-t"], Terminal::Request),
            (&["-t", "-T"], Terminal::Never),
            (&["-T", "-tt"], Terminal::Force),
            (&["-ttT", "-N", "-N", "-A", "-A"], Terminal::Never),
        ] {
            assert_eq!(flags(words).terminal, terminal, "{words:?}");
        }
        for (words, level) in [(["-v", "-q"], LogLevel::Quiet), (["-q", "-v"], LogLevel::Debug1)] {
            assert_eq!(flags(&words).log_level, level, "{words:?}");
        }
        assert_eq!((flags(&["-XY"]).x11, flags(&["-YX"]).x11), (X11::Trusted, X11::Untrusted));
        assert_eq!(flags(&["-l", "a", "-l", "b"]).user.unwrap().as_str(), "a");
        assert!(parsed(&["--timeout", "1s", "--json", "--json", "--timeout=2s", "mock", "certificate"]).is_ok());
    }

    #[test]
    fn a_hint_does_not_repeat_a_whole_argument_list() {
        let words: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
        let words: Vec<&str> = ["mock", "certificate"].into_iter().chain(words.iter().map(String::as_str)).collect();
        let shown = format!("{:?}", parsed(&words).unwrap_err());
        assert!(shown.contains("-- 0 1 2") && shown.len() < 2000, "{} bytes", shown.len());
    }

    #[test]
    fn flags_of_ssh_that_we_own_are_refused_with_a_reason() {
        assert!(refused(&["mock", "certificate", "-J", "host"]).contains("jump host"));
        for words in [
            ["-p", "22"],
            ["-i", "key"],
            ["-F", "file"],
            ["-W", "a:1"],
            ["-o", "ProxyCommand=x"],
            ["-o", "StrictHostKeyChecking=no"],
        ] {
            assert!(refused(&["mock", "certificate", words[0], words[1]]).contains(words[0]), "{words:?}");
        }
    }

    #[test]
    fn targets_sessions_and_descriptors_that_do_not_fit_are_refused_by_name() {
        assert!(refused(&["mock", "--", "x"]).contains("required"));
        assert!(refused(&["mock", "a b"]).starts_with("target: expected"));
        assert!(refused(&["mock", ""]).starts_with("target: expected"));
        assert!(refused(&["validate", "mock", "certificate"]).contains("no record of sessions"));
        let with =
            |rest: &[&'static str]| refused(&[&["revoke", "mock", "certificate", "--session-id"], rest].concat());
        assert!(with(&["a b"]).starts_with("--session-id: expected"));
        for descriptor in ["1", "2", "x", "-1", ""] {
            assert!(with(&["id", "--password-fd", descriptor]).starts_with("--password-fd: expected"), "{descriptor}");
        }
    }

    #[test]
    fn an_unknown_provider_is_refused_with_the_ones_there_are() {
        let report = parsed(&["mokc", "certificate"]).unwrap_err();
        let shown = format!("{report:?}");
        assert!(
            shown.contains("mokc") && shown.contains("did you mean mock? providers: dedalus, flyte, leap0, mock"),
            "{shown}"
        );
    }

    #[test]
    fn a_command_that_is_only_reserved_is_refused_as_one_of_later() {
        for word in ["ls", "gc", "stdio", "ssh-config"] {
            assert!(refused(&[word]).contains("does not exist yet"), "{word}");
        }
        assert!(format!("{:?}", parsed(&["help"]).unwrap_err()).contains("anyssh --help"));
    }

    #[test]
    fn a_missing_target_is_refused_with_the_usage() {
        let shown = format!("{:?}", parsed(&["mock"]).unwrap_err());
        assert!(shown.contains("anyssh [OPTIONS] mock certificate|password|tunnel [SSH FLAGS]"), "{shown}");
    }
}
