//! What follows the head of an answer.

use std::fmt;
use std::pin::Pin;

use http_body_util::channel::Channel;
use hyper::body::Bytes;
use hyper::upgrade::Upgraded;

use super::http::Answer;

/// An answer and what follows its head.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) rest: Rest,
}

/// What follows the head.
pub(super) enum Rest {
    /// The answer's body.
    Body,
    /// What somebody sends, as it comes. The answer's own body is not sent.
    Stream(Channel<Bytes, Closed>),
    /// The connection is HTTP no longer (RFC 9110 §7.8) and this uses it.
    Connection(UseConnection),
}

/// Uses a connection to its end.
pub(super) type UseConnection = Box<dyn FnOnce(Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, rest: Rest::Body }
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Body => "Body",
            Self::Stream(_) => "Stream",
            Self::Connection(_) => "Connection",
        })
    }
}

/// The connection is to be closed.
#[derive(Debug)]
pub(super) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed as scripted")
    }
}

impl std::error::Error for Closed {}
