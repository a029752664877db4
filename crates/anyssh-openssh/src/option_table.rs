//! The keys of ssh_config(5) that a user may give, each with the form of its value. No value is passed
//! on that ssh, in some version, would expand or read as more than one.

/// One option that a user may give.
pub(crate) struct Allowed {
    /// The key as ssh_config(5) spells it.
    pub(crate) key: &'static str,
    /// What each word of the value has to be.
    pub(crate) fits: fn(&str) -> bool,
    /// How many words the value may have.
    pub(crate) most_words: usize,
    /// The form, for the error message.
    pub(crate) expected: &'static str,
}

const fn one(key: &'static str, fits: fn(&str) -> bool, expected: &'static str) -> Allowed {
    Allowed { key, fits, most_words: 1, expected }
}

const fn many(key: &'static str, most_words: usize, fits: fn(&str) -> bool, expected: &'static str) -> Allowed {
    Allowed { key, fits, most_words, expected }
}

const SWITCH: &str = "yes or no";
const COUNT: &str = "a number from 1 to 999999999";
const TIME: &str = "a time such as 30 or 1m30s";
const ALGORITHMS: &str = "a list of algorithm names separated by commas, perhaps after '+', '-' or '^'";
const FORWARD: &str = "both ends of a forwarding, such as \"8080 host:80\", without '%', '${' or '\\'";

/// The options that a user may give.
pub(crate) const ALLOWED: &[Allowed] = &[
    one("AddressFamily", |word| is_one_of(word, &["any", "inet", "inet6"]), "any, inet or inet6"),
    one("BindAddress", is_address, "an address or a host name"),
    one("BindInterface", is_interface, "the name of a network interface"),
    one("Ciphers", is_algorithms, ALGORITHMS),
    one("Compression", is_yes_or_no, SWITCH),
    one("ConnectTimeout", is_time, TIME),
    one("ConnectionAttempts", is_count, COUNT),
    one("DynamicForward", is_anything, "[ADDRESS:]PORT"),
    one("EscapeChar", is_escape, "one character, '^' and a letter, or none"),
    one("ExitOnForwardFailure", is_yes_or_no, SWITCH),
    one("ForwardAgent", is_yes_or_no, "yes or no (another agent's socket is given as SSH_AUTH_SOCK)"),
    one("ForwardX11", is_yes_or_no, SWITCH),
    one("ForwardX11Timeout", is_time, TIME),
    one("ForwardX11Trusted", is_yes_or_no, SWITCH),
    one("GatewayPorts", is_yes_or_no, SWITCH),
    many("IPQoS", 2, is_service_class, "one or two classes such as af21 or cs1"),
    one("KexAlgorithms", is_algorithms, ALGORITHMS),
    many("LocalForward", 2, is_anything, FORWARD),
    one("LogLevel", is_anything, "QUIET, FATAL, ERROR, INFO, VERBOSE, DEBUG, DEBUG1, DEBUG2 or DEBUG3"),
    one("MACs", is_algorithms, ALGORITHMS),
    many("PermitRemoteOpen", 64, is_permitted, "any, none or destinations HOST:PORT"),
    many("RekeyLimit", 2, is_limit, "an amount such as 1G or default, and perhaps a time"),
    many("RemoteForward", 2, is_anything, FORWARD),
    one("RequestTTY", is_anything, "auto, no, yes or force"),
    many(
        "SendEnv",
        64,
        is_variable_pattern,
        "names of variables, with wildcards only where they cannot take in ANYSSH_ ones",
    ),
    one("ServerAliveCountMax", is_count, COUNT),
    one("ServerAliveInterval", is_time, TIME),
    many("SetEnv", 64, is_assignment, "NAME=VALUE words without '%' and '${', which newer versions of ssh expand"),
    one("StreamLocalBindMask", is_mask, "three or four octal digits"),
    one("StreamLocalBindUnlink", is_yes_or_no, SWITCH),
    one("TCPKeepAlive", is_yes_or_no, SWITCH),
];

pub(crate) fn is_yes_or_no(word: &str) -> bool {
    is_one_of(word, &["yes", "no", "true", "false"])
}

fn is_one_of(word: &str, choices: &[&str]) -> bool {
    choices.iter().any(|choice| choice.eq_ignore_ascii_case(word))
}

/// For values that are parsed into a type of their own.
fn is_anything(_: &str) -> bool {
    true
}

/// Whether `word` is `least` to `most` characters, all letters, digits or in `others`.
fn is_made_of(word: &str, others: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&word.len()) && word.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

fn is_digits(word: &str, most: usize) -> bool {
    (1..=most).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit())
}

fn is_count(word: &str) -> bool {
    is_digits(word, 9) && word.parse::<u32>().is_ok_and(|number| number > 0)
}

fn is_time(word: &str) -> bool {
    seconds(word).is_some()
}

/// The TIME FORMATS of sshd_config(5), up to what fits ssh's number.
pub(crate) fn seconds(word: &str) -> Option<u64> {
    let mut total: u64 = 0;
    for part in word.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match part[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        if !is_digits(digits, 9) {
            return None;
        }
        total += digits.parse::<u64>().unwrap_or(u64::from(u32::MAX)) * unit;
    }
    (!word.is_empty() && word.len() <= 32 && total <= i32::MAX as u64).then_some(total)
}

fn is_algorithms(word: &str) -> bool {
    let names = word.strip_prefix(['+', '-', '^']).unwrap_or(word);
    is_made_of(names, "@._-,*?!", 1, 2000)
}

fn is_address(word: &str) -> bool {
    word == "*" || anyssh_core::Host::parse("BindAddress", word).is_ok()
}

fn is_interface(word: &str) -> bool {
    is_made_of(word, "._:@-", 1, 64) && !word.starts_with('-')
}

fn is_escape(word: &str) -> bool {
    let mut characters = word.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some(c), None, _) => c.is_ascii_graphic(),
        (Some('^'), Some(c), None) => ('@'..='_').contains(&c) || c.is_ascii_lowercase(),
        _ => word == "none",
    }
}

fn is_service_class(word: &str) -> bool {
    is_made_of(word, "", 1, 16)
}

fn is_permitted(word: &str) -> bool {
    is_made_of(word, ".:*[]_-", 1, 300) && !word.starts_with('-')
}

fn is_limit(word: &str) -> bool {
    is_one_of(word, &["default", "none"])
        || is_time(word)
        || is_digits(word.strip_suffix(['K', 'M', 'G', 'k', 'm', 'g']).unwrap_or(word), 12)
}

/// A variable's name or a pattern for some, perhaps with the `-` that takes names off the list.
/// A pattern that takes in our own one-time variables would send them to the far end (requirement K1).
fn is_variable_pattern(word: &str) -> bool {
    const OURS: &str = "ANYSSH_";
    let pattern = word.strip_prefix('-').unwrap_or(word);
    let literal = pattern.split(['*', '?']).next().unwrap_or_default();
    let reaches_ours = literal.starts_with(OURS) || (literal.len() < pattern.len() && OURS.starts_with(literal));
    is_made_of(pattern, "_*?", 1, 200) && (word.starts_with('-') || !reaches_ours)
}

fn is_assignment(word: &str) -> bool {
    let Some((name, value)) = word.split_once('=') else { return false };
    is_made_of(name, "_", 1, 200) && word.len() <= 32 * 1024 && !value.contains('%') && !value.contains("${")
}

fn is_mask(word: &str) -> bool {
    (3..=4).contains(&word.len()) && word.bytes().all(|b| (b'0'..=b'7').contains(&b))
}
