//! The API, typed: one method for each call.

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{Deadline, ErrorKind, IdempotencyKey, ProviderError, SessionId, Settings};
use anyssh_http::{Answer, HttpClient, Refusal, RetryPolicy, Timed, Value};

use crate::config;
use crate::pages;
use crate::wire::{Machine, Named, NewSession, SshSession};

/// The Dedalus API, as far as SSH needs it: sessions of a machine, and machines.
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use anyssh_core::{Deadline, Settings};
/// use anyssh_dedalus::Dedalus;
///
/// # async fn run() -> Result<(), anyssh_core::ProviderError> {
/// let dedalus = Dedalus::new(&Settings::new().with_setting("DEDALUS_API_KEY", "dsk-live-…".into()))?;
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
/// for machine in dedalus.machines(deadline).await? {
///     let sessions = dedalus.ssh_sessions(&machine.machine_id, deadline).await?;
///     assert!(sessions.iter().all(|session| session.machine_id == machine.machine_id));
/// }
/// # Ok(()) }
/// ```
///
/// Answers are read strictly, but what they mean is for the caller to check: ids, times and the
/// connection are text as it came. [`DedalusProvider`](crate::DedalusProvider) does all of that.
#[derive(Clone, Debug)]
pub struct Dedalus {
    http: HttpClient,
}

/// What a create made: the id as soon as it is known, and the rest of the answer if it can be read.
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) session: Result<Timed<SshSession>, ProviderError>,
}

impl Dedalus {
    /// A client with the headers and the origin that the settings name (`DEDALUS_…`).
    ///
    /// # Errors
    /// Of kind `Config`: neither key is set, or a setting does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        Ok(Self { http: config::http(settings)? })
    }

    /// Makes a session, which wakes the machine. Repeated, also by the caller, with the same `key` and
    /// public key it answers about the same session.
    ///
    /// # Errors
    /// The call's; [`anyssh_http::HttpError::may_have_arrived`] of its source says whether something may live.
    pub async fn create_ssh_session(
        &self,
        machine: &str,
        public_key: &PublicKey,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Timed<SshSession>, ProviderError> {
        let answer = self.post_session(machine, public_key, key, deadline).await?;
        Ok(answer.timed()?)
    }

    /// [`create_ssh_session`](Self::create_ssh_session) that tells the id also when the rest is broken.
    pub(crate) async fn open(
        &self,
        machine: &str,
        public_key: &PublicKey,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Opened, ProviderError> {
        let answer = self.post_session(machine, public_key, key, deadline).await?;
        let named: Named = answer.json()?;
        let id = SessionId::parse("session_id", &named.session_id).map_err(ProviderError::protocol)?;
        Ok(Opened { id, session: answer.timed().map_err(ProviderError::from) })
    }

    async fn post_session(
        &self,
        machine: &str,
        public_key: &PublicKey,
        key: &IdempotencyKey,
        deadline: Deadline,
    ) -> Result<Answer, ProviderError> {
        let line = public_key_line(public_key)?;
        let path = ["v1", "machines", machine, "ssh"];
        let call = self.http.post(&path, RetryPolicy::SameKey(key.clone()), deadline);
        Ok(call.with_json(&NewSession { public_key: &line }).send(&[200]).await?)
    }

    /// One session.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such session.
    pub async fn ssh_session(
        &self,
        machine: &str,
        session: &SessionId,
        deadline: Deadline,
    ) -> Result<Timed<SshSession>, ProviderError> {
        let path = ["v1", "machines", machine, "ssh", session.as_str()];
        Ok(self.http.get(&path, deadline).send(&[200]).await?.timed()?)
    }

    /// All sessions of a machine, over all pages.
    ///
    /// # Errors
    /// The call's; `Protocol` when the pages have no end.
    pub async fn ssh_sessions(&self, machine: &str, deadline: Deadline) -> Result<Vec<SshSession>, ProviderError> {
        pages::all(&self.http, &["v1", "machines", machine, "ssh"], deadline).await
    }

    /// Ends a session and answers what it became, which is `closed`; `None` when the server says
    /// nothing more than that it is done (204).
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such session.
    pub async fn delete_ssh_session(
        &self,
        machine: &str,
        session: &SessionId,
        deadline: Deadline,
    ) -> Result<Option<SshSession>, ProviderError> {
        let path = ["v1", "machines", machine, "ssh", session.as_str()];
        let answer = self.http.delete(&path, deadline).send(&[200, 204]).await?;
        if answer.status() == 204 { Ok(None) } else { Ok(Some(answer.json()?)) }
    }

    /// All machines, over all pages.
    ///
    /// # Errors
    /// The call's; `Protocol` when the pages have no end.
    pub async fn machines(&self, deadline: Deadline) -> Result<Vec<Machine>, ProviderError> {
        pages::all(&self.http, &["v1", "machines"], deadline).await
    }

    /// One machine.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such machine.
    pub async fn machine(&self, machine: &str, deadline: Deadline) -> Result<Machine, ProviderError> {
        Ok(self.http.get(&["v1", "machines", machine], deadline).send(&[200]).await?.json()?)
    }
}

/// `TYPE BASE64`: the comment says where the key was made, which is nobody's business, and a request
/// that is repeated later has to be the same byte for byte.
fn public_key_line(key: &PublicKey) -> Result<String, ProviderError> {
    let plain = PublicKey::new(key.key_data().clone(), "");
    let unfit =
        |error| ProviderError::new(ErrorKind::Usage, "the public key cannot be written down").with_source(error);
    Ok(plain.to_openssh().map_err(unfit)?.trim_end().to_owned())
}

/// An error body: Dedalus' own, or problem details (RFC 9457) with the fields at fault.
pub(crate) fn read_refusal(body: &Value) -> Refusal {
    let mut refusal = Refusal::common(body).with_hint_from(body, "retryable", "retry_after_ms");
    let fault = |fault: &Value| {
        let text = |name: &str| fault.get(name).and_then(Value::as_str);
        Some(format!("{}: {}", text("location")?, text("message")?))
    };
    if let Some(fault) = body.get("errors").and_then(|list| fault(list.get(0)?)) {
        let message = refusal.message.map_or(String::new(), |message| format!("{message}: "));
        refusal.message = Some(message + &fault);
    }
    refusal
}
