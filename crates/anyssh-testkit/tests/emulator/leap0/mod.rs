//! The rules of the Leap0 emulator.

mod access;
mod logins;
mod requests;

use anyssh_testkit::emulator::{Emulator, Generation, Leap0Emulator};
use serde_json::Value;

use crate::client::{Call, Reply};

/// The default sandbox.
pub(crate) const SANDBOX: &str = "sbx-abc123";

const GENERATIONS: [Generation; 2] = [Generation::One, Generation::Two];

pub(crate) fn start(generation: Generation) -> Leap0Emulator {
    Emulator::leap0(generation).without_ssh().start_blocking().unwrap()
}

/// A call to the SSH part of the default sandbox: `POST /access`.
pub(crate) fn ssh(emulator: &Leap0Emulator, line: &str) -> Call {
    let (method, path) = line.split_once(' ').unwrap();
    Call::new(emulator, &format!("{method} /v1/sandbox/{SANDBOX}/ssh{path}"))
}

pub(crate) fn create(emulator: &Leap0Emulator) -> Reply {
    ssh(emulator, "POST /access").send(emulator)
}

pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

/// A call that names a credential in the form of the emulator's generation.
pub(crate) fn on(emulator: &Leap0Emulator, verb: &str, id: &str) -> Call {
    let line = match (emulator.generation(), verb) {
        (Generation::One, "delete") => "DELETE /access".to_owned(),
        (Generation::One, verb) => format!("POST /{verb}"),
        (Generation::Two, "delete") => format!("DELETE /{id}"),
        (Generation::Two, verb) => format!("POST /{id}/{verb}"),
    };
    ssh(emulator, &line)
}

pub(crate) fn validate(emulator: &Leap0Emulator, id: &str, password: &str) -> Reply {
    let mut body = serde_json::json!({"password": password});
    if emulator.generation() == Generation::One {
        body["id"] = id.into();
    }
    on(emulator, "validate", id).json(&body.to_string()).send(emulator)
}

/// Status and message of a failure.
pub(crate) fn failure(reply: &Reply) -> (u16, String) {
    (reply.status, text(&reply.json(), "message").to_owned())
}
