//! The built command, run as users run it, against docs/cli.md.

mod crash;
mod dedalus;
mod ended_by_others;
mod environment;
mod exit_status;
mod first_use;
mod flyte;
mod flyte_env;
mod hostile_surroundings;
mod interrupts;
mod json;
mod leap0;
mod nearby_files;
mod options;
mod remote_words;
mod secrets;
mod streams;
mod support;
mod tunnel;
mod tunnel_ends;
mod tunnel_streams;
mod tunnel_volume;
