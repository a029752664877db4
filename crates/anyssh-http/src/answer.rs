//! An answer of an expected status, read to its end.

use std::fmt;
use std::time::SystemTime;

use anyssh_core::{ErrorKind, escape};
use serde::de::DeserializeOwned;

use crate::about::About;
use crate::fault::Fault;
use crate::{HttpError, clock_skew_note, json};

/// An answer of an expected status. Its body may hold secrets, so nothing shows it.
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) server_time: Option<SystemTime>,
    pub(crate) received_at: SystemTime,
    pub(crate) body: Vec<u8>,
    pub(crate) attempts: u32,
    pub(crate) about: About,
}

impl Answer {
    /// Its status, one of those that were expected.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The server's clock, from the `Date` header. Expiry times are compared with it (S8).
    pub fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }

    /// Our clock when the answer came.
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }

    /// The server's time if it was told, else ours.
    pub fn now(&self) -> SystemTime {
        self.server_time.unwrap_or(self.received_at)
    }

    /// One sentence if our clock is more than a minute off the server's: for errors about times (S12).
    pub fn clock_skew_note(&self) -> Option<String> {
        clock_skew_note(self.server_time?, self.received_at)
    }

    /// The body as JSON, read strictly (S9): UTF-8; no duplicate keys, also in what `T` does not know;
    /// no number that would change by being read; objects, not arrays, for structs; at most 1 MiB, 32
    /// levels, and 64 KiB for each string.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Protocol`], naming the place in the JSON and never showing a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        self.promised_json().and_then(|()| json::read(&self.body)).map_err(|fault| self.faulty(fault))
    }

    /// The body as a JSON text that nobody has read: for bulk that is passed on as it came. What is picked
    /// out of it is for [`part`](Self::part).
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Protocol`] when it is no text, or promises to be something else than JSON.
    pub fn text(&self) -> Result<&str, HttpError> {
        let text = self.promised_json().and_then(|()| json::text(&self.body));
        text.map_err(|fault| self.faulty(fault))
    }

    /// A part of the [`text`](Self::text), read as strictly as [`json`](Self::json) reads the whole.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn part<T: DeserializeOwned>(&self, part: &str) -> Result<T, HttpError> {
        json::read(part.as_bytes()).map_err(|fault| self.faulty(fault))
    }

    /// The error for an answer that is not what was agreed: `text` is the caller's own words.
    pub fn unreadable(&self, text: &str) -> HttpError {
        self.faulty(Fault::new(text))
    }

    fn faulty(&self, fault: Fault) -> HttpError {
        // Names of fields come from the server too, and could be our own secret.
        let text = self.about.secrets.redact(&fault.to_string());
        let redacted = |text: Option<String>| text.map(|text| self.about.secrets.redact(&text));
        self.about
            .error(ErrorKind::Protocol, &text)
            .with_status(self.status)
            .with_place(redacted(fault.path), redacted(fault.field))
            .with_arrival(true)
            .with_attempts(self.attempts)
    }

    fn promised_json(&self) -> Result<(), Fault> {
        let content_type = self.content_type.as_deref();
        if self.body.is_empty() {
            return Err(Fault::new("the answer is empty"));
        }
        if json::looks_like_html(content_type, &self.body) {
            return Err(Fault::new("the answer is an HTML page, not JSON"));
        }
        if let Some(other) = content_type.filter(|content_type| !json::promises_json(content_type)) {
            return Err(Fault::new(format!("the answer's content type is {}, not JSON", escape::quoted(other))));
        }
        Ok(())
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("call", &self.about.call)
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}
