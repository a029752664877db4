//! A live SSH authorization as a plain value.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use crate::{Host, HostTrust, Login, Port, SessionId, Target, WebSocketUrl};

/// A live SSH authorization for one target: its endpoint, its login and its expiry.
///
/// It holds secrets: `Debug` is redacted and there is no `Serialize`. Whoever has to print or keep
/// one writes down the fields it means to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// The provider's id of this session.
    pub id: SessionId,
    /// What it reaches.
    pub target: Target,
    /// Where the SSH server is and how it proves who it is.
    pub endpoint: Endpoint,
    /// Who logs in, with what.
    pub login: Login,
    /// Until when it lives.
    pub expiry: Expiry,
    /// When the provider made it, where it says so.
    pub created_at: Option<SystemTime>,
    /// Whether its SSH server is known to listen already.
    pub readiness: Readiness,
}

/// Whether an SSH server is known to listen already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Readiness {
    /// It is: whoever is refused there need not wait.
    #[default]
    Listening,
    /// Its machine is up, and nobody knows about the port: one that refuses connections may open soon.
    Unknown,
}

impl Session {
    /// A session made of its parts; [`created_at`](Self::created_at) starts as unknown, and the SSH server
    /// as listening.
    pub fn new(id: SessionId, target: Target, endpoint: Endpoint, login: Login, expiry: Expiry) -> Self {
        Self { id, target, endpoint, login, expiry, created_at: None, readiness: Readiness::Listening }
    }

    /// The same session with the time at which the provider made it.
    #[must_use]
    pub fn with_created_at(mut self, created_at: SystemTime) -> Self {
        self.created_at = Some(created_at);
        self
    }

    /// The same session with what is known about its SSH server.
    #[must_use]
    pub fn with_readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = readiness;
        self
    }
}

/// Where an SSH server is and how it proves who it is.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// How bytes reach it.
    pub transport: Transport,
    /// How it proves who it is.
    pub host_trust: HostTrust,
}

/// How bytes reach the SSH server.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A TCP connection.
    Tcp {
        /// Name or address.
        host: Host,
        /// Port.
        port: Port,
    },
    /// Binary messages of a WebSocket (RFC 6455). When a dial is answered with 401, the dialler asks
    /// the provider to `regenerate` once.
    WebSocket {
        /// Where to dial.
        url: WebSocketUrl,
        /// Header names with secret values, such as `Authorization`.
        headers: Vec<(String, SecretString)>,
        /// A PEM file of certificate authorities to trust besides the platform's roots.
        ca_file: Option<PathBuf>,
    },
}

/// Until when a session lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Until this time.
    At(SystemTime),
    /// As long as its target.
    WithTarget,
    /// As long as the process that made it. Such a session is never recorded.
    WithProcess,
    /// The provider does not say.
    Unknown,
}

impl Expiry {
    /// Whether the session is surely over at `now`. Unknown is not over.
    pub fn is_past(self, now: SystemTime) -> bool {
        self.within(now, Duration::ZERO)
    }

    /// Whether the session is over by `now + margin`: too stale to start something with.
    pub fn within(self, now: SystemTime, margin: Duration) -> bool {
        match self {
            Self::At(end) => now.checked_add(margin).is_none_or(|limit| end <= limit),
            Self::WithTarget | Self::WithProcess | Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_is_not_the_same_as_not_yet_over() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let expiry = Expiry::At(now + Duration::from_secs(60));
        assert!(!expiry.is_past(now) && !expiry.within(now, Duration::from_secs(59)));
        assert!(expiry.within(now, Duration::from_secs(60)) && expiry.is_past(now + Duration::from_secs(60)));
        assert!(expiry.within(now, Duration::MAX), "a margin beyond time itself is past");
        assert!(!Expiry::Unknown.is_past(now) && !Expiry::WithProcess.within(now, Duration::MAX));
    }
}
