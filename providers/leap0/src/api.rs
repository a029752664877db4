//! The API, typed: one method for each call.

use anyssh_core::{Deadline, ProviderError, SessionId, Settings};
use anyssh_http::{Answer, Call, HttpClient, Refusal, RetryPolicy, Timed, Value};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::config::Config;
use crate::generations::{Generation, Which};
use crate::pages;
use crate::wire::{Named, Sandbox, SshAccess, SshValidation};

/// The Leap0 API, as far as SSH needs it: the credentials of a sandbox, and sandboxes.
///
/// Every call has a deadline of its own; each of its requests is also bound by the settings' request timeout.
///
/// ```no_run
/// use std::time::{Duration, Instant};
/// use anyssh_core::{Deadline, SessionId, Settings};
/// use anyssh_leap0::{Generation, Leap0, Which};
///
/// # async fn run() -> Result<(), anyssh_core::ProviderError> {
/// let leap0 = Leap0::new(&Settings::new().with_setting("LEAP0_API_KEY", "l0-…".into()))?;
/// let within = |seconds| Deadline::at(Instant::now() + Duration::from_secs(seconds));
/// let access = leap0.create_access("sbx-abc123", within(30)).await?.value;
/// let id = SessionId::parse("id", &access.id).map_err(anyssh_core::ProviderError::protocol)?;
/// let good = leap0.validate_access("sbx-abc123", Generation::Two, &id, &access.password, within(10)).await?;
/// assert!(good.valid);
/// leap0.delete_access("sbx-abc123", Which::Id(&id), within(10)).await?;
/// # Ok(()) }
/// ```
///
/// Answers are read strictly, but what they mean is for the caller to check: ids, times and the command
/// are text as it came. [`Leap0Provider`](crate::Leap0Provider) does all of that.
#[derive(Clone, Debug)]
pub struct Leap0 {
    http: HttpClient,
}

/// What a create or regenerate made: the id alone, and the whole answer, each as far as it can be read.
pub(crate) struct Opened {
    pub(crate) id: Result<SessionId, ProviderError>,
    pub(crate) access: Result<Timed<SshAccess>, ProviderError>,
}

/// The body of a validate of generation 1.
#[derive(Serialize)]
struct Pair<'a> {
    id: &'a str,
    password: &'a str,
}

/// The body of a validate of generation 2.
#[derive(Serialize)]
struct PasswordAlone<'a> {
    password: &'a str,
}

impl Leap0 {
    /// A client with the header and the origin that the settings name (`LEAP0_…`).
    ///
    /// # Errors
    /// Of kind `Config`: the key is not set, or a setting does not fit.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        Ok(Self::over(Config::read(settings)?.http))
    }

    pub(crate) fn over(http: HttpClient) -> Self {
        Self { http }
    }

    /// Makes a credential. It is never repeated once it may have arrived: the API knows no idempotency keys.
    ///
    /// # Errors
    /// The call's; `Conflict` in generation 1 when the sandbox has a credential. If the answer was lost,
    /// [`anyssh_http::HttpError::may_have_arrived`] of the source says that something may live.
    pub async fn create_access(&self, sandbox: &str, deadline: Deadline) -> Result<Timed<SshAccess>, ProviderError> {
        Ok(self.post_create(sandbox, deadline).await?.timed()?)
    }

    /// [`create_access`](Self::create_access) that tells the id also when the rest is broken.
    pub(crate) async fn open(&self, sandbox: &str, deadline: Deadline) -> Result<Opened, ProviderError> {
        Ok(opened(&self.post_create(sandbox, deadline).await?))
    }

    async fn post_create(&self, sandbox: &str, deadline: Deadline) -> Result<Answer, ProviderError> {
        let path = ["v1", "sandbox", sandbox, "ssh", "access"];
        Ok(self.http.post(&path, RetryPolicy::OnlyIfNotSent, deadline).send(&[201]).await?)
    }

    /// Asks whether an id and a password log in. A wrong password is an answer, not an error.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such credential, and when the API is of the other generation.
    pub async fn validate_access(
        &self,
        sandbox: &str,
        generation: Generation,
        id: &SessionId,
        password: &SecretString,
        deadline: Deadline,
    ) -> Result<SshValidation, ProviderError> {
        let secret = password.expose_secret();
        let post = |path: &[&str]| self.http.post(path, RetryPolicy::Safe, deadline);
        let call: Call = match generation {
            Generation::One => post(&["v1", "sandbox", sandbox, "ssh", "validate"])
                .with_json(&Pair { id: id.as_str(), password: secret }),
            Generation::Two => post(&["v1", "sandbox", sandbox, "ssh", id.as_str(), "validate"])
                .with_json(&PasswordAlone { password: secret }),
        };
        Ok(call.hiding(password).send(&[200]).await?.json()?)
    }

    /// Puts a new credential in place of one, which is dead at once. It is never repeated once it may have
    /// arrived: the first answer's password would be dead unseen.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such credential, and when the API is of the other generation.
    pub async fn regenerate_access(
        &self,
        sandbox: &str,
        which: Which<'_>,
        deadline: Deadline,
    ) -> Result<Timed<SshAccess>, ProviderError> {
        Ok(self.post_regenerate(sandbox, which, deadline).await?.timed()?)
    }

    /// [`regenerate_access`](Self::regenerate_access) that tells the id also when the rest is broken.
    pub(crate) async fn reopen(
        &self,
        sandbox: &str,
        which: Which<'_>,
        deadline: Deadline,
    ) -> Result<Opened, ProviderError> {
        Ok(opened(&self.post_regenerate(sandbox, which, deadline).await?))
    }

    async fn post_regenerate(
        &self,
        sandbox: &str,
        which: Which<'_>,
        deadline: Deadline,
    ) -> Result<Answer, ProviderError> {
        let post = |path: &[&str]| self.http.post(path, RetryPolicy::OnlyIfNotSent, deadline);
        let call = match which {
            Which::Only => post(&["v1", "sandbox", sandbox, "ssh", "regen"]),
            Which::Id(id) => post(&["v1", "sandbox", sandbox, "ssh", id.as_str(), "regen"]),
        };
        Ok(call.send(&[200]).await?)
    }

    /// Ends a credential at once.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such credential, and when the API is of the other generation.
    pub async fn delete_access(
        &self,
        sandbox: &str,
        which: Which<'_>,
        deadline: Deadline,
    ) -> Result<(), ProviderError> {
        let call = match which {
            Which::Only => self.http.delete(&["v1", "sandbox", sandbox, "ssh", "access"], deadline),
            Which::Id(id) => self.http.delete(&["v1", "sandbox", sandbox, "ssh", id.as_str()], deadline),
        };
        call.send(&[204]).await?;
        Ok(())
    }

    /// All sandboxes, over all pages.
    ///
    /// # Errors
    /// The call's; `Protocol` when the pages have no end.
    pub async fn sandboxes(&self, deadline: Deadline) -> Result<Vec<Sandbox>, ProviderError> {
        pages::all(&self.http, deadline).await
    }

    /// One sandbox.
    ///
    /// # Errors
    /// The call's; `NotFound` when there is no such sandbox.
    pub async fn sandbox(&self, sandbox: &str, deadline: Deadline) -> Result<Sandbox, ProviderError> {
        let call = self.http.get(&["v1", "sandbox", sandbox], deadline).with_final_slash();
        Ok(call.send(&[200]).await?.json()?)
    }
}

fn opened(answer: &Answer) -> Opened {
    let named = answer.json().map_err(ProviderError::from);
    let id = named.and_then(|Named { id }| SessionId::parse("id", &id).map_err(ProviderError::protocol));
    Opened { id, access: answer.timed().map_err(ProviderError::from) }
}

/// An error body: `message`, and for a bad request the fields at fault.
pub(crate) fn read_refusal(body: &Value) -> Refusal {
    let mut refusal = Refusal::common(body);
    let fault = |fault: &Value| {
        let text = |name: &str| fault.get(name).and_then(Value::as_str);
        Some(format!("{}: {}", text("field")?, text("error")?))
    };
    if let Some(fault) = body.get("errors").and_then(|list| fault(list.get(0)?)) {
        let message = refusal.message.map_or(String::new(), |message| format!("{message}: "));
        refusal.message = Some(message + &fault);
    }
    refusal
}
