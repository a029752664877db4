//! The refusal of one value that came from outside.

use std::fmt;

use crate::escape;

/// A value that a parsed type refused: which field, what was expected, what was found.
///
/// The found value is shown escaped and capped; for secrets it is left out. It says nothing about
/// whose fault it was: a caller turns it into a [`ProviderError`](crate::ProviderError) of kind
/// `Usage` when the user typed it, or `Protocol` when a provider sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    field: &'static str,
    expected: &'static str,
    found: Option<String>,
}

impl FieldError {
    /// A refused value that may be shown (escaped) in messages.
    pub fn new(field: &'static str, expected: &'static str, found: &str) -> Self {
        Self { field, expected, found: Some(escape::quoted(found)) }
    }

    /// A refused secret: its value never stands in the message.
    pub fn secret(field: &'static str, expected: &'static str) -> Self {
        Self { field, expected, found: None }
    }

    /// The field's name as the user or the vendor's document spells it.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.field, self.expected)?;
        match &self.found {
            Some(found) => write!(f, ", found {found}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FieldError {}
