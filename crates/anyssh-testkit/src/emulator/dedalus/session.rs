//! An SSH session, and the object that stands for it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::emulator::wake::{Progress, Shown};

/// How long sessions and their certificates live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) session: Duration,
    pub(super) certificate: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { session: hour, certificate: hour }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) machine_id: String,
    pub(super) serial: u64,
    pub(super) progress: Progress,
    pub(super) created: Timestamp,
    pub(super) ready: Option<Timestamp>,
    pub(super) expires: Timestamp,
    pub(super) closed: bool,
    /// What it gets when it is ready.
    pub(super) connection: Value,
}

impl Session {
    /// One more answer will show it.
    pub(super) fn advance(&mut self, now: Timestamp) {
        if self.is_over(now) {
            return;
        }
        self.progress.advance();
        if self.progress.current() == Shown::Ready {
            self.ready.get_or_insert(now);
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Closed or expired: its certificate is worth nothing any more.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.closed || now >= self.expires
    }

    pub(super) fn status(&self, now: Timestamp) -> &str {
        match self.progress.current() {
            _ if self.closed => "closed",
            Shown::Failed { .. } => "failed",
            _ if self.is_over(now) => "expired",
            Shown::Pending { status, .. } => status,
            Shown::Ready => "ready",
        }
    }

    pub(super) fn to_json(&self, now: Timestamp) -> Value {
        let mut object = json!({
            "session_id": self.id,
            "machine_id": self.machine_id,
            "status": self.status(now),
            "created_at": self.created.to_string(),
            "expires_at": self.expires.to_string(),
        });
        if let Some(ready) = self.ready {
            object["ready_at"] = ready.to_string().into();
        }
        if self.closed {
            return object;
        }
        match self.progress.current() {
            Shown::Failed { code, message } => {
                object["error_code"] = code.into();
                object["error_message"] = message.into();
            }
            _ if self.is_over(now) => {}
            Shown::Pending { hint, .. } => {
                if let Some(milliseconds) = hint {
                    object["retry_after_ms"] = milliseconds.into();
                }
            }
            Shown::Ready => object["connection"] = self.connection.clone(),
        }
        object
    }
}
