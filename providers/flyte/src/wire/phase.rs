//! Where an action is in its life (enum `flyteidl2.common.ActionPhase`).

use std::fmt;

use anyssh_core::escape;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// Where an action is in its life.
///
/// ```
/// use anyssh_flyte::Phase;
/// assert!(Phase::Failed.is_terminal() && !Phase::Running.is_terminal());
/// assert_eq!(Phase::WaitingForResources.to_string(), "waiting for resources");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// The server did not say.
    #[default]
    Unspecified,
    /// In a queue.
    Queued,
    /// Waiting for a node.
    WaitingForResources,
    /// Pulling its image, starting.
    Initializing,
    /// Running.
    Running,
    /// Over, well.
    Succeeded,
    /// Over, badly.
    Failed,
    /// Over, since somebody wanted it so.
    Aborted,
    /// Over, since it took too long.
    TimedOut,
    /// Held.
    Paused,
    /// Over: its result was taken from an earlier run.
    Recovered,
    /// A phase that is not known here, in the server's spelling. It counts as not over (S8).
    Other(String),
}

/// The names in the order of their numbers.
const NAMES: [(&str, Phase); 11] = [
    ("UNSPECIFIED", Phase::Unspecified),
    ("QUEUED", Phase::Queued),
    ("WAITING_FOR_RESOURCES", Phase::WaitingForResources),
    ("INITIALIZING", Phase::Initializing),
    ("RUNNING", Phase::Running),
    ("SUCCEEDED", Phase::Succeeded),
    ("FAILED", Phase::Failed),
    ("ABORTED", Phase::Aborted),
    ("TIMED_OUT", Phase::TimedOut),
    ("PAUSED", Phase::Paused),
    ("RECOVERED", Phase::Recovered),
];

const PREFIX: &str = "ACTION_PHASE_";

impl Phase {
    /// Whether the action is over for good: nobody can log in to it any more.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Aborted | Self::TimedOut | Self::Recovered)
    }

    fn from_name(name: &str) -> Self {
        let bare = name.strip_prefix(PREFIX).unwrap_or(name);
        let known = NAMES.iter().find(|(known, _)| *known == bare);
        known.map_or_else(|| Self::Other(name.to_owned()), |(_, phase)| phase.clone())
    }

    fn from_number(number: u64) -> Self {
        let known = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
        known.map_or_else(|| Self::Other(number.to_string()), |(_, phase)| phase.clone())
    }
}

impl fmt::Display for Phase {
    /// The server's word, in lower case: `waiting for resources`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, phase)| phase == self) {
            Some((name, _)) => f.write_str(&name.to_ascii_lowercase().replace('_', " ")),
            None => match self {
                Self::Other(name) => f.write_str(&escape::printable(name, 80)),
                _ => Ok(()),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrNumber)
    }
}

/// The JSON of protobuf writes enums as names and takes numbers too.
struct NameOrNumber;

impl Visitor<'_> for NameOrNumber {
    type Value = Phase;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or the number of a phase")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Phase, E> {
        Ok(Phase::from_name(name))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Phase, E> {
        Ok(Phase::from_number(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Phase, E> {
        Ok(u64::try_from(number).map_or_else(|_| Phase::Other(number.to_string()), Phase::from_number))
    }

    /// `null` is how the JSON of protobuf says that a field is not set.
    fn visit_unit<E: de::Error>(self) -> Result<Phase, E> {
        Ok(Phase::Unspecified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read_and_five_phases_are_the_end() {
        let read = |json: &str| serde_json::from_str::<Phase>(json).unwrap();
        for (number, (name, phase)) in NAMES.iter().enumerate() {
            assert_eq!(read(&format!("\"ACTION_PHASE_{name}\"")), *phase);
            assert_eq!(read(&number.to_string()), *phase);
            assert_eq!(phase.is_terminal(), [5, 6, 7, 8, 10].contains(&number), "{phase}");
        }
        assert!(serde_json::from_str::<Phase>("true").is_err());
    }

    /// S8: a phase that is not known is not the end, and its word is shown escaped.
    #[test]
    fn a_phase_that_is_not_known_is_not_the_end() {
        assert_eq!(serde_json::from_str::<Phase>("null").unwrap(), Phase::Unspecified);
        for json in ["11", "-1", "\"ACTION_PHASE_DANCING\""] {
            assert!(!serde_json::from_str::<Phase>(json).unwrap().is_terminal());
        }
        assert_eq!(Phase::from_name("A\u{1b}B").to_string(), r"A\x1bB");
    }
}
