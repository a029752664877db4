//! One value from several places, as the type that it should have. Variables are stronger than a file.

use anyssh_core::{ErrorKind, ProviderError, Settings, escape};
use secrecy::ExposeSecret as _;

use super::found::ConfigFile;
use super::names::Key;
use super::yaml::Node;

/// The places in which a value is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) file: Option<&'a ConfigFile>,
    /// Whether the file is about another control plane, so that its `admin` section is not for this one.
    pub(crate) file_is_for_another: bool,
}

/// A value as it was found, and where.
pub(crate) struct Found {
    node: Node,
    /// `FLYTE_ADMIN_ENDPOINT`, or `admin.endpoint in /home/me/.flyte/config.yaml`.
    pub(crate) origin: String,
    /// What an error names: the variable, or the key of the file.
    pub(crate) field: &'static str,
}

impl Places<'_> {
    /// A word; empty is the same as none.
    pub(crate) fn word(&self, key: &Key) -> Result<Option<(String, Found)>, ProviderError> {
        self.find(key).map_or(Ok(None), one_word)
    }

    /// The same, of the file alone.
    pub(crate) fn word_in_file(&self, key: &Key) -> Result<Option<(String, Found)>, ProviderError> {
        self.find_in_file(key).map_or(Ok(None), one_word)
    }

    /// The text of a word.
    pub(crate) fn text(&self, key: &Key) -> Result<Option<String>, ProviderError> {
        Ok(self.word(key)?.map(|(text, _)| text))
    }

    /// Yes or no; without it no.
    pub(crate) fn flag(&self, key: &Key) -> Result<bool, ProviderError> {
        let Some((text, found)) = self.word(key)? else { return Ok(false) };
        boolean(&text).ok_or_else(|| found.refused_value("1, true, yes, on, 0, false, no or off", &text))
    }

    /// Words: a list, a JSON array, or words with commas or blanks between them.
    pub(crate) fn list(&self, key: &Key) -> Result<Vec<String>, ProviderError> {
        let Some(found) = self.find(key) else { return Ok(Vec::new()) };
        let words = match &found.node {
            Node::Word(text) => json_list(text).or_else(|| Some(separated(text))),
            node => words(node),
        };
        words.ok_or_else(|| found.refused("a list of words"))
    }

    /// A command and its arguments: a list, a JSON array, or one line with the shell's quotes. It may hold
    /// a secret, so it is not shown.
    pub(crate) fn command(&self, key: &Key) -> Result<Option<Vec<String>>, ProviderError> {
        let Some(found) = self.find(key) else { return Ok(None) };
        let words = match &found.node {
            Node::Word(text) => json_list(text).or_else(|| shlex::split(text)),
            node => words(node),
        };
        let is_one = |words: &Vec<String>| {
            words.first().is_some_and(|program| !program.is_empty()) && words.iter().all(|word| !word.contains('\0'))
        };
        words.filter(is_one).map(Some).ok_or_else(|| found.refused("a command and its arguments"))
    }

    /// Whether a variable sets it, or anyssh's own file.
    pub(crate) fn has_variable(&self, key: &Key) -> bool {
        key.variables.iter().any(|variable| self.settings.setting(variable.name).is_some())
    }

    fn find(&self, key: &Key) -> Option<Found> {
        for variable in key.variables {
            if let Some(value) = self.settings.setting(variable.name) {
                let node = Node::Word(value.expose_secret().to_owned());
                return Some(Found { node, origin: variable.name.to_owned(), field: variable.name });
            }
        }
        self.find_in_file(key)
    }

    fn find_in_file(&self, key: &Key) -> Option<Found> {
        let is_for_us = !self.file_is_for_another || key.path[0] != "admin";
        let file = self.file.filter(|_| is_for_us)?;
        let node = file.tree.at(&key.path).filter(|node| **node != Node::Word(String::new()))?;
        let origin = format!("{} in {}", key.name, file.shown());
        Some(Found { node: node.clone(), origin, field: key.name })
    }
}

fn one_word(found: Found) -> Result<Option<(String, Found)>, ProviderError> {
    match &found.node {
        Node::Word(text) if text.contains(char::is_control) => Err(found.refused("text on one line")),
        Node::Word(text) => Ok(Some((text.clone(), found))),
        _ => Err(found.refused("one word")),
    }
}

impl Found {
    /// The error for a value that does not fit; it is not shown.
    pub(crate) fn refused(&self, expected: &str) -> ProviderError {
        let message = format!("{}: expected {expected}", self.origin);
        ProviderError::new(ErrorKind::Config, message).with_field(self.field)
    }

    /// The error for a value that does not fit and is no secret.
    pub(crate) fn refused_value(&self, expected: &str, value: &str) -> ProviderError {
        let message = format!("{}: expected {expected}, found {}", self.origin, escape::quoted(value));
        ProviderError::new(ErrorKind::Config, message).with_field(self.field)
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn words(node: &Node) -> Option<Vec<String>> {
    let Node::List(items) = node else { return None };
    let word = |item: &Node| match item {
        Node::Word(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(word).collect()
}

fn json_list(text: &str) -> Option<Vec<String>> {
    if text.trim_start().starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

fn separated(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
