//! `-o KEY=VALUE`: the options that a user may give, and why not the others.

use crate::flag_error::FlagError;
use crate::flags::{LogLevel, Terminal};
use crate::forward::Forward;
use crate::option_owned::OWNED;
use crate::option_table::{ALLOWED, Allowed, is_yes_or_no};
use crate::quote::{option_word, split_words};

/// One option that the user may give, read, checked and in its canonical form.
///
/// What decides where ssh connects, whom it trusts and with what it logs in is not among them; see
/// [`SshOption::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshOption(Setting);

/// What an option sets: either a field of ours that flags set too, or a word for ssh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Passed { key: &'static str, value: String },
    Forward(Forward),
    ForwardAgent(bool),
    ForwardX11(bool),
    ForwardX11Trusted(bool),
    LogLevel(LogLevel),
    Terminal(Terminal),
}

impl SshOption {
    /// Reads the word after `-o`: `KEY=VALUE` or `KEY VALUE`, the key in any case, the value with
    /// ssh_config(5)'s quoting.
    ///
    /// # Errors
    /// [`FlagError::Owned`] for an option that anyssh decides, with what it owns;
    /// [`FlagError::Unknown`] for a key it does not know; [`FlagError::Value`] for a value that does
    /// not fit, or that some version of ssh would expand.
    ///
    /// ```
    /// use anyssh_openssh::SshOption;
    /// assert!(SshOption::parse("serveraliveinterval = 5").is_ok());
    /// let error = SshOption::parse("StrictHostKeyChecking=no").unwrap_err();
    /// assert_eq!(error.to_string(), "-o StrictHostKeyChecking: anyssh decides how hosts are trusted");
    /// ```
    pub fn parse(word: &str) -> Result<Self, FlagError> {
        let word = word.trim_matches([' ', '\t']);
        let key_end = word.find([' ', '\t', '=']).unwrap_or(word.len());
        let (key, rest) = word.split_at(key_end);
        let rest = rest.trim_start_matches([' ', '\t']);
        let value = rest.strip_prefix('=').unwrap_or(rest).trim_start_matches([' ', '\t']);
        match ALLOWED.iter().find(|allowed| allowed.key.eq_ignore_ascii_case(key)) {
            Some(allowed) => read(allowed, value).map(Self),
            None => Err(refusal(key)),
        }
    }

    /// The keys that may be given, in the spelling of ssh_config(5).
    pub fn keys() -> impl Iterator<Item = &'static str> {
        ALLOWED.iter().map(|allowed| allowed.key)
    }

    pub(crate) fn setting(&self) -> &Setting {
        &self.0
    }
}

fn refusal(key: &str) -> FlagError {
    let owned = OWNED.iter().find_map(|(reason, keys)| {
        keys.iter().find(|owned| owned.eq_ignore_ascii_case(key)).map(|key| FlagError::Owned { key, reason })
    });
    owned.unwrap_or_else(|| FlagError::unknown(key))
}

fn read(allowed: &Allowed, value: &str) -> Result<Setting, FlagError> {
    let refused = || FlagError::value(format!("-o {}", allowed.key), allowed.expected, value);
    let words = match split_words(value) {
        Some(words) if !value.contains(|c: char| c.is_control()) => words,
        _ => return Err(refused()),
    };
    let count_fits = (1..=allowed.most_words).contains(&words.len());
    if !count_fits || !words.iter().all(|word| (allowed.fits)(word)) {
        return Err(refused());
    }
    setting(allowed.key, &words).ok_or_else(refused)
}

/// The setting for words that fit their key's row in the table.
fn setting(key: &'static str, words: &[String]) -> Option<Setting> {
    let first = words.first()?;
    Some(match key {
        // ssh_config(5) separates the two ends by a blank, the flags by a colon.
        "LocalForward" => Setting::Forward(Forward::parse_local(&words.join(":")).ok()?),
        "RemoteForward" => Setting::Forward(Forward::parse_remote(&words.join(":")).ok()?),
        "DynamicForward" => Setting::Forward(Forward::parse_dynamic(first).ok()?),
        "ForwardAgent" => Setting::ForwardAgent(yes_or_no(first)?),
        "ForwardX11" => Setting::ForwardX11(yes_or_no(first)?),
        "ForwardX11Trusted" => Setting::ForwardX11Trusted(yes_or_no(first)?),
        "LogLevel" => Setting::LogLevel(log_level(first)?),
        "RequestTTY" => Setting::Terminal(terminal(first)?),
        key => {
            let words: Vec<String> = words.iter().map(|word| option_word(word)).collect();
            Setting::Passed { key, value: words.join(" ") }
        }
    })
}

fn yes_or_no(word: &str) -> Option<bool> {
    is_yes_or_no(word).then(|| matches!(word.to_ascii_lowercase().as_str(), "yes" | "true"))
}

/// What is shown at least covers what ssh would show at that level, except that errors stay visible
/// together with what ssh says by itself.
fn log_level(word: &str) -> Option<LogLevel> {
    Some(match word.to_ascii_uppercase().as_str() {
        "QUIET" | "FATAL" => LogLevel::Quiet,
        "ERROR" | "INFO" => LogLevel::Info,
        "VERBOSE" | "DEBUG" | "DEBUG1" => LogLevel::Debug1,
        "DEBUG2" => LogLevel::Debug2,
        "DEBUG3" => LogLevel::Debug3,
        _ => return None,
    })
}

fn terminal(word: &str) -> Option<Terminal> {
    Some(match word.to_ascii_lowercase().as_str() {
        "auto" => Terminal::Default,
        "no" | "false" => Terminal::Never,
        "yes" | "true" => Terminal::Request,
        "force" => Terminal::Force,
        _ => return None,
    })
}
