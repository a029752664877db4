//! The vendor's side: a server for each session, with keys and credentials made for it alone.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyssh_core::secrecy::SecretString;
use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::ssh_key::{PrivateKey, PublicKey};
use anyssh_core::{HostKey, KeyPair, Password, SessionId, Target, UserCertificate};
use anyssh_server::{Account, CertificateLogin, LoginPolicy, PasswordLogin, ServerConfig, ServerThread, SwitchedLogin};
use rand::RngExt as _;
use rand::distr::Alphanumeric;

use crate::error::Error;

/// How long a certificate is valid.
const VALIDITY: Duration = Duration::from_secs(3600);

/// Clocks differ, if only by rounding.
const BEFORE: Duration = Duration::from_secs(60);

/// What can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Certificate,
    Password,
    Tunnel,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Certificate, Self::Password, Self::Tunnel];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Password => "password",
            Self::Tunnel => "tunnel",
        }
    }

    pub(crate) fn of(target: &Target) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == target.as_str());
        known.ok_or_else(|| Error::NoSuchTarget(target.to_string()))
    }
}

/// What a session is made with.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) kind: Kind,
    pub(crate) account: &'a Account,
    pub(crate) key_pair: &'a KeyPair,
    /// Made so that it is over already.
    pub(crate) expired: bool,
    /// Made so that nobody can log in.
    pub(crate) refused: bool,
}

/// A session as the vendor has it: alive while this value is.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: SessionId,
    pub(crate) server: ServerThread,
    pub(crate) host_key: HostKey,
    pub(crate) access: Access,
    /// The token that the WebSocket in front of the server asks for.
    pub(crate) bearer: Option<SecretString>,
    pub(crate) until: Option<SystemTime>,
}

/// The credential that logs in.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Certificate(Box<UserCertificate>),
    Password(Password),
}

/// Starts the server of a new session.
pub(crate) fn start(order: &Order<'_>, now: SystemTime) -> Result<Running, Error> {
    let id = SessionId::parse("id", &format!("mock-{:016x}", rand::random::<u64>()))?;
    let end = if order.expired { now - BEFORE / 2 } else { now + VALIDITY };
    let user = order.account.name.as_str();
    let bearer = (order.kind == Kind::Tunnel).then(new_password);
    let (access, server, until) = match order.kind {
        Kind::Certificate | Kind::Tunnel => {
            let authority = new_key();
            let certificate = sign(order, &id, &authority, (end - VALIDITY - BEFORE, end))?;
            let login = CertificateLogin::new(user, authority.public_key().clone());
            (Access::Certificate(Box::new(certificate)), serve(order, login, bearer.as_ref())?, Some(end))
        }
        Kind::Password => {
            let password = Password::parse("password", new_password())?;
            let login = PasswordLogin::new(user, password.secret().clone());
            (Access::Password(password), serve(order, login, None)?, order.expired.then_some(end))
        }
    };
    let (server, host_key) = server;
    Ok(Running { id, server, host_key, access, bearer, until })
}

fn serve(
    order: &Order<'_>,
    login: impl LoginPolicy,
    bearer: Option<&SecretString>,
) -> Result<(ServerThread, HostKey), Error> {
    let (login, switch) = SwitchedLogin::new(login);
    if order.refused || order.expired {
        switch.turn_off();
    }
    let key = new_key();
    let host_key = HostKey::parse("host_key", key.public_key().to_openssh()?.trim_end())?;
    let config = ServerConfig::new(key, Arc::new(login), order.account.clone());
    let server = match bearer {
        Some(token) => ServerThread::start_behind_bridge(config, token.clone())?,
        None => ServerThread::start(config)?,
    };
    Ok((server, host_key))
}

fn sign(
    order: &Order<'_>,
    id: &SessionId,
    authority: &PrivateKey,
    (from, to): (SystemTime, SystemTime),
) -> Result<UserCertificate, Error> {
    let subject: &PublicKey = order.key_pair.public_key();
    let nonce = rand::random::<[u8; 16]>().to_vec();
    let mut builder = Builder::new(nonce, subject.key_data().clone(), seconds(from), seconds(to))?;
    builder.cert_type(CertType::User)?;
    builder.key_id(id.as_str())?;
    builder.valid_principal(order.account.name.as_str())?;
    for permission in ["permit-pty", "permit-port-forwarding"] {
        builder.extension(permission, "")?;
    }
    Ok(UserCertificate::parse("certificate", &builder.sign(authority)?.to_openssh()?)?)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn new_key() -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&rand::random()))
}

/// 32 letters and digits: 190 bits.
fn new_password() -> SecretString {
    let text: String = rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect();
    text.into()
}
