//! A session on the real `ssh`: created, its host trusted, launched, revoked.

use std::fmt;

use anyssh_core::{CreateRequest, Session};
use anyssh_openssh::{HostKeyPolicy, LaunchOptions, Launcher, Outcome, Output, PinStore, resolve_host_trust};

use crate::error::Cause;
use crate::{Cancel, Error, Finished, Operation, Provider, with_session};

/// How a session is turned into a running `ssh`.
#[derive(Clone, Copy)]
pub struct Connection<'a> {
    launcher: &'a Launcher,
    options: &'a LaunchOptions,
    host_keys: &'a HostKeyPolicy,
    pins: &'a PinStore,
    before_launch: &'a (dyn Fn() + Send + Sync),
    show: &'a (dyn Fn(&str) + Send + Sync),
}

impl<'a> Connection<'a> {
    /// With this `ssh`, asked to do this, for hosts that this policy and these pins agree to. ssh's
    /// log is not shown.
    pub fn new(
        launcher: &'a Launcher,
        options: &'a LaunchOptions,
        host_keys: &'a HostKeyPolicy,
        pins: &'a PinStore,
    ) -> Self {
        Self { launcher, options, host_keys, pins, before_launch: &|| {}, show: &|_| {} }
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
        f.debug_struct("Connection")
            .field("launcher", self.launcher)
            .field("options", self.options)
            .finish_non_exhaustive()
    }
}

/// Creates a session, runs `ssh` on the caller's terminal and streams, and revokes the session.
///
/// `cancel` ends the creation (see [`with_session`]); once ssh runs, signals are passed on to it.
///
/// # Errors
/// Whatever kept ssh from being let in. What happens after that is in the [`Outcome`].
pub async fn connect(
    provider: &Provider,
    request: &CreateRequest,
    connection: &Connection<'_>,
    cancel: &Cancel,
) -> Result<Finished<Outcome>, Error> {
    let used = with_session(provider, request, cancel, async |session| {
        let session = connection.trusted(session, request, cancel).await?;
        (connection.before_launch)();
        let mut show = |line: &str| (connection.show)(line);
        Ok(connection.launcher.run(&session, connection.options, request.deadline, &mut show).await?)
    });
    settled(provider, request, used.await?, |outcome| outcome)
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
    let used = with_session(provider, request, cancel, async |session| {
        let session = connection.trusted(session, request, cancel).await?;
        (connection.before_launch)();
        Ok(connection.launcher.output(&session, connection.options, request.deadline).await?)
    });
    settled(provider, request, used.await?, |output| &output.outcome)
}

impl Connection<'_> {
    /// The session with a host key that the user or an earlier launch agreed to (K4).
    async fn trusted(&self, session: &Session, request: &CreateRequest, cancel: &Cancel) -> Result<Session, Cause> {
        tokio::select! {
            biased;
            trusted = resolve_host_trust(session, self.host_keys, self.pins, self.launcher, request.deadline) => Ok(trusted?),
            signal = cancel.cancelled() => Err(Cause::Interrupted(signal)),
        }
    }
}

/// The use's result on the outside: an error of its own, or of an ssh that was not let in, is ours.
fn settled<T>(
    provider: &Provider,
    request: &CreateRequest,
    finished: Finished<Result<T, Cause>>,
    outcome: impl Fn(&T) -> &Outcome,
) -> Result<Finished<T>, Error> {
    let cause = match finished.value {
        Ok(value) => match outcome(&value) {
            Outcome::Ran { .. } => return Ok(Finished { value, revocation: finished.revocation }),
            Outcome::NotAuthenticated(ended) => Cause::NotAuthenticated(Box::new(ended.clone())),
        },
        Err(cause) => cause,
    };
    let error = Error::new(provider.info().name, Operation::Connect, cause).with_target(&request.target);
    Err(match finished.revocation {
        Ok(_) => error,
        Err(failure) => error.with_clean_up_failure(failure),
    })
}
