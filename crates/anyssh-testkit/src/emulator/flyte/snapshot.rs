//! What an action looks like at one moment.

use serde::Deserialize;
use serde_json::{Value, json};

/// Where an action is in its life: `ActionPhase` of `flyteidl2.common`. In a script it is its name in lower
/// case, with `_` between words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// 0, which JSON leaves out.
    #[serde(skip)]
    Unspecified,
    /// 1.
    Queued,
    /// 2.
    WaitingForResources,
    /// 3.
    Initializing,
    /// 4: the pod runs.
    Running,
    /// 5, over.
    Succeeded,
    /// 6, over.
    Failed,
    /// 7, over.
    Aborted,
    /// 8, over.
    TimedOut,
    /// 9.
    Paused,
    /// 10, over.
    Recovered,
    /// A number that is not among these: what a later version of the vendor's may send.
    #[serde(skip)]
    Unknown(i32),
}

impl Phase {
    /// Whether the pod is gone for good.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Aborted | Self::TimedOut | Self::Recovered)
    }

    pub(super) fn number(self) -> i32 {
        match self {
            Self::Unspecified => 0,
            Self::Queued => 1,
            Self::WaitingForResources => 2,
            Self::Initializing => 3,
            Self::Running => 4,
            Self::Succeeded => 5,
            Self::Failed => 6,
            Self::Aborted => 7,
            Self::TimedOut => 8,
            Self::Paused => 9,
            Self::Recovered => 10,
            Self::Unknown(number) => number,
        }
    }
}

/// What a link is for: `LinkType` of `flyteidl2.core.TaskLog`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// 0: logs elsewhere.
    External,
    /// 1: a dashboard.
    Dashboard,
    /// 2: the way into the pod.
    Ide,
}

/// A link of an attempt. That into a pod leads to the emulator's gateway, unless it is told otherwise.
///
/// ```
/// use anyssh_testkit::emulator::{Link, LinkKind};
/// let usual = Link::ide();
/// let ready = Link::ide().ready();
/// let odd = Link::ide().followed_by("/x%2Fy?token=a%20b");
/// let relative = Link::ide().relative();
/// let elsewhere = Link::ide().to("https://evil.example/pods/1");
/// let logs = Link::ide().to("https://logs.example/").kind(LinkKind::External);
/// # let _ = (usual, ready, odd, relative, elsewhere, logs);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    kind: LinkKind,
    ready: bool,
    uri: Option<String>,
    relative: bool,
    suffix: String,
}

impl Link {
    /// The way into the pod of the attempt, not `ready`: that is what a debug run has.
    pub fn ide() -> Self {
        Self { kind: LinkKind::Ide, ready: false, uri: None, relative: false, suffix: String::new() }
    }

    /// The same, `ready`.
    #[must_use]
    pub fn ready(mut self) -> Self {
        self.ready = true;
        self
    }

    /// The same of another kind.
    #[must_use]
    pub fn kind(mut self, kind: LinkKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same, without scheme and host: clients put those of the control plane before it, which
    /// answers for the gateway there.
    #[must_use]
    pub fn relative(mut self) -> Self {
        self.relative = true;
        self
    }

    /// The same with more behind it: path, query, or both. The gateway does not look at it.
    #[must_use]
    pub fn followed_by(mut self, suffix: &str) -> Self {
        self.suffix = suffix.to_owned();
        self
    }

    /// The same with exactly this URI.
    #[must_use]
    pub fn to(mut self, uri: &str) -> Self {
        self.uri = Some(uri.to_owned());
        self
    }

    /// `TaskLog`.
    fn json(&self, gateway: &str, path: &str) -> Value {
        let base = if self.relative { "" } else { gateway };
        let uri = self.uri.clone().unwrap_or_else(|| format!("{base}{path}{}", self.suffix));
        let kind = match self.kind {
            LinkKind::External => "EXTERNAL",
            LinkKind::Dashboard => "DASHBOARD",
            LinkKind::Ide => "IDE",
        };
        json!({"uri": uri, "name": "VS Code Debugger", "linkType": kind, "ready": self.ready})
    }
}

/// One attempt of an action; each has a pod of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    phase: Phase,
    links: Vec<Link>,
}

impl Attempt {
    /// An attempt without links.
    pub fn in_phase(phase: Phase) -> Self {
        Self { phase, links: Vec::new() }
    }

    /// The same with one more link.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }
}

/// An action at one moment: its phase, its attempts, what became of it.
///
/// ```
/// use anyssh_testkit::emulator::{Attempt, Link, Phase, Snapshot};
/// let booting = Snapshot::in_phase(Phase::Initializing);
/// let up = Snapshot::serving();
/// let again = Snapshot::in_phase(Phase::Running)
///     .attempt(Attempt::in_phase(Phase::Failed).link(Link::ide()))
///     .attempt(Attempt::in_phase(Phase::Running).link(Link::ide()));
/// let failed = Snapshot::in_phase(Phase::Failed).error("OOMKilled", "the pod ran out of memory");
/// # let _ = (booting, up, again, failed);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub(super) phase: Phase,
    pub(super) attempts: Vec<Attempt>,
    error: Option<(String, String)>,
    abort: Option<String>,
}

impl Snapshot {
    /// No attempts yet.
    pub fn in_phase(phase: Phase) -> Self {
        Self { phase, attempts: Vec::new(), error: None, abort: None }
    }

    /// Running, with one attempt and the link to its pod.
    pub fn serving() -> Self {
        Self::in_phase(Phase::Running).attempt(Attempt::in_phase(Phase::Running).link(Link::ide()))
    }

    /// The same with one more attempt.
    #[must_use]
    pub fn attempt(mut self, attempt: Attempt) -> Self {
        self.attempts.push(attempt);
        self
    }

    /// The same with `errorInfo`: a code and a message, of kind `KIND_USER`.
    #[must_use]
    pub fn error(mut self, code: &str, message: &str) -> Self {
        self.error = Some((code.to_owned(), message.to_owned()));
        self
    }

    /// The same, aborted for this reason.
    #[must_use]
    pub fn aborted(mut self, reason: &str) -> Self {
        (self.phase, self.abort) = (Phase::Aborted, Some(reason.to_owned()));
        self
    }

    /// Whether the attempt at this index has a pod.
    pub(super) fn attempt_is_alive(&self, index: usize) -> bool {
        self.attempts.get(index).is_some_and(|attempt| !attempt.phase.is_over())
    }

    /// The parts of `ActionDetails` that change. `path` is the gateway's for an attempt, from 1.
    pub(super) fn json(&self, gateway: &str, path: &dyn Fn(usize) -> String) -> Value {
        let attempts = self.attempts.iter().zip(1..).map(|(attempt, number)| {
            let links: Vec<Value> = attempt.links.iter().map(|link| link.json(gateway, &path(number))).collect();
            json!({"phase": attempt.phase.number(), "attempt": number, "startTime": STARTED, "logInfo": links})
        });
        let attempts: Vec<Value> = attempts.collect();
        let status = json!({"phase": self.phase.number(), "startTime": STARTED, "attempts": attempts.len()});
        let mut details = json!({"status": status, "attempts": attempts});
        if self.phase.is_over() {
            details["status"]["endTime"] = ENDED.into();
        }
        if let Some((code, message)) = &self.error {
            details["errorInfo"] = json!({"message": message, "kind": "KIND_USER", "code": code});
        } else if let Some(reason) = &self.abort {
            details["abortInfo"] = json!({"reason": reason, "abortedBy": "somebody@acme.example"});
        }
        details
    }
}

const STARTED: &str = "2026-09-01T08:00:00.250Z";
const ENDED: &str = "2026-09-01T08:05:00Z";
