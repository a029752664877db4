//! What is wrong with a piece of JSON, and where.

use std::fmt;

use anyssh_core::escape;
use serde::de::{self, Expected, Unexpected};

/// Where in a JSON text a value stands. It lives on the stack of the walk through the text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Top,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Place<'_> {
    /// The nearest name: that of the field, also for an element of the list in it.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Top => None,
            Self::Key(_, name) => Some(name),
            Self::Index(parent, _) => parent.field(),
        }
    }
}

impl fmt::Display for Place<'_> {
    /// `connection.port`, `items[3].id`; nothing at the top.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Key(Place::Top, name) => f.write_str(name),
            Self::Key(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

const MISSING: &str = "is missing";

/// One fault: what, and once it is known, where. The text is escaped and holds no value, since a
/// value may be a password; the names of fields and of unknown enum words are shown.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) text: String,
    pub(crate) path: Option<String>,
    pub(crate) field: Option<String>,
    missing: Option<&'static str>,
}

impl Fault {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), path: None, field: None, missing: None }
    }

    /// The same fault, placed; the innermost place that is told first stays.
    pub(crate) fn at(mut self, place: &Place<'_>) -> Self {
        if self.path.is_some() {
            return self;
        }
        let child = self.missing.map(|name| Place::Key(place, name));
        let place = child.as_ref().unwrap_or(place);
        self.path = Some(escape::printable(&place.to_string(), escape::MESSAGE_CAP));
        self.field = place.field().map(|name| escape::printable(name, 80));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_deref() {
            Some(path) if self.text == MISSING => write!(f, "{path} {MISSING}"),
            Some(path) if !path.is_empty() => write!(f, "{path}: {}", self.text),
            _ => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(escape::printable(&message.to_string(), escape::MESSAGE_CAP))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let word = match found {
            Unexpected::Unit | Unexpected::Option => return Self::new(format!("null where {expected} is expected")),
            Unexpected::Float(_) => {
                return Self::new(format!("a fraction where a whole number ({expected}) is expected"));
            }
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number",
            Unexpected::Str(_) => "a string",
            Unexpected::Seq => "an array",
            Unexpected::Map => "an object",
            _ => "something else",
        };
        Self::new(format!("wrong type: {word} where {expected} is expected"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => {
                Self::new(format!("a number out of range, expected {expected}"))
            }
            _ => Self::new(format!("expected {expected}")),
        }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("wrong type: {length} elements where {expected} is expected"))
    }

    fn unknown_variant(found: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown word {}, expected one of {}", escape::quoted(found), expected.join(", ")))
    }

    fn unknown_field(found: &str, _: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field {}", escape::quoted(found)))
    }

    fn missing_field(name: &'static str) -> Self {
        Self { missing: Some(name), ..Self::new(MISSING) }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self { missing: Some(name), ..Self::new("duplicate field") }
    }
}
