//! Names and ids: the short words that reach command lines, files and URLs.
//!
//! Each type is only made by parsing, from an allow-list, so a newline, a blank, a leading dash or a
//! shell operator cannot be inside one (requirement S1). The caller names the field, so a refusal
//! says `ssh_username: expected …`.

use std::fmt;

use crate::FieldError;

/// The longest name or id, in bytes.
const LONGEST: usize = 253;

const ID: &str = "1 to 253 letters, digits, '.', '_' or '-', starting and ending with a letter or digit";
const USER: &str = "a user name of 1 to 253 letters, digits, '.', '_' or '-' that does not start with '-' or '.'";
const TARGET: &str = "1 to 253 printable characters without blanks, quotes or a leading '-'";

/// What you want to reach, in the provider's own ids: a machine, a sandbox, a run and action.
///
/// This is what every target has in common; a provider parses it more narrowly. It is one word of
/// printable ASCII without blanks, quotes, backslash or backtick, it does not start with `-`, and no
/// `/`-separated part of it is empty, `.` or `..`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target(String);

/// A provider's id of one session.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(String);

/// The user name that logs in. It may start with `_`, as system accounts do.
///
/// Raw text is no user name, here as in the other types; only parsing makes one:
///
/// ```compile_fail
/// let user: anyssh_core::UserName = "root".into();
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

/// The name under which a host key is known instead of the host's address: OpenSSH's `HostKeyAlias`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostAlias(String);

/// A key that lets a provider recognise the same request when it is repeated.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl Target {
    /// Parses a target; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let bytes_fit = text.bytes().all(|b| b.is_ascii_graphic() && !b"'\"\\`".contains(&b));
        let parts_fit = text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if fits_length(text) && bytes_fit && parts_fit && !text.starts_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(FieldError::new(field, TARGET, text))
    }

    /// The target as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SessionId {
    /// Parses a session id; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        parse_id(field, text).map(Self)
    }

    /// The id as the provider spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UserName {
    /// Parses a user name; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let first_fits = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        let last_fits = text.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits_length(text) && first_fits && last_fits && text.bytes().all(is_id_byte) {
            return Ok(Self(text.to_owned()));
        }
        Err(FieldError::new(field, USER, text))
    }

    /// The name as it goes to `ssh -l`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostAlias {
    /// Parses an alias; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        parse_id(field, text).map(Self)
    }

    /// The alias as it stands in known_hosts.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl IdempotencyKey {
    /// Parses a key; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        parse_id(field, text).map(Self)
    }

    /// The key as it goes into the request's header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn parse_id(field: &'static str, text: &str) -> Result<String, FieldError> {
    let edge_fits = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let edges_fit = edge_fits(text.bytes().next()) && edge_fits(text.bytes().last());
    if fits_length(text) && edges_fit && text.bytes().all(is_id_byte) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new(field, ID, text))
}

fn fits_length(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
}

fn is_id_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"._-".contains(&b)
}

// The five types print alike; a macro would save these lines and hide them from readers.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({})", self.0)
    }
}

impl fmt::Display for HostAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostAlias({})", self.0)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_seen_in_the_wild_are_accepted() {
        for id in ["ssh-bb961077616ff86f", "wssh-1", "0190f3c2-7b1a-7c3e-8f00-1234567890ab", "a", "A.b_c-9"] {
            assert_eq!(SessionId::parse("id", id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn users_may_start_with_an_underscore_and_ids_may_not() {
        assert!(UserName::parse("user", "_apt").is_ok());
        assert!(SessionId::parse("id", "_apt").is_err());
    }

    #[test]
    fn dangerous_words_are_refused_and_the_field_is_named() {
        for text in ["", "-oProxyCommand=x", "a b", "a\nb", "a\0", "root@", "a'b", "$(id)", "..", "a/..", "a//b", "é"]
        {
            let target = Target::parse("target", text);
            if text != "root@" && text != "$(id)" {
                assert!(target.unwrap_err().to_string().starts_with("target: expected"), "{text:?}");
            }
            assert_eq!(UserName::parse("ssh_username", text).unwrap_err().field(), "ssh_username", "{text:?}");
            assert_eq!(SessionId::parse("session_id", text).unwrap_err().field(), "session_id", "{text:?}");
        }
    }

    #[test]
    fn the_longest_name_is_253_bytes() {
        assert!(SessionId::parse("id", &"a".repeat(253)).is_ok());
        assert!(SessionId::parse("id", &"a".repeat(254)).is_err());
        assert!(Target::parse("target", &"a".repeat(254)).is_err());
    }

    proptest! {
        /// S1: whatever is accepted holds only bytes of the allow-list and no leading dash.
        #[test]
        fn accepted_names_hold_only_allowed_bytes(text in any::<String>()) {
            if let Ok(user) = UserName::parse("user", &text) {
                prop_assert!(user.as_str().bytes().all(is_id_byte) && !user.as_str().starts_with('-'));
            }
            if let Ok(target) = Target::parse("target", &text) {
                prop_assert!(target.as_str().bytes().all(|b| b.is_ascii_graphic()) && !target.as_str().starts_with('-'));
            }
        }

        /// S1: one byte outside the list anywhere is enough to be refused.
        #[test]
        fn one_byte_outside_the_list_refuses_the_whole(
            head in "[a-z0-9]{1,8}", bad in any::<char>().prop_filter("outside", |c| !(c.is_ascii_alphanumeric() || "._-".contains(*c))), tail in "[a-z0-9]{1,8}",
        ) {
            let text = format!("{head}{bad}{tail}");
            prop_assert!(SessionId::parse("id", &text).is_err());
            prop_assert!(UserName::parse("user", &text).is_err());
            prop_assert!(HostAlias::parse("alias", &text).is_err());
            prop_assert!(IdempotencyKey::parse("key", &text).is_err());
        }
    }
}
