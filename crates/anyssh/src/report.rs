//! What goes to the user when something failed: one line, one hint, one exit status.

use std::fmt::Write as _;

use anyssh_core::{ProviderInfo, escape};
use anyssh_sdk::{Error, Kind, Operation};
use serde::Serialize;

use crate::console;
use crate::hints;
use crate::options::ErrorFormat;

/// A failure, or a warning, ready to be shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    code: u8,
    kind: &'static str,
    provider: Option<String>,
    operation: Option<&'static str>,
    target: Option<String>,
    field: Option<String>,
    message: String,
    hint: Option<String>,
    retryable: bool,
    /// What a target of the provider is called, for the line that people read.
    #[serde(skip)]
    noun: &'static str,
    /// The exit status of a failed connect, where its kind does not say it.
    #[serde(skip)]
    exit_status: Option<u8>,
}

impl Report {
    /// A report of this kind. The message is made one line: a provider that is not ours may have
    /// forgotten to escape its vendor's words (S10).
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            code: kind.code(),
            kind: kind.as_str(),
            provider: None,
            operation: None,
            target: None,
            field: None,
            message: escape::printable(&message.into(), LONGEST),
            hint: None,
            retryable: false,
            noun: "target",
            exit_status: None,
        }
    }

    /// The words typed do not fit.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something on this machine.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self::new(Kind::Local, message)
    }

    /// The vendor's gateway let us in and could not go on.
    pub(crate) fn gateway(line: &str, info: &ProviderInfo) -> Self {
        let message = format!("the gateway, and not the {}, answered: {line}", info.target_noun);
        let (provider, operation) = (Some(info.name.to_owned()), Some(Operation::Connect.as_str()));
        let hint = info.gateway_hint(line).map(str::to_owned);
        let noun = info.target_noun;
        Self { provider, operation, hint, noun, retryable: true, ..Self::new(Kind::Unavailable, message) }
    }

    /// A library error, with a hint.
    pub(crate) fn from_error(error: &Error, info: &ProviderInfo) -> Self {
        let configure = error.operation() == Operation::Configure;
        Self {
            provider: Some(error.provider().to_owned()),
            operation: (!configure).then(|| error.operation().as_str()),
            target: error.target().map(ToString::to_string),
            field: error.field().map(str::to_owned),
            hint: hints::for_error(error, info).map(|hint| escape::printable(&hint, LONGEST)),
            retryable: error.is_retryable(),
            noun: info.target_noun,
            ..Self::new(error.kind(), error.to_string())
        }
    }

    pub(crate) fn with_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(escape::printable(&hint.into(), LONGEST));
        self
    }

    pub(crate) fn with_provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }

    pub(crate) fn with_target(mut self, target: &str) -> Self {
        self.target = Some(escape::printable(target, escape::MESSAGE_CAP));
        self
    }

    /// The same with an exit status of its own: that of an ssh which a signal ended.
    pub(crate) fn with_exit_status(mut self, exit_status: u8) -> Self {
        self.exit_status = Some(exit_status);
        self
    }

    pub(crate) fn boxed(self) -> Box<Self> {
        Box::new(self)
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Writes the failure to stderr.
    pub(crate) fn print(self, format: ErrorFormat) -> Self {
        match format {
            ErrorFormat::Human => console::error_text(&self.human("error")),
            ErrorFormat::Json => console::error_text(&self.json("error")),
        }
        self
    }

    /// Writes this to stderr as a warning: something went wrong that changes no exit status.
    pub(crate) fn warn(&self, format: ErrorFormat) {
        match format {
            ErrorFormat::Human => console::error_text(&self.human("warning")),
            ErrorFormat::Json => console::error_text(&self.json("warning")),
        }
    }

    /// The exit status: the kind's number, but for a failed connect 255 unless the words were at fault
    /// or the user interrupted.
    pub(crate) fn exit_status(&self, connects: bool) -> u8 {
        let own = self.code == Kind::Usage.code() || self.kind == "interrupted";
        match self.exit_status {
            Some(status) => status,
            None if connects && !own => 255,
            None => self.code,
        }
    }

    fn human(&self, label: &str) -> String {
        let mut text = format!("{label}: ");
        // Writing to a String cannot fail.
        if let Some(provider) = &self.provider {
            let _ = write!(text, "{provider}: ");
        }
        if let Some(target) = &self.target {
            let _ = write!(text, "{} {target}: ", self.noun);
        }
        let _ = writeln!(text, "{}", self.message);
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
        text
    }

    fn json(&self, label: &'static str) -> String {
        let line = serde_json::to_string(&std::collections::BTreeMap::from([(label, self)]));
        // A struct of strings and numbers always serialises.
        line.unwrap_or_default() + "\n"
    }
}

/// The longest message or hint, in characters. What is remote in it is capped much earlier.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_one_line_and_one_hint() {
        let report = Report::usage("no").with_provider("mock").with_target("a\u{1b}").with_hint("do this");
        assert_eq!(report.human("error"), "error: mock: target a\\x1b: no\n  hint: do this\n");
    }

    #[test]
    fn programs_read_one_line_with_every_key() {
        let line = Report::usage("no").json("error");
        assert_eq!(
            line,
            "{\"error\":{\"code\":2,\"kind\":\"usage\",\"provider\":null,\"operation\":null,\"target\":null,\
             \"field\":null,\"message\":\"no\",\"hint\":null,\"retryable\":false}}\n"
        );
    }

    #[test]
    fn a_failed_connect_is_255_but_for_wrong_words_and_interrupts() {
        assert_eq!(Report::local("x").exit_status(true), 255);
        assert_eq!(Report::local("x").exit_status(false), 11);
        assert_eq!(Report::usage("x").exit_status(true), 2);
        assert_eq!(Report::new(Kind::Interrupted(2), "x").exit_status(true), 130);
    }
}
