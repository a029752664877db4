//! A good provider, broken in one clause on purpose.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyssh_core::{
    CallerKey, Capabilities, CreateRequest, Credential, Deadline, ErrorKind, Expiry, ProviderError, Regenerated,
    Revocation, Session, SessionKey, SessionRef, SshProvider, Validity, Wake, async_trait,
};
use anyssh_testkit::conformance::Clause;

/// Breaks one clause and keeps the others.
pub(super) struct Broken {
    inner: Arc<dyn SshProvider>,
    clause: Clause,
    secret: String,
    /// What clause 1 is broken with, if not with a word on standard output.
    program: Option<&'static str>,
}

impl Broken {
    pub(super) fn new(inner: Arc<dyn SshProvider>, clause: Clause, secret: &str) -> Self {
        Self { inner, clause, secret: secret.to_owned(), program: None }
    }

    /// Breaks clause 1: it runs a program, and waits for its end.
    pub(super) fn running(self, program: &'static str) -> Self {
        Self { program: Some(program), clause: Clause::ValuesOnly, ..self }
    }

    fn breaks(&self, clause: Clause) -> bool {
        self.clause == clause
    }

    fn spoiled(&self, mut session: Session) -> Session {
        if let Credential::CertificateOnly { key, .. } = &mut session.login.credential
            && self.breaks(Clause::BoundToTheQuestion)
        {
            *key = CallerKey::File("/somebody/elses/key".into());
        }
        if self.breaks(Clause::Usable) {
            session.expiry = Expiry::At(SystemTime::UNIX_EPOCH);
        }
        session
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("key", &self.breaks(Clause::NoSecretShown).then_some(&self.secret)).finish()
    }
}

#[async_trait]
impl SshProvider for Broken {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    #[allow(clippy::print_stdout, reason = "that is what is broken")]
    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        let mut request = request.clone();
        if self.breaks(Clause::ValuesOnly) {
            match self.program {
                None => println!("making a session"),
                Some(program) => assert!(std::process::Command::new(program).status().unwrap().success()),
            }
        }
        if self.breaks(Clause::NoFallback) {
            request.wake = Wake::Allowed;
        }
        if self.breaks(Clause::Shared) && request.deadline.remaining(Instant::now()) < Duration::from_secs(4) {
            std::thread::sleep(Duration::from_secs(2));
        }
        match self.inner.create(&request).await {
            Ok(session) => Ok(self.spoiled(session)),
            // What may still live is no longer named.
            Err(error) if self.breaks(Clause::NothingLeftBehind) => {
                Err(ProviderError::new(error.kind(), "something went wrong"))
            }
            Err(error) => Err(error),
        }
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        let validity = self.inner.validate(session, deadline).await;
        if validity.is_err() && self.breaks(Clause::InTime) {
            std::future::pending::<()>().await;
        }
        validity
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        if self.breaks(Clause::RegenerateReplaces) {
            return Ok(Regenerated { session: self.inner.create(request).await?, still_alive: None });
        }
        self.inner.regenerate(session, request).await
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        match &session.key {
            SessionKey::Attempt(_) if self.breaks(Clause::TheAttemptIsEnough) => return Ok(Revocation::AlreadyGone),
            SessionKey::Id(_) if self.breaks(Clause::NothingAfterRevoke) => {
                if let Ok(Validity::Valid { .. }) = self.inner.validate(session, deadline).await {
                    return Ok(Revocation::Revoked);
                }
            }
            _ => {}
        }
        match self.inner.revoke(session, deadline).await? {
            Revocation::AlreadyGone if self.breaks(Clause::RevokeIsAWish) => {
                Err(ProviderError::new(ErrorKind::NotFound, "there is no such session"))
            }
            revocation => Ok(revocation),
        }
    }
}
