//! The flags that mean what they mean to ssh, read from the command line and parsed one by one.

use anyssh_core::UserName;
use anyssh_openssh::{FlagError, Forward, LogLevel, SshFlags, SshOption, Terminal, X11};
use clap::{Arg, ArgAction, ArgMatches};

use crate::report::Report;

/// Flags of ssh that are refused, each with its reason.
const REFUSED: &[(char, &str)] = &[
    ('J', "the provider says how the target is reached, so there is no jump host to choose"),
    ('p', "the provider says which port the target listens on"),
    ('i', "the provider gives the credential; a provider that takes a key of yours has its own option for it"),
    ('F', "no ssh_config is read: a launch depends on nothing but its own options"),
    ('W', "forward a port with -L instead"),
    ('w', "tunnel devices are not supported"),
    ('S', "connections are not shared"),
    ('M', "connections are not shared"),
    ('O', "connections are not shared"),
    ('f', "ssh stays in the foreground, so that its session can be revoked; use your shell's &"),
    ('g', "use -o GatewayPorts=yes"),
    ('E', "ssh's log is shown on stderr, with -v more of it"),
    ('c', "use -o Ciphers=LIST"),
    ('m', "use -o MACs=LIST"),
    ('b', "use -o BindAddress=ADDRESS"),
    ('B', "use -o BindInterface=NAME"),
    ('C', "use -o Compression=yes"),
    ('e', "use -o EscapeChar=CHARACTER"),
    ('4', "use -o AddressFamily=inet"),
    ('6', "use -o AddressFamily=inet6"),
];

/// Those of [`REFUSED`] that take a value.
const WITH_VALUE: &str = "JpiFWwSOEcmbBe";

/// The flags as arguments of a provider's command.
pub(crate) fn arguments() -> Vec<Arg> {
    let flag = |short: char, help: &'static str| {
        Arg::new(short.to_string()).short(short).action(ArgAction::SetTrue).help(help).help_heading(HEADING)
    };
    let count = |short: char, help: &'static str| flag(short, help).action(ArgAction::Count);
    let word = |short: char, value: &'static str, help: &'static str| {
        flag(short, help).action(ArgAction::Append).value_name(value)
    };
    let mut arguments = vec![
        word('L', "[BIND:]PORT:HOST:PORT", "Forward a local port or socket to the target's side"),
        word('R', "[BIND:]PORT[:HOST:PORT]", "Forward a remote port or socket to this side"),
        word('D', "[BIND:]PORT", "Forward through a local SOCKS proxy"),
        flag('A', "Forward the authentication agent"),
        flag('N', "Run no remote command"),
        flag('T', "No terminal at the target"),
        count('t', "A terminal at the target, also for a command; twice to force it"),
        flag('X', "Forward X11"),
        flag('Y', "Forward X11, trusted"),
        flag('q', "No messages from ssh"),
        count('v', "Messages from ssh; up to three times for more"),
        word('l', "USER", "The user to log in as, where the credential leaves it open"),
        word('o', "KEY=VALUE", "An option of ssh, from a list of allowed ones"),
    ];
    arguments.extend(REFUSED.iter().map(|(short, _)| {
        let arg = Arg::new(format!("refused:{short}")).short(*short).hide(true);
        if WITH_VALUE.contains(*short) { arg.num_args(1) } else { arg.action(ArgAction::SetTrue) }
    }));
    arguments
}

/// The flags that were given.
pub(crate) fn flags(matches: &ArgMatches) -> Result<SshFlags, Box<Report>> {
    for (short, reason) in REFUSED {
        let id = format!("refused:{short}");
        if matches.value_source(&id) == Some(clap::parser::ValueSource::CommandLine) {
            return Err(usage(&format!("-{short}"), &format!("-{short} is not for anyssh: {reason}")));
        }
    }
    let mut flags = SshFlags::default();
    for (id, parse) in FORWARDS {
        for word in many(matches, id) {
            flags.forwards.push(parse(word).map_err(|error| usage(&format!("-{id}"), &error.to_string()))?);
        }
    }
    flags.forward_agent = matches.get_flag("A");
    flags.no_command = matches.get_flag("N");
    flags.terminal = terminal(matches);
    flags.x11 = match (last(matches, "X"), last(matches, "Y")) {
        (None, None) => X11::No,
        (untrusted, trusted) if untrusted > trusted => X11::Untrusted,
        _ => X11::Trusted,
    };
    flags.log_level = log_level(matches);
    if let Some(user) = many(matches, "l").next() {
        flags.user = Some(UserName::parse("-l", user).map_err(|error| usage("-l", &error.to_string()))?);
    }
    for word in many(matches, "o") {
        let option = SshOption::parse(word).map_err(|error| usage("-o", &error.to_string()))?;
        flags.options.push(option);
    }
    Ok(flags)
}

type ParseForward = fn(&str) -> Result<Forward, FlagError>;

const FORWARDS: [(&str, ParseForward); 3] =
    [("L", Forward::parse_local), ("R", Forward::parse_remote), ("D", Forward::parse_dynamic)];

const HEADING: &str = "SSH flags";

fn many<'a>(matches: &'a ArgMatches, id: &str) -> impl Iterator<Item = &'a str> {
    matches.get_many::<String>(id).into_iter().flatten().map(String::as_str)
}

/// Where a flag stands on the command line, the last time. ssh reads its flags from left to right, so
/// of two that contradict each other the later one counts (ssh.c, main).
fn last(matches: &ArgMatches, id: &str) -> Option<usize> {
    let given = matches.value_source(id) == Some(clap::parser::ValueSource::CommandLine);
    if given { matches.indices_of(id)?.next_back() } else { None }
}

fn terminal(matches: &ArgMatches) -> Terminal {
    match matches.get_count("t") {
        _ if last(matches, "T") > last(matches, "t") => Terminal::Never,
        0 => Terminal::Default,
        1 => Terminal::Request,
        _ => Terminal::Force,
    }
}

fn log_level(matches: &ArgMatches) -> LogLevel {
    match matches.get_count("v") {
        _ if last(matches, "q") > last(matches, "v") => LogLevel::Quiet,
        0 => LogLevel::Info,
        1 => LogLevel::Debug1,
        2 => LogLevel::Debug2,
        _ => LogLevel::Debug3,
    }
}

fn usage(field: &str, message: &str) -> Box<Report> {
    Report::usage(message).with_field(field).boxed()
}
