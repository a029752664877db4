//! Every way to a token, against servers that say what a test wants.

mod browser;
mod client;
mod device;
mod hostile;
mod keeping;
mod kit;
mod planted;
mod processes;
