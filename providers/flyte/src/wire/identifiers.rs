//! The names of things (package `flyteidl2.common`).

use serde::{Deserialize, Serialize};

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunIdentifier {
    pub(crate) org: String,
    pub(crate) project: String,
    pub(crate) domain: String,
    pub(crate) name: String,
}

/// An action of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ActionIdentifier {
    pub(crate) run: RunIdentifier,
    pub(crate) name: String,
}

/// A project in a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProjectIdentifier {
    pub(crate) organization: String,
    pub(crate) domain: String,
    pub(crate) name: String,
}
