//! The vendors' official SDKs, unchanged, against the emulators: what they accept is what our own clients
//! are tested with.

mod dedalus;
mod leap0;
mod python;
