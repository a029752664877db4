//! Which call an error is about, and what must not stand in it.

use anyssh_core::{ErrorKind, escape};

use crate::HttpError;
use crate::redact::Secrets;

/// The call that an error is about, and the secrets that must not stand in it.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// `POST /v1/machines/m1/ssh`.
    pub(crate) call: String,
    pub(crate) secrets: Secrets,
}

impl About {
    /// An error about this call; `text` holds only our words and what [`shown`](Self::shown) let through.
    pub(crate) fn error(&self, kind: ErrorKind, text: &str) -> HttpError {
        let call = escape::printable(&self.call, escape::MESSAGE_CAP);
        HttpError::new(kind, self.secrets.redact(&format!("{call}: {text}")))
    }

    /// Remote text, fit to be shown: without our secrets, escaped, capped.
    pub(crate) fn shown(&self, text: &str) -> String {
        escape::printable(&self.secrets.redact(text.trim()), escape::MESSAGE_CAP)
    }
}
