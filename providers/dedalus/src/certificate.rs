//! What is checked about a user certificate before anybody connects (S5).
//!
//! A server would refuse a wrong one too, but all that `ssh` can say then is `Permission denied
//! (publickey)`. The form (one line, small, not nested, of type user) is [`UserCertificate::parse`]'s
//! to check; the rest is here. The format is that of draft-miller-ssh-cert.

use std::time::{Duration, SystemTime};

use anyssh_core::ssh_key::certificate::Certificate;
use anyssh_core::ssh_key::{Algorithm, HashAlg, PublicKey};
use anyssh_core::{UserCertificate, UserName, escape};
use jiff::Timestamp;

use crate::error::Error;

/// The field in which the certificate comes.
pub(crate) const FIELD: &str = "user_certificate";

/// A certificate that begins a little later than now was signed by a clock that is a little ahead.
const SKEW: Duration = Duration::from_secs(60);

/// Critical options that narrow what the certificate is good for and leave what is run to us.
const HARMLESS: &[&str] = &["source-address", "verify-required"];

/// What the certificate has to be good for.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) public_key: &'a PublicKey,
    pub(crate) user: &'a UserName,
    /// The server's clock, or ours if it told none.
    pub(crate) now: SystemTime,
    /// What is to be said about the clocks if the times do not fit.
    pub(crate) clock_note: &'a str,
}

/// A certificate that fits in every respect.
pub(crate) fn read(line: &str, expected: &Expected<'_>) -> Result<UserCertificate, Error> {
    let certificate = UserCertificate::parse(FIELD, line)?;
    let inner = certificate.certificate();
    check_key(inner, expected.public_key)?;
    check_signature(inner)?;
    check_times(inner, expected)?;
    check_principals(inner, expected.user)?;
    check_critical_options(inner)?;
    Ok(certificate)
}

/// When it ends; `None` for never.
pub(crate) fn end(certificate: &UserCertificate) -> Option<SystemTime> {
    certificate.certificate().valid_before_time()
}

fn check_key(certificate: &Certificate, ours: &PublicKey) -> Result<(), Error> {
    if certificate.public_key() == ours.key_data() {
        return Ok(());
    }
    let found = certificate.public_key().fingerprint(HashAlg::Sha256);
    Err(refused(format!("it is for another key, {found}, not for ours, {}", ours.fingerprint(HashAlg::Sha256))))
}

/// An authority of a kind that this build cannot compute (RSA) is left to the server, which decides anyway.
fn check_signature(certificate: &Certificate) -> Result<(), Error> {
    let authority = certificate.signature_key();
    if matches!(authority.algorithm(), Algorithm::Rsa { .. } | Algorithm::Dsa | Algorithm::Other(_)) {
        return Ok(());
    }
    // At the first second of its validity no clock can be at fault, so this is about the signature alone;
    // who the authority is only the server knows.
    let checked = certificate.validate_at(certificate.valid_after(), &[authority.fingerprint(HashAlg::Sha256)]);
    checked.map_err(|_| refused("its signature is wrong, or it ends before it begins".to_owned()))
}

/// Valid from `valid_after`, included, to `valid_before`, excluded.
fn check_times(certificate: &Certificate, expected: &Expected<'_>) -> Result<(), Error> {
    let now = seconds(expected.now);
    let problem = if certificate.valid_before() <= now {
        "it has expired"
    } else if certificate.valid_after() > now.saturating_add(SKEW.as_secs()) {
        "it is not valid yet"
    } else {
        return Ok(());
    };
    let (from, to) = (shown(certificate.valid_after()), shown(certificate.valid_before()));
    Err(refused(format!("{problem}: it is valid from {from} to {to}, and it is {}{}", shown(now), expected.clock_note)))
}

/// Without principals a certificate would be good for every user, which nobody means to hand out.
fn check_principals(certificate: &Certificate, user: &UserName) -> Result<(), Error> {
    let principals = certificate.valid_principals();
    if principals.is_empty() {
        return Err(refused("it names no principal, so it would be good for every user".to_owned()));
    }
    if principals.iter().any(|principal| principal == user.as_str()) {
        return Ok(());
    }
    let found = escape::quoted(&principals.join(","));
    Err(refused(format!("its principals are {found}, and ssh_username is {user}")))
}

fn check_critical_options(certificate: &Certificate) -> Result<(), Error> {
    let unknown = certificate.critical_options().keys().find(|name| !HARMLESS.contains(&name.as_str()));
    match unknown.map(String::as_str) {
        None => Ok(()),
        Some("force-command") => {
            Err(refused("it would run a command of the server's choice (force-command)".to_owned()))
        }
        Some(name) => Err(refused(format!("its critical option {} is not known", escape::quoted(name)))),
    }
}

fn refused(why: String) -> Error {
    Error::Refused { field: FIELD, why }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// RFC 3339, or what the number means where no calendar has it.
fn shown(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or("the end of time".to_owned(), |time| time.to_string())
}
