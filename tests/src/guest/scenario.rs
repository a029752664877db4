//! What the guest does, as a file that a test writes.

use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyssh_core::ErrorKind;
use serde::{Deserialize, Serialize};

/// What the guest does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scenario {
    /// Where calls are written down; nowhere if empty.
    pub record: PathBuf,
    /// How `create` goes.
    pub create: Act,
    /// How `validate` goes.
    pub validate: Act,
    /// How `regenerate` goes.
    pub regenerate: Act,
    /// How `revoke` goes.
    pub revoke: Act,
    /// How the list of targets goes.
    pub targets: Act,
    /// The session that is handed out.
    pub session: SessionPart,
    /// Whether `validate` says valid.
    pub valid: bool,
    /// Whether `revoke` finds nothing to revoke.
    pub gone: bool,
    /// A file nearby that is not trusted yet; trust makes a file of this name with `.trusted` behind it.
    pub untrusted: Option<PathBuf>,
    /// Told as progress by `create`.
    pub progress: Vec<String>,
    /// The option of this name; not from the file.
    #[serde(skip)]
    pub colour: Option<String>,
    /// The option of this name; not from the file.
    #[serde(skip)]
    pub flag: bool,
    /// The bound of each request, in milliseconds; not from the file.
    #[serde(skip)]
    pub request_timeout_ms: u64,
}

/// How one verb goes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Act {
    /// It does what it should.
    #[default]
    Work,
    /// It does what it should, this many milliseconds later.
    Delay(u64),
    /// It fails with this kind, message and field.
    Fail(String, String, Option<String>),
    /// It fails and leaves something behind.
    Leave(Left),
    /// It waits until its deadline and says so.
    Hang,
    /// It never answers, whatever its deadline.
    Ignore,
    /// It panics.
    Panic,
}

/// What a failed call leaves behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Its id, if known.
    pub session: Option<String>,
    /// Until when, and how to end it.
    pub until: String,
}

/// The session that is handed out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionPart {
    /// Its id.
    pub id: String,
    /// Its target, if not the one that was asked for.
    pub target: Option<String>,
    /// Who logs in.
    pub user: String,
    /// The password.
    pub password: String,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The URL of a WebSocket in front of that port, in its place.
    pub web_socket: Option<String>,
    /// The token for it.
    pub bearer: String,
    /// The token for it that `regenerate` gives.
    pub fresh_bearer: String,
    /// How the host is trusted.
    pub trust: Trust,
    /// Seconds until it ends, from its creation; may be negative. Unknown if not given.
    pub expires_in: Option<i64>,
    /// Whether `regenerate` says that the old one still lives.
    pub still_alive: bool,
}

impl Default for SessionPart {
    fn default() -> Self {
        Self {
            id: "guest-1".into(),
            target: None,
            user: "guest".into(),
            password: "not-a-password-of-anybody".into(),
            port: 1,
            web_socket: None,
            bearer: "bearer-of-the-guest".into(),
            fresh_bearer: "fresh-bearer-of-the-guest".into(),
            trust: Trust::FirstUse { alias: "guest.room".into(), group: None, accepted: false },
            expires_in: None,
            still_alive: false,
        }
    }
}

/// How the host is trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Trust {
    /// These keys, each as one line of a public key file; may be none.
    Pinned(Vec<String>),
    /// On first use.
    FirstUse {
        /// The name under which the key is kept.
        alias: String,
        /// Its group.
        group: Option<String>,
        /// Whether the transport vouches for it.
        accepted: bool,
    },
    /// An authority, as one line of a public key file.
    Authority(String),
}

impl Act {
    /// A failure of this kind, which is spelled as in the code.
    pub fn fail(kind: ErrorKind, message: &str) -> Self {
        Self::Fail(format!("{kind:?}"), message.to_owned(), None)
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// When the file cannot be read or is none.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// Writes this scenario to a new private file.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(serde_json::to_writer(file, self)?)
    }
}

/// All kinds of failure, each under its name in the code.
pub const KINDS: [ErrorKind; 12] = [
    ErrorKind::Usage,
    ErrorKind::Config,
    ErrorKind::Unauthenticated,
    ErrorKind::Forbidden,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Unavailable,
    ErrorKind::TimedOut,
    ErrorKind::Failed,
    ErrorKind::Protocol,
    ErrorKind::Unsupported,
    ErrorKind::Local,
];
