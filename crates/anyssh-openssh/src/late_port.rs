//! A port that opens after its machine is up.

use std::time::{Duration, Instant};

use anyssh_core::{Readiness, Session};

/// Until when a refused connection is no reason to give up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatePort {
    until: Option<Instant>,
}

impl LatePort {
    /// As the session says, from now on.
    pub(crate) fn of(session: &Session) -> Self {
        let until = match session.readiness {
            Readiness::Listening => None,
            Readiness::Unknown => Instant::now().checked_add(PATIENCE),
        };
        Self { until }
    }

    /// Whether the port may still open.
    pub(crate) fn is_awaited(self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// Long enough for a machine that boots, and shorter than a person waits for one that never listens.
const PATIENCE: Duration = Duration::from_secs(60);
