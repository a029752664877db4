//! A ready session, checked in full and made a [`Session`]: nothing reaches `ssh` that was not parsed
//! here, and each refusal names the field as the API spells it (S1-S5, S8).

use std::time::SystemTime;

use anyssh_core::{
    Endpoint, Expiry, FieldError, Host, HostKey, HostPattern, HostTrust, KeyPair, Login, Port, Session, SessionId,
    Target, Transport, UserName,
};
use anyssh_http::Timed;
use jiff::Timestamp;

use crate::certificate::{self, Expected};
use crate::error::Error;
use crate::wire::{self, SshSession};

const TIME: &str = "a time as RFC 3339 has it";
const KIND: &str = "cert_authority";

/// The question that the session has to be an answer to.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) target: &'a Target,
    /// What the API calls the session.
    pub(crate) id: &'a SessionId,
    pub(crate) key_pair: &'a KeyPair,
}

/// Whether the answer is about this session of this machine (S8). Machine ids had a prefix `dm-` once.
pub(crate) fn check_ids(session: &SshSession, target: &Target, id: &SessionId) -> Result<(), Error> {
    if bare(&session.machine_id) != bare(target.as_str()) {
        let (asked, found) = (target.to_string(), session.machine_id.clone());
        return Err(Error::Mismatch { field: "machine_id", asked, found });
    }
    if session.session_id != id.as_str() {
        let (asked, found) = (id.to_string(), session.session_id.clone());
        return Err(Error::Mismatch { field: "session_id", asked, found });
    }
    Ok(())
}

fn bare(machine: &str) -> &str {
    machine.strip_prefix("dm-").unwrap_or(machine)
}

/// The session that the answer describes, if all of it fits.
pub(crate) fn session(answer: &Timed<SshSession>, asked: &Asked<'_>) -> Result<Session, Error> {
    let wire = &answer.value;
    check_ids(wire, asked.target, asked.id)?;
    let connection = present("connection", wire.connection.as_ref())?;
    let host = Host::parse("endpoint", present("endpoint", connection.endpoint.as_deref())?)?;
    let port = Port::from_number("port", *present("port", connection.port.as_ref())?)?;
    let user = UserName::parse("ssh_username", present("ssh_username", connection.ssh_username.as_deref())?)?;
    let host_trust = host_trust(present("host_trust", connection.host_trust.as_ref())?, &host, port)?;

    let (now, clock_note) = (answer.now(), answer.clock_note());
    let expected = Expected { public_key: asked.key_pair.public_key(), user: &user, now, clock_note: &clock_note };
    let line = present(certificate::FIELD, connection.user_certificate.as_deref())?;
    let certificate = certificate::read(line, &expected)?;

    let expires_at = time("expires_at", wire.expires_at.as_deref())?;
    let expiry = expiry(answer, expires_at, certificate::end(&certificate))?;
    let endpoint = Endpoint { transport: Transport::Tcp { host, port }, host_trust };
    let login = Login { user, credential: asked.key_pair.certified(certificate) };
    let session = Session::new(asked.id.clone(), asked.target.clone(), endpoint, login, expiry);
    Ok(match time("created_at", wire.created_at.as_deref())? {
        Some(created_at) => session.with_created_at(created_at),
        None => session,
    })
}

/// When a session ends as far as an answer says: with its certificate, if that is sooner.
pub(crate) fn until(wire: &SshSession) -> Result<Option<SystemTime>, Error> {
    let line = wire.connection.as_ref().and_then(|connection| connection.user_certificate.as_deref());
    let certificate = line.map(|line| anyssh_core::UserCertificate::parse(certificate::FIELD, line)).transpose()?;
    let end = certificate.as_ref().and_then(certificate::end);
    Ok(sooner(time("expires_at", wire.expires_at.as_deref())?, end))
}

fn host_trust(wire: &wire::HostTrust, host: &Host, port: Port) -> Result<HostTrust, Error> {
    let kind = present("kind", wire.kind.as_deref())?;
    if kind != KIND {
        return Err(FieldError::new("kind", KIND, kind).into());
    }
    let pattern = present("host_pattern", wire.host_pattern.as_deref())?;
    if !HostPattern::parse("host_pattern", pattern)?.covers(host, port) {
        let why = format!("{} does not cover the endpoint {host}, port {port}", anyssh_core::escape::quoted(pattern));
        return Err(Error::Refused { field: "host_pattern", why });
    }
    let key = HostKey::parse("public_key", present("public_key", wire.public_key.as_deref())?)?;
    Ok(HostTrust::CertAuthority { key })
}

/// The earlier of the session's and the certificate's end, which has to be ahead by the server's clock.
fn expiry(
    answer: &Timed<SshSession>,
    expires_at: Option<SystemTime>,
    certificate: Option<SystemTime>,
) -> Result<Expiry, Error> {
    if let Some(end) = expires_at.filter(|end| *end <= answer.now()) {
        let (end, now, note) = (shown(end), shown(answer.now()), answer.clock_note());
        let why = format!("a ready session that ended at {end}, and it is {now}{note}");
        return Err(Error::Refused { field: "expires_at", why });
    }
    let Some(end) = sooner(expires_at, certificate) else { return Ok(Expiry::Unknown) };
    if end <= answer.received_at {
        // Good at the server and over for everything here, the check of the host's certificate included.
        let (end, local, note) = (shown(end), shown(answer.received_at), answer.clock_note());
        return Err(Error::LocalClock(format!(
            "the session ends at {end}, which is past by the clock of this machine ({local}){note}"
        )));
    }
    Ok(Expiry::At(end))
}

fn sooner(one: Option<SystemTime>, other: Option<SystemTime>) -> Option<SystemTime> {
    [one, other].into_iter().flatten().min()
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<SystemTime>, Error> {
    let parse = |text: &str| text.parse::<Timestamp>().map_err(|_| FieldError::new(field, TIME, text));
    Ok(text.map(parse).transpose()?.map(SystemTime::from))
}

fn shown(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or("a time beyond every calendar".to_owned(), |time| format!("{time:.0}"))
}

fn present<T>(field: &'static str, value: Option<T>) -> Result<T, Error> {
    value.ok_or(Error::Missing { field, of: "a ready session" })
}
