//! One provider, ready for use: every call has a deadline that wins and an error that says who and what.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyssh_core::{
    CreateRequest, Deadline, ErrorKind, HostTrust, KeyPair, ProviderError, ProviderInfo, Regenerated, Revocation,
    Session, SessionRef, Settings, SshProvider, Target, TargetSummary, Validity,
};

use crate::error::Cause;
use crate::identity;
use crate::lifecycle::clean_up_deadline;
use crate::{BUILTIN, CLEAN_UP, Error, Operation, RequestOptions};

/// A provider ends its calls by itself, with an error that says what it waited for, after revoking
/// what it cannot hand out; one that does not is cut off this long after its deadline.
fn grace(operation: Operation) -> Duration {
    match operation {
        Operation::Create | Operation::Regenerate => CLEAN_UP + MARGIN,
        _ => MARGIN,
    }
}

/// For the way from the provider's own timer to its answer.
const MARGIN: Duration = Duration::from_millis(250);

/// One provider, ready for use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Provider {
    info: &'static ProviderInfo,
    settings: Arc<Settings>,
    /// The key that an option of the settings names.
    own_key: Option<KeyPair>,
    provider: Arc<dyn SshProvider>,
}

impl Provider {
    /// The provider that `info` describes, built from `settings`. Nothing is requested yet.
    ///
    /// # Errors
    /// Kind `Config` when a setting is missing or does not fit, kind `Usage` when an option does not.
    pub fn new(info: &'static ProviderInfo, settings: &Settings) -> Result<Self, Error> {
        let fail = |error| Error::new(info.name, Operation::Configure, error);
        let identity = info.options.iter().filter(|option| option.is_identity);
        let file = identity.filter_map(|option| settings.option(option.name)).next();
        let own_key = file.map(|file| identity::identity(file.as_ref())).transpose().map_err(fail)?;
        let provider = info.build(settings).map_err(fail)?;
        Ok(Self { info, settings: Arc::new(settings.clone()), own_key, provider })
    }

    /// A provider that comes with anyssh, by name.
    ///
    /// # Errors
    /// Kind `Usage` when there is none of that name; otherwise as [`Provider::new`].
    pub fn builtin(name: &str, settings: &Settings) -> Result<Self, Error> {
        match BUILTIN.iter().find(|info| info.name == name) {
            Some(info) => Self::new(info, settings),
            None => {
                let names: Vec<_> = BUILTIN.iter().map(|info| info.name).collect();
                let message = format!("there is no provider of this name, only: {}", names.join(", "));
                Err(Error::new(name, Operation::Configure, ProviderError::new(ErrorKind::Usage, message)))
            }
        }
    }

    /// A provider value that is built already, under the name of `info`: for tests and scripted mocks.
    pub fn from_value(info: &'static ProviderInfo, provider: Arc<dyn SshProvider>) -> Self {
        Self { info, settings: Arc::new(Settings::new()), own_key: None, provider }
    }

    /// What it is.
    pub fn info(&self) -> &'static ProviderInfo {
        self.info
    }

    /// A request for a new session of `target`. A key pair of the options wins over one of the settings,
    /// and a fresh one is made where there is none.
    ///
    /// # Errors
    /// Kind `Usage` when the target does not parse or the provider cannot bind to a caller's key.
    pub fn request(&self, target: &str, options: &RequestOptions) -> Result<CreateRequest, Error> {
        let fail = |error: ProviderError| Error::new(self.info.name, Operation::Configure, error);
        let target = Target::parse("target", target).map_err(|error| fail(ProviderError::usage(error)))?;
        let own_key = options.key_pair.as_ref().or(self.own_key.as_ref());
        let callers = matches!(own_key, Some(KeyPair::Caller { .. }));
        if callers && !self.provider.capabilities().caller_key {
            let error = ProviderError::unsupported("this provider cannot bind a session to a key of yours");
            return Err(fail(error).with_target(&target));
        }
        options.request(target.clone(), own_key).map_err(|error| fail(error).with_target(&target))
    }

    /// Makes a session; see [`SshProvider::create`]. The session is checked against the request.
    ///
    /// # Errors
    /// The provider's, or kind `Protocol` when the session does not fit the request (then it was revoked).
    pub async fn create(&self, request: &CreateRequest) -> Result<Session, Error> {
        let call = self.provider.create(request);
        let session = self.bounded(Operation::Create, &request.target, request.deadline, call).await?;
        self.checked(Operation::Create, request, session).await
    }

    /// Asks whether a session is good; see [`SshProvider::validate`].
    ///
    /// # Errors
    /// The provider's.
    pub async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, Error> {
        self.bounded(Operation::Validate, &session.target, deadline, self.provider.validate(session, deadline)).await
    }

    /// Puts a new credential in place of an old one; see [`SshProvider::regenerate`].
    ///
    /// # Errors
    /// The provider's, or kind `Protocol` when the new session does not fit the request (then it was revoked).
    pub async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, Error> {
        let call = self.provider.regenerate(session, request);
        let regenerated = self.bounded(Operation::Regenerate, &session.target, request.deadline, call).await?;
        let session = self.checked(Operation::Regenerate, request, regenerated.session).await?;
        Ok(Regenerated { session, ..regenerated })
    }

    /// Ends a session; see [`SshProvider::revoke`].
    ///
    /// # Errors
    /// The provider's: the session may still live.
    pub async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, Error> {
        self.bounded(Operation::Revoke, &session.target, deadline, self.provider.revoke(session, deadline)).await
    }

    /// Lists what there is to connect to.
    ///
    /// # Errors
    /// Kind `Usage` when the provider has no list; otherwise the provider's.
    pub async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, Error> {
        let fail = |error: ProviderError| Error::new(self.info.name, Operation::Targets, error);
        let directory = match self.info.directory(&self.settings) {
            Some(directory) => directory.map_err(fail)?,
            None => return Err(fail(ProviderError::unsupported("this provider cannot list its targets"))),
        };
        match tokio::time::timeout_at(
            (deadline.instant() + grace(Operation::Targets)).into(),
            directory.targets(deadline),
        )
        .await
        {
            Ok(targets) => targets.map_err(fail),
            Err(_) => Err(Error::new(self.info.name, Operation::Targets, Cause::CutOff)),
        }
    }

    /// The session, if it fits the request; otherwise it is revoked, because nobody is to use it.
    async fn checked(&self, operation: Operation, request: &CreateRequest, session: Session) -> Result<Session, Error> {
        let Err(error) = check(&session, &request.target) else { return Ok(session) };
        let refusal = Error::new(self.info.name, operation, error).with_target(&request.target);
        Err(match self.revoke(&SessionRef::from(&session), clean_up_deadline()).await {
            Ok(_) => refusal,
            Err(failure) => refusal.with_clean_up_failure(failure),
        })
    }

    async fn bounded<T>(
        &self,
        operation: Operation,
        target: &Target,
        deadline: Deadline,
        call: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, Error> {
        let result = match tokio::time::timeout_at((deadline.instant() + grace(operation)).into(), call).await {
            Ok(result) => result.map_err(Cause::from),
            Err(_) => Err(Cause::CutOff),
        };
        result.map_err(|cause| Error::new(self.info.name, operation, cause).with_target(target))
    }
}

/// Clauses 3 and 4 of the contract, held for every provider, also those that are not ours.
fn check(session: &Session, target: &Target) -> Result<(), ProviderError> {
    if session.target != *target {
        let message = format!("the session is for {}, not for {target}", session.target);
        return Err(ProviderError::new(ErrorKind::Protocol, message).with_field("target"));
    }
    if session.expiry.is_past(SystemTime::now()) {
        return Err(
            ProviderError::new(ErrorKind::Protocol, "the new session has already expired").with_field("expires_at")
        );
    }
    match &session.endpoint.host_trust {
        HostTrust::Pinned(keys) if keys.is_empty() => {
            Err(ProviderError::new(ErrorKind::Protocol, "the session trusts no host key").with_field("host_trust"))
        }
        _ => Ok(()),
    }
}
