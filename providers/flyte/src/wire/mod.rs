//! What the control plane is asked and what it answers, as it is spelled there (flyteidl2 2.0.51).
//!
//! Its JSON leaves out zero values and empty lists, writes enums as names, and may gain fields at any time.

mod details;
mod identifiers;
mod phase;
mod runs;

pub(crate) use details::{ActionAttempt, ActionDetails, DetailsAnswer, DetailsRequest, LinkType, TaskLog};
pub(crate) use identifiers::{ActionIdentifier, ProjectIdentifier, RunIdentifier};
pub use phase::Phase;
pub(crate) use runs::{
    AbortRequest, Action, ListActionsAnswer, ListActionsRequest, ListRequest, ListRunsAnswer, ListRunsRequest, Run,
    Sort,
};
