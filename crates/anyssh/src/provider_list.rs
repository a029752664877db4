//! What a list of providers has to be so that every word of the command line means one thing.

use anyssh_core::ProviderInfo;

use crate::options;
use crate::report::Report;

/// Words that are, or will be, commands of our own: no provider may have one of these names.
const OWN_WORDS: &[&str] = &[
    "create",
    "validate",
    "regenerate",
    "revoke",
    "ls",
    "gc",
    "targets",
    "providers",
    "tunnel",
    "stdio",
    "ssh-config",
    "flyte-env",
    "help",
    "completions",
    "version",
];

/// Options of our own beside those of every command.
const OWN_OPTIONS: &[&str] = &["session-id", "password-fd", "show-secrets", "all", "help", "version"];

/// Refuses a list in which a name or an option would mean two things. Whoever wrote the `main` that
/// gave the list sees this at the first start.
pub(crate) fn check(providers: &[&'static ProviderInfo]) -> Result<(), Box<Report>> {
    for (index, info) in providers.iter().enumerate() {
        let name = info.name;
        if !is_word(name) {
            return Err(fault(name, "the name is not lower-case letters, digits and '-', starting with a letter"));
        }
        if is_reserved(name) {
            return Err(fault(name, "the name is a command of anyssh"));
        }
        if options::NAMES.iter().any(|option| option.replace('-', "_") == name) {
            return Err(fault(name, "the name is a key of the configuration file"));
        }
        if providers[..index].iter().any(|other| other.name == name) {
            return Err(fault(name, "two providers have this name"));
        }
        for (index, option) in info.options.iter().enumerate() {
            let taken = options::NAMES.contains(&option.name) || OWN_OPTIONS.contains(&option.name);
            let twice = info.options[..index].iter().any(|other| other.name == option.name);
            if taken || twice || !is_word(option.name) {
                return Err(fault(name, &format!("the option --{} is taken or is not a word", option.name)));
            }
        }
    }
    Ok(())
}

/// Whether a word is, or will be, a command of our own.
pub(crate) fn is_reserved(word: &str) -> bool {
    OWN_WORDS.contains(&word)
}

fn is_word(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn fault(provider: &str, what: &str) -> Box<Report> {
    let hint = "this is a fault in the program's list of providers";
    Report::local(format!("the provider cannot be offered: {what}")).with_provider(provider).with_hint(hint).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyssh_core::{OptionInfo, ProviderError, ProviderInfo};

    const fn named(name: &'static str) -> ProviderInfo {
        ProviderInfo::new(name, "", |_| Err(ProviderError::unsupported("test")))
    }

    #[test]
    fn our_own_list_and_a_guest_beside_it_are_fine() {
        static GUEST: ProviderInfo = named("guest");
        assert!(check(&[anyssh_sdk::BUILTIN, &[&GUEST]].concat()).is_ok());
    }

    #[test]
    fn names_that_would_mean_two_things_are_refused() {
        static OWN: ProviderInfo = named("ssh-config");
        static KEY: ProviderInfo = named("timeout");
        static SHAPE: ProviderInfo = named("My Provider");
        static OPTION: ProviderInfo = named("guest").with_options(&[OptionInfo::flag("json", "")]);
        for info in [&OWN, &KEY, &SHAPE, &OPTION] {
            assert!(check(&[info]).is_err(), "{}", info.name);
        }
        assert!(check(&[anyssh_sdk::BUILTIN, anyssh_sdk::BUILTIN].concat()).is_err());
    }

    #[test]
    fn every_command_of_ours_is_a_word_that_providers_may_not_have() {
        for sub in crate::args::command(&[]).get_subcommands() {
            assert!(OWN_WORDS.contains(&sub.get_name()), "{}", sub.get_name());
        }
    }
}
