//! An answer that comes piece by piece and may take as long as the caller listens.

use std::fmt;

use anyssh_core::ErrorKind;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::about::About;
use crate::error::Repeat;
use crate::{Call, HttpError, attempt, json, lost, send};

/// The body of an answer, piece by piece as it arrives. Its pieces may hold secrets, so nothing shows them.
///
/// A server may be silent for as long as it likes: TCP keepalive finds a dead peer, and the caller's own
/// deadline bounds the wait for the next piece. How much of the body is kept is for the caller to bound.
pub struct AnswerStream {
    response: Response,
    content_type: Option<String>,
    about: About,
}

impl Call {
    /// Sends the call once and gives the answer's body as it comes. The head has to come within the
    /// client's request timeout and the deadline.
    ///
    /// # Errors
    /// As [`send`](Self::send); nothing is repeated.
    pub async fn open(self, expected: &[u16]) -> Result<AnswerStream, HttpError> {
        let limit = send::left(self.deadline).min(self.client.request_timeout());
        if limit.is_zero() {
            return Err(self.about.error(ErrorKind::TimedOut, "not sent: the timeout is over"));
        }
        let head = attempt::head(&self, expected, Instant::now() + limit);
        let (response, _) = head.await.map_err(|error| error.with_attempts(1))?;
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.map(str::to_owned);
        Ok(AnswerStream { response, content_type, about: self.about })
    }
}

impl AnswerStream {
    /// The next piece of the body, or `None` at its end.
    ///
    /// # Errors
    /// Of kind `Unavailable` when the connection is lost before the body's end.
    pub async fn piece(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        match self.response.chunk().await {
            Ok(piece) => Ok(piece.map(Vec::from)),
            Err(error) => {
                let lost = self.about.error(ErrorKind::Unavailable, "the connection was lost within the answer");
                Err(lost.with_repeat(Repeat::IfHarmless).with_arrival(true).with_source(error.without_url()))
            }
        }
    }

    /// The content type of the head.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// A part of the body as JSON, read as strictly as [`Answer::json`](crate::Answer::json) reads.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Protocol`], naming the place in the JSON and never showing a value.
    pub fn json<T: DeserializeOwned>(&self, part: &[u8]) -> Result<T, HttpError> {
        json::read(part).map_err(|fault| self.unreadable(&fault.to_string()))
    }

    /// The error for a body that is not what was agreed: `text` is the caller's own words.
    pub fn unreadable(&self, text: &str) -> HttpError {
        lost::unreadable(&self.about, &self.about.secrets.redact(text))
    }

    /// Words of the server, fit to be shown: without our secrets, escaped, capped.
    pub fn shown(&self, words: &str) -> String {
        self.about.shown(words)
    }

    /// What was called: `POST /v1/events`.
    pub fn call(&self) -> &str {
        &self.about.call
    }
}

impl fmt::Debug for AnswerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerStream").field("call", &self.about.call).finish_non_exhaustive()
    }
}
