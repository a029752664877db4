//! What is typed: `RUN` or `RUN/ACTION`.

use std::fmt;

use anyssh_core::{FieldError, SessionId, Target};

/// The root action of every run. Only there the debug server is started.
pub(crate) const ROOT_ACTION: &str = "a0";

/// The longest name of a run or an action that the control plane takes.
const LONGEST: usize = 30;

const RUN: &str = "RUN or RUN/ACTION: names of 1 to 30 letters, digits, '_' and '-'";

/// A run and one of its actions, both of them names that can stand in a URL, a file name or a known_hosts line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionName {
    pub(crate) run: String,
    pub(crate) action: String,
}

impl ActionName {
    /// Parses what was typed.
    pub(crate) fn parse(target: &Target) -> Result<Self, FieldError> {
        match target.as_str().split_once('/') {
            Some((run, action)) => Self::new("target", run, action),
            None => Self::new("target", target.as_str(), ROOT_ACTION),
        }
    }

    /// Parses the two names; the error names `field`.
    pub(crate) fn new(field: &'static str, run: &str, action: &str) -> Result<Self, FieldError> {
        // Without dots, which separate the names wherever they stand together.
        let fits = |name: &str| name.len() <= LONGEST && !name.contains('.') && SessionId::parse(field, name).is_ok();
        if fits(run) && fits(action) {
            return Ok(Self { run: run.to_owned(), action: action.to_owned() });
        }
        Err(FieldError::new(field, RUN, &format!("{run}/{action}")))
    }
}

impl fmt::Display for ActionName {
    /// As it is typed: the action is left out where it is the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.action.as_str() {
            ROOT_ACTION => f.write_str(&self.run),
            action => write!(f, "{}/{action}", self.run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_alone_means_its_root_action() {
        let parse = |text: &str| ActionName::parse(&Target::parse("target", text).unwrap());
        let root = parse("rx7k").unwrap();
        assert_eq!((root.run.as_str(), root.action.as_str()), ("rx7k", "a0"));
        assert_eq!(root.to_string(), "rx7k");
        let other = parse("rx7k/b1").unwrap();
        assert_eq!((other.action.as_str(), other.to_string().as_str()), ("b1", "rx7k/b1"));
    }

    /// S1: a name with anything else in it, or one that the control plane would refuse, is a usage error.
    #[test]
    fn other_names_are_refused_before_anything_is_sent() {
        for text in
            ["a/b/c", "a%2fb", "a:b", "a@b", &"r".repeat(31), &format!("r/{}", "a".repeat(31)), "r;x", "r/$x", "r.x"]
        {
            let error = ActionName::parse(&Target::parse("target", text).unwrap()).unwrap_err();
            assert!(error.to_string().starts_with("target: expected RUN or RUN/ACTION"), "{text}: {error}");
        }
    }
}
