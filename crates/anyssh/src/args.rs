//! The words of the command line, described to clap: one subcommand for each provider and each verb.

use std::ffi::OsString;

use anyssh_core::{OptionInfo, OptionKind, ProviderInfo};
use clap::builder::OsStringValueParser;
use clap::{Arg, ArgAction, Command};

use crate::options::{self, Place};
use crate::ssh_args;

/// The whole command line.
pub(crate) fn command(providers: &[&'static ProviderInfo]) -> Command {
    let mut command = Command::new("anyssh")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Real SSH into compute that many vendors host")
        .override_usage("anyssh [OPTIONS] <PROVIDER> <TARGET> [PROVIDER OPTIONS] [SSH FLAGS] [-- COMMAND [ARG...]]\n       anyssh [OPTIONS] <COMMAND>")
        .after_help(EXIT_STATUS)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_help_heading("Providers and commands")
        .disable_help_subcommand(true)
        // An option given twice, in an alias and by hand: the later one counts, as with other commands.
        .args_override_self(true)
        .args(options::arguments(Place::First));
    for info in providers {
        command = command.subcommand(connect(info));
    }
    command
        .subcommand(verb("create", "Make a session and show it", providers, |command| command.arg(show_secrets())))
        .subcommand(verb(
            "validate",
            "Ask whether a session is good: exit 0 valid, 1 not valid",
            providers,
            named_session,
        ))
        .subcommand(verb("regenerate", "Put a new credential in place of an old one", providers, |command| {
            named_session(command).arg(show_secrets())
        }))
        .subcommand(verb("revoke", "End a session at the provider", providers, named_session))
        .subcommand(targets(providers))
        .subcommand(verb(
            "tunnel",
            "Carry raw bytes between standard streams and a session's transport (a ProxyCommand)",
            providers,
            |command| command,
        ))
        .subcommand(own("providers", "List the providers, their settings and options, and what each can do"))
        .subcommand(own("flyte-env", "Print the environment that makes a Flyte run debuggable"))
}

fn own(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).args(options::arguments(Place::Command))
}

fn connect(info: &'static ProviderInfo) -> Command {
    Command::new(info.name)
        .about(info.summary)
        .override_usage(usage(info))
        .arg(target(info))
        .args(provider_options(info))
        .args(ssh_args::arguments())
        .arg(Arg::new("stray").num_args(1..).hide(true).trailing_var_arg(true).value_parser(OsStringValueParser::new()))
        .args(options::arguments(Place::Connect))
        .after_help(REMOTE_COMMAND)
}

fn verb(
    name: &'static str,
    about: &'static str,
    providers: &[&'static ProviderInfo],
    extend: impl Fn(Command) -> Command,
) -> Command {
    let mut command =
        own(name, about).subcommand_required(true).arg_required_else_help(true).disable_help_subcommand(true);
    command = command.subcommand_help_heading("Providers").subcommand_value_name("PROVIDER");
    for info in providers {
        let leaf = Command::new(info.name).about(info.summary).arg(target(info)).args(provider_options(info));
        command = command.subcommand(extend(leaf).args(options::arguments(Place::Command)));
    }
    command
}

fn targets(providers: &[&'static ProviderInfo]) -> Command {
    let mut command = own("targets", "List what there is to connect to").subcommand_required(true);
    command = command.arg_required_else_help(true).disable_help_subcommand(true);
    command = command.subcommand_help_heading("Providers").subcommand_value_name("PROVIDER");
    for info in providers {
        let leaf = Command::new(info.name).about(info.summary).args(provider_options(info));
        command = command.subcommand(leaf.args(options::arguments(Place::Command)));
    }
    command
}

fn usage(info: &ProviderInfo) -> String {
    let own = if info.options.is_empty() { "" } else { " [PROVIDER OPTIONS]" };
    format!("anyssh [OPTIONS] {} {}{own} [SSH FLAGS] [-- COMMAND [ARG...]]", info.name, info.target_form)
}

fn target(info: &ProviderInfo) -> Arg {
    Arg::new("target")
        .required(true)
        .help("What to reach")
        .value_name(info.target_form)
        .value_parser(OsStringValueParser::new())
}

fn provider_options(info: &'static ProviderInfo) -> Vec<Arg> {
    info.options.iter().map(provider_option).collect()
}

fn provider_option(option: &'static OptionInfo) -> Arg {
    let arg = Arg::new(provider_option_id(option)).long(option.name).help(option.help).help_heading("Provider options");
    match option.kind {
        OptionKind::Flag => arg.action(ArgAction::SetTrue),
        OptionKind::Value { placeholder } => arg.value_name(placeholder),
    }
}

/// The id of a provider's option among all arguments.
pub(crate) fn provider_option_id(option: &OptionInfo) -> String {
    format!("provider:{}", option.name)
}

fn named_session(command: Command) -> Command {
    command
        .arg(Arg::new("session-id").long("session-id").value_name("ID").help("The session, by the provider's id"))
        .arg(
            Arg::new("password-fd")
                .long("password-fd")
                .value_name("N")
                .allow_hyphen_values(true)
                .help("Read the session's password from this file descriptor (- is standard input)"),
        )
}

fn show_secrets() -> Arg {
    Arg::new("show-secrets").long("show-secrets").action(ArgAction::SetTrue).help("Print the credential too")
}

/// The words before the first `--`, which are for clap, and those after it, which are for the target.
pub(crate) fn split(words: &[OsString]) -> (&[OsString], Option<&[OsString]>) {
    match words.iter().position(|word| word == "--") {
        Some(index) => (&words[..index], Some(&words[index + 1..])),
        None => (words, None),
    }
}

/// The words of an argument that takes any.
pub(crate) fn words(matches: &clap::ArgMatches, id: &str) -> Vec<OsString> {
    matches.get_many::<OsString>(id).map(|words| words.cloned().collect()).unwrap_or_default()
}

const REMOTE_COMMAND: &str = "\
COMMAND is one word that the remote shell reads as a line (-- 'ls | wc -l'),
or two or more that are each quoted for it (-- ls \"a b\"). Without it: a login shell.";

const EXIT_STATUS: &str = "\
Exit status of a connection: the remote command's own; 2 wrong words;
  128+N ended by signal N; 255 everything else.
Of the other commands: 0 ok, 1 the answer is no, 2 wrong words, 3 setting missing,
  4 not allowed, 5 not found, 6 conflict, 7 unavailable, 8 timeout, 9 failed,
  10 bad answer, 11 something local.

First try: anyssh mock certificate -- echo hello";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_fault_in_the_description() {
        command(anyssh_sdk::BUILTIN).debug_assert();
    }

    /// The help texts that stand in docs/cli.md.
    fn reference() -> String {
        let mut root = command(anyssh_sdk::BUILTIN).term_width(100);
        root.build();
        let mut text = String::new();
        for words in [
            vec![],
            vec!["mock"],
            vec!["create", "mock"],
            vec!["validate", "mock"],
            vec!["regenerate", "mock"],
            vec!["revoke", "mock"],
            vec!["targets"],
            vec!["tunnel", "mock"],
            vec!["providers"],
            vec!["flyte-env"],
        ] {
            let mut current = &mut root;
            for word in &words {
                current = current.find_subcommand_mut(word).unwrap();
            }
            let help = current.render_help().to_string();
            let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
            text.push_str(&format!(
                "\n```text\n$ anyssh {}--help\n{}\n```\n",
                words.iter().map(|word| format!("{word} ")).collect::<String>(),
                lines.join("\n")
            ));
        }
        text
    }

    /// `UPDATE_DOCS=1 cargo test -p anyssh reference` writes the page anew.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test that can mend what it checks")]
    fn the_reference_in_the_docs_is_what_clap_prints() {
        const BEGIN: &str = "<!-- help:begin -->\n";
        const END: &str = "<!-- help:end -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (block, after) = rest.split_once(END).unwrap();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", reference())).unwrap();
            return;
        }
        assert_eq!(block, reference(), "run: UPDATE_DOCS=1 cargo test -p anyssh reference");
    }
}
