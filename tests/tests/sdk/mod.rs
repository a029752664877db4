//! The vendors' official SDKs, unchanged, against the emulators: what they accept is what our own clients
//! are tested with.

mod dedalus;
mod flyte;
mod leap0;
mod pod_side;
pub(crate) mod program;
pub(crate) mod python;

pub(crate) use pod_side::PodSide;
