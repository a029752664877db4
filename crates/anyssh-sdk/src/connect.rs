//! A session on the real `ssh`: created, its host trusted, launched, revoked.

use std::fmt;
use std::path::Path;

use anyssh_core::{CreateRequest, HostTrust, Progress, Session};
use anyssh_openssh::{
    AskUser, HostKeyPolicy, LaunchOptions, Launcher, Outcome, Output, PinStore, TrustError, TrustResolver,
};

use crate::error::Cause;
use crate::refresh::Refresh;
use crate::{Cancel, Error, Finished, Operation, Provider, with_session};

/// How a session is turned into a running `ssh`.
#[derive(Clone, Copy)]
pub struct Connection<'a> {
    launcher: &'a Launcher,
    options: &'a LaunchOptions,
    state_dir: &'a Path,
    host_keys: Option<&'a HostKeyPolicy>,
    ask: Option<AskUser<'a>>,
    notes: Option<&'a Progress>,
    before_launch: &'a (dyn Fn() + Send + Sync),
    show: &'a (dyn Fn(&str) + Send + Sync),
}

impl<'a> Connection<'a> {
    /// With this `ssh`, asked to do this. Host keys agreed to before are kept in `state_dir`, a private
    /// directory that is made when there is something to keep. A host key never seen before is refused
    /// and ssh's log is not shown.
    pub fn new(launcher: &'a Launcher, options: &'a LaunchOptions, state_dir: &'a Path) -> Self {
        Self {
            launcher,
            options,
            state_dir,
            host_keys: None,
            ask: None,
            notes: None,
            before_launch: &|| {},
            show: &|_| {},
        }
    }

    /// The same with what the user said beforehand about host keys.
    #[must_use]
    pub fn with_host_keys(mut self, host_keys: &'a HostKeyPolicy) -> Self {
        self.host_keys = Some(host_keys);
        self
    }

    /// The same with somebody to ask about a host key never seen before.
    #[must_use]
    pub fn with_ask(mut self, ask: AskUser<'a>) -> Self {
        self.ask = Some(ask);
        self
    }

    /// The same with somebody who is told what was agreed to without a question, such as a host key that
    /// is known from another target. Without it the request's progress hears of it.
    #[must_use]
    pub fn with_notes(mut self, notes: &'a Progress) -> Self {
        self.notes = Some(notes);
        self
    }

    /// The same with something to do right before ssh gets the terminal.
    #[must_use]
    pub fn with_before_launch(mut self, before_launch: &'a (dyn Fn() + Send + Sync)) -> Self {
        self.before_launch = before_launch;
        self
    }

    /// The same with somebody who shows the lines of ssh's log, escaped and without newlines.
    #[must_use]
    pub fn with_show(mut self, show: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        self.show = show;
        self
    }
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Connection");
        shown.field("launcher", self.launcher).field("options", self.options).finish_non_exhaustive()
    }
}

/// Creates a session, runs `ssh` on the caller's terminal and streams, and revokes the session.
///
/// `cancel` ends the creation (see [`with_session`]) and the reading of a host key; once ssh runs,
/// signals are passed on to it.
///
/// # Errors
/// Whatever kept ssh from being let in. What happens after that is in the [`Outcome`].
pub async fn connect(
    provider: &Provider,
    request: &CreateRequest,
    connection: &Connection<'_>,
    cancel: &Cancel,
) -> Result<Finished<Outcome>, Error> {
    connection.check(provider, request)?;
    let used = with_session(provider, request, cancel, async |session| {
        let refresh = Refresh::new(provider, request, session);
        let launcher = connection.launcher.clone().with_refresh(refresh.headers());
        let used = async {
            let trusted = connection.trusted(&launcher, session, request, cancel).await?;
            (connection.before_launch)();
            let mut show = |line: &str| (connection.show)(line);
            let options = connection.options_for(provider);
            let run = launcher.run(&trusted, &options, request.deadline, &mut show);
            connection.let_in(session, run.await?, |outcome| outcome)
        };
        refresh.after(used.await).await
    });
    settled(provider, Operation::Connect, request, used.await?)
}

/// Creates a session, runs `ssh` without input, keeps what it prints, and revokes the session.
///
/// # Errors
/// As [`connect`].
pub async fn capture(
    provider: &Provider,
    request: &CreateRequest,
    connection: &Connection<'_>,
    cancel: &Cancel,
) -> Result<Finished<Output>, Error> {
    connection.check(provider, request)?;
    let used = with_session(provider, request, cancel, async |session| {
        let refresh = Refresh::new(provider, request, session);
        let launcher = connection.launcher.clone().with_refresh(refresh.headers());
        let used = async {
            let trusted = connection.trusted(&launcher, session, request, cancel).await?;
            (connection.before_launch)();
            let options = connection.options_for(provider);
            let run = launcher.output(&trusted, &options, request.deadline);
            connection.let_in(session, run.await?, |output| &output.outcome)
        };
        refresh.after(used.await).await
    });
    settled(provider, Operation::Connect, request, used.await?)
}

impl Connection<'_> {
    /// With what the provider's gateway may say, unless the caller looks for something else.
    fn options_for(&self, provider: &Provider) -> LaunchOptions {
        match self.options.gateway_markers.is_empty() {
            true => {
                let markers = provider.info().gateway_messages.iter().map(|message| message.marker);
                self.options.clone().with_gateway_markers(markers)
            }
            false => self.options.clone(),
        }
    }

    /// Refuses what cannot work with any session, before one is made.
    fn check(&self, provider: &Provider, request: &CreateRequest) -> Result<(), Error> {
        let check = self.launcher.check(self.options);
        check.map_err(|error| Error::new(provider.info().name, Operation::Connect, error).with_target(&request.target))
    }

    /// The session with a host key that the user or an earlier launch agreed to (K4).
    async fn trusted(
        &self,
        launcher: &Launcher,
        session: &Session,
        request: &CreateRequest,
        cancel: &Cancel,
    ) -> Result<Session, Cause> {
        tokio::select! {
            biased;
            // First, so that a signal that came with the last answer still keeps ssh from starting.
            signal = cancel.cancelled() => Err(Cause::Interrupted(signal)),
            trusted = self.resolved(launcher, session, request) => Ok(trusted?),
        }
    }

    async fn resolved(
        &self,
        launcher: &Launcher,
        session: &Session,
        request: &CreateRequest,
    ) -> Result<Session, TrustError> {
        let policy = self.host_keys.cloned().unwrap_or_default();
        if policy.fingerprint.is_none() && !matches!(session.endpoint.host_trust, HostTrust::FirstUse(_)) {
            return Ok(session.clone());
        }
        let pins = PinStore::open(self.state_dir)?;
        let notes = self.notes.unwrap_or(&request.progress);
        let resolver = TrustResolver { launcher, ..self.resolver(&pins, &policy, notes) };
        resolver.resolve(session, self.options, request.deadline).await
    }

    fn resolver<'b>(&'b self, pins: &'b PinStore, policy: &'b HostKeyPolicy, notes: &'b Progress) -> TrustResolver<'b> {
        TrustResolver { launcher: self.launcher, pins, policy, ask: self.ask, progress: notes }
    }

    /// What ran, if ssh was let in; otherwise why it was not.
    fn let_in<T>(&self, session: &Session, ran: T, outcome: impl Fn(&T) -> &Outcome) -> Result<T, Cause> {
        let Outcome::NotAuthenticated(ended) = outcome(&ran) else { return Ok(ran) };
        let changed = match &session.endpoint.host_trust {
            HostTrust::FirstUse(_) => PinStore::open(self.state_dir).ok().and_then(|pins| {
                let (policy, progress) = (HostKeyPolicy::default(), Progress::silent());
                self.resolver(&pins, &policy, &progress).explain(session, ended)
            }),
            _ => None,
        };
        Err(changed.map_or_else(|| Cause::NotAuthenticated(Box::new(ended.clone())), Cause::Trust))
    }
}

/// The use's result on the outside: an error in it is ours, and says if the revoke failed as well.
pub(crate) fn settled<T>(
    provider: &Provider,
    operation: Operation,
    request: &CreateRequest,
    finished: Finished<Result<T, Cause>>,
) -> Result<Finished<T>, Error> {
    match finished.value {
        Ok(value) => Ok(Finished { value, revocation: finished.revocation }),
        Err(cause) => {
            let error = Error::new(provider.info().name, operation, cause).with_target(&request.target);
            Err(match finished.revocation {
                Ok(_) => error,
                Err(failure) => error.with_clean_up_failure(failure),
            })
        }
    }
}
