//! An answer of create or regenerate, checked in full and made a [`Session`]: nothing reaches `ssh` that was
//! not parsed here, and each refusal names the field as the API spells it (S1, S6, S8).

use std::time::SystemTime;

use anyssh_core::{
    Endpoint, Expiry, FieldError, HostTrust, Login, Password, Readiness, Session, SessionId, Target, Transport,
};
use anyssh_http::Timed;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::error::Error;
use crate::ssh_command;
use crate::trust::Trust;
use crate::wire::{SshAccess, SshValidation};

const TIME: &str = "a time as RFC 3339 has it";

/// The session that the answer describes, if all of it fits.
pub(crate) fn session(
    answer: &Timed<SshAccess>,
    sandbox: &Target,
    trust: &Trust,
    host_trust: HostTrust,
) -> Result<Session, Error> {
    let wire = &answer.value;
    let shown = |field, text: &str, error| hidden_if_secret(wire, field, text, error);
    let id = SessionId::parse("id", &wire.id).map_err(|error| shown("id", &wire.id, error.into()))?;
    check_sandbox(&wire.sandbox_id, sandbox).map_err(|error| shown("sandbox_id", &wire.sandbox_id, error))?;
    let password = Password::parse("password", wire.password.clone())?;
    let command = ssh_command::read(&wire.ssh_command, &wire.id)
        .and_then(|command| trust.check_host(&command.host, sandbox).map(|()| command))
        .map_err(|error| shown("ssh_command", &wire.ssh_command, error))?;
    let expiry = expiry(answer).map_err(|error| shown("expires_at", &wire.expires_at, error))?;
    let endpoint = Endpoint { transport: Transport::Tcp { host: command.host, port: command.port }, host_trust };
    let login = Login::password(command.user, password);
    // The control plane knows the state of the sandbox, and nothing about its SSH server.
    let session = Session::new(id, sandbox.clone(), endpoint, login, Expiry::At(expiry));
    let session = session.with_readiness(Readiness::Unknown);
    let Some(created_at) = &wire.created_at else { return Ok(session) };
    let created_at = time("created_at", created_at).map_err(|error| shown("created_at", created_at, error))?;
    Ok(session.with_created_at(created_at))
}

/// Whether the answer is about this sandbox (S8).
pub(crate) fn check_sandbox(found: &str, asked: &Target) -> Result<(), Error> {
    if found == asked.as_str() {
        return Ok(());
    }
    Err(Error::Mismatch { field: "sandbox_id", asked: asked.to_string(), found: found.to_owned() })
}

/// Whether the answer to a validate is yes, and about this sandbox. To a no none needs to be named.
pub(crate) fn is_valid(answer: &SshValidation, asked: &Target) -> Result<bool, Error> {
    if answer.valid || !answer.sandbox_id.is_empty() {
        check_sandbox(&answer.sandbox_id, asked)?;
    }
    Ok(answer.valid)
}

/// A time as people read it.
pub(crate) fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or("a time beyond every calendar".to_owned(), |time| format!("{time:.0}"))
}

/// The end, which has to be ahead by the server's clock, and by ours.
fn expiry(answer: &Timed<SshAccess>) -> Result<SystemTime, Error> {
    let end = time("expires_at", &answer.value.expires_at)?;
    let (now, note) = (answer.now(), answer.clock_note());
    if end <= now {
        let why = format!("a new credential that ended at {}, and it is {}{note}", shown(end), shown(now));
        return Err(Error::Refused { field: "expires_at", why });
    }
    if end <= answer.received_at {
        // Good at the server and over for everything here.
        return Err(Error::LocalClock(format!(
            "the credential ends at {}, which is past by the clock of this machine ({}){note}",
            shown(end),
            shown(answer.received_at)
        )));
    }
    Ok(end)
}

fn time(field: &'static str, text: &str) -> Result<SystemTime, Error> {
    let time: Timestamp = text.parse().map_err(|_| FieldError::new(field, TIME, text))?;
    Ok(time.into())
}

/// A server that puts the password into another field must not get it into our messages (S10, K6).
fn hidden_if_secret(wire: &SshAccess, field: &'static str, text: &str, error: Error) -> Error {
    let password = wire.password.expose_secret();
    if !password.is_empty() && text.contains(password) { Error::Hidden { field } } else { error }
}
