//! The trait: waiting for a pod, and a session for it that holds a token and names a key.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyssh_core::{
    Capabilities, CreateRequest, Credential, Deadline, Endpoint, ErrorKind, Expiry, FirstUse, HostTrust, LeftBehind,
    Login, ProviderError, Regenerated, Revocation, Session, SessionKey, SessionRef, Settings, SshProvider, Target,
    TargetDirectory, TargetSummary, Transport, Validity, async_trait,
};
use anyssh_tunnel::Dialer;

use crate::CAPABILITIES;
use crate::auth::Freshness;
use crate::error::DebugError;
use crate::flyte::Flyte;
use crate::ingress::{self, Ingress};
use crate::options::Options;
use crate::reach::{self, Reach, Route, Way};
use crate::relaunch::{Launched, Relaunch};
use crate::ssh_debug::SshDebug;
use crate::target::{ActionName, ROOT_ACTION};
use crate::wait::{self, Seen};
use crate::{debug_name, headers_file, pod};

/// What taking back may need, counted from its start (clause 2 of the trait's contract).
const CLEAN_UP: Duration = Duration::from_secs(5);

/// What the control plane shows as the reason.
const ABORT_REASON: &str = "revoked with anyssh";

/// SSH into the pods of debug runs.
#[derive(Debug)]
pub struct FlyteProvider {
    pub(crate) flyte: Flyte,
    pub(crate) options: Options,
}

impl FlyteProvider {
    /// A provider from settings, options and Flyte's own files; no request is made.
    ///
    /// # Errors
    /// Of kind `Config` or `Usage`, naming the setting, the key of a file or the option.
    pub fn new(settings: &Settings) -> Result<Self, ProviderError> {
        Ok(Self { options: Options::read(settings)?, flyte: Flyte::new(settings)? })
    }

    async fn enter(&self, request: &CreateRequest, freshness: Freshness) -> Result<Session, ProviderError> {
        let asked = ActionName::parse(&request.target).map_err(ProviderError::usage)?;
        let (identity_file, public_key) = self.identity().await?;
        if !self.options.relaunch {
            let entered = self.wait_for(request, &asked, identity_file, freshness).await;
            return entered.map_err(|error| self.with_way_on(error, &asked));
        }
        let launched = self.relaunch(request, &asked, &public_key).await?;
        let entered = self.wait_for(request, &launched.action, identity_file, freshness).await;
        match entered {
            Err(error) => Err(self.take_back(&request.target, &asked, &launched, error).await),
            Ok(session) => Ok(session),
        }
    }

    /// Where the private key is, and the line of its public half, if that is needed.
    async fn identity(&self) -> Result<(PathBuf, String), ProviderError> {
        let Some(file) = &self.options.identity_file else {
            let pair = SshDebug::keypair_of(&self.flyte).await?;
            return Ok((pair.private_key, pair.public_key));
        };
        pod::check_identity(file)?;
        let public_key = if self.options.relaunch { pod::public_key_of(file)? } else { String::new() };
        Ok((file.clone(), public_key))
    }

    async fn relaunch(
        &self,
        request: &CreateRequest,
        asked: &ActionName,
        public_key: &str,
    ) -> Result<Launched, ProviderError> {
        let relaunch = Relaunch {
            flyte: &self.flyte,
            source: asked,
            name: self.options.name.as_deref(),
            public_key,
            wake: request.wake,
            deadline: request.deadline,
            progress: &request.progress,
        };
        relaunch.start().await
    }

    async fn wait_for(
        &self,
        request: &CreateRequest,
        action: &ActionName,
        identity_file: PathBuf,
        freshness: Freshness,
    ) -> Result<Session, DebugError> {
        let use_api_key = self.options.use_api_key;
        let reach = Reach {
            flyte: &self.flyte,
            tokens: pod::tokens(&self.flyte, use_api_key, request.deadline).await?,
            freshness,
            action,
            poll_interval: self.options.poll_interval,
            route: Route::Answering,
            deadline: request.deadline,
            progress: &request.progress,
        };
        let way = reach.find().await?;
        self.write_headers(&way)?;
        Ok(self.session(request.target.clone(), action, identity_file, way)?)
    }

    fn write_headers(&self, way: &Way) -> Result<(), ProviderError> {
        let Some(token) = &way.token else { return Ok(()) };
        match (&self.options.headers_file, &self.options.host_alias) {
            (Some(file), _) => headers_file::write(file, token),
            (None, Some(alias)) => headers_file::write_for(&self.flyte, None, alias, token).map(drop),
            (None, None) => Ok(()),
        }
    }

    fn session(
        &self,
        target: Target,
        action: &ActionName,
        identity_file: PathBuf,
        way: Way,
    ) -> Result<Session, ProviderError> {
        let first_use = FirstUse::new(pod::host_alias(&self.flyte, action, way.attempt)?);
        // With our token in it the connection is authenticated both ways; without, anybody could be there.
        let first_use = if way.token.is_some() { first_use.accepted() } else { first_use };
        let headers = way.token.as_ref().map(ingress::header).unwrap_or_default();
        let ca_file = self.flyte.config.endpoint.ca_file.clone();
        let transport = Transport::WebSocket { url: way.url, headers, ca_file };
        let endpoint = Endpoint { transport, host_trust: HostTrust::FirstUse(first_use) };
        let login = Login { user: self.options.user.clone(), credential: Credential::KeyFile(identity_file) };
        Ok(Session::new(pod::session_id(action, way.attempt)?, target, endpoint, login, Expiry::WithTarget))
    }

    /// A run that this create started and that nobody can log in to: aborted if the user said so, else named.
    async fn take_back(
        &self,
        target: &Target,
        asked: &ActionName,
        launched: &Launched,
        error: DebugError,
    ) -> ProviderError {
        let is_over = matches!(error, DebugError::Terminal { .. });
        let error = self.with_way_on(error, asked);
        if launched.existed || is_over {
            return error;
        }
        let run = &launched.action.run;
        let deadline = Deadline::at(Instant::now() + CLEAN_UP);
        if self.options.abort_run && self.flyte.abort_run(run, ABORT_REASON, deadline).await.is_ok() {
            return error;
        }
        let until = format!("the run {run} was started and goes on: log in with anyssh flyte {run}, or abort it");
        error.with_left_behind(LeftBehind { target: target.clone(), session: None, until: until.into() })
    }

    /// A run that is over is no end for whoever may start it again. `asked` is what everybody knows already.
    fn with_way_on(&self, error: DebugError, asked: &ActionName) -> ProviderError {
        let over = match &error {
            DebugError::Terminal { run, action, .. } if *run == asked.run && *action == asked.action => error.ending(),
            DebugError::Terminal { .. } => error.to_string(),
            _ => return error.into(),
        };
        let way_on = if self.options.relaunch {
            "--name NAME starts another one"
        } else {
            "--relaunch starts it again in debug mode"
        };
        ProviderError::new(ErrorKind::Failed, format!("{over}; {way_on}")).with_field("phase")
    }

    /// The action that a session is of: what its id names, else what the target means with these options.
    fn action_of(&self, session: &SessionRef) -> Result<(ActionName, Option<u32>), ProviderError> {
        if let SessionKey::Id(id) = &session.key
            && let Some((action, attempt)) = pod::from_session_id(id)
        {
            return Ok((action, Some(attempt)));
        }
        let asked = ActionName::parse(&session.target).map_err(ProviderError::usage)?;
        if !self.options.relaunch {
            return Ok((asked, None));
        }
        let run = debug_name::debug_name(&asked.run, self.options.name.as_deref());
        Ok((ActionName::new("name", &run, ROOT_ACTION).map_err(ProviderError::usage)?, None))
    }

    /// Whether the pod is the one that was meant, and its SSH server answers.
    async fn look(
        &self,
        action: &ActionName,
        attempt: Option<u32>,
        deadline: Deadline,
    ) -> Result<Validity, ProviderError> {
        let details = match self.flyte.control.action_details(action, deadline).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(invalid("Flyte knows no such run or action"));
            }
            details => details?,
        };
        let link = match wait::look(&details, action) {
            Ok(Seen::Link(link)) => link,
            Ok(Seen::Pending(what)) => return Ok(invalid(&format!("there is no link to its debug server: {what}"))),
            Err(DebugError::Terminal { phase, .. }) => return Ok(invalid(&format!("the run is over: {phase}"))),
            Err(error) => return Err(error.into()),
        };
        if attempt.is_some_and(|attempt| attempt != link.attempt) {
            return Ok(invalid(&format!("its pod is gone; the run goes on in attempt {}", link.attempt)));
        }
        let url = self.flyte.route(&link, action, deadline).await?;
        let tokens = pod::tokens(&self.flyte, self.options.use_api_key, deadline).await?;
        let dialer: Dialer = reach::dialer(&self.flyte)?;
        match dialer.probe(&url, &Ingress::new(tokens, Freshness::Kept, deadline), deadline).await {
            Ok(_) => Ok(Validity::Valid { until: None }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(invalid("there is no route to its pod")),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl SshProvider for FlyteProvider {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        let freshness = if self.options.refresh_token { Freshness::New } else { Freshness::Kept };
        self.enter(request, freshness).await
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        if let SessionKey::Id(id) = &session.key
            && pod::from_session_id(id).is_none()
        {
            return Ok(invalid("no session has this id: they are called RUN.ACTION.ATTEMPT"));
        }
        let (action, attempt) = self.action_of(session)?;
        let looking = self.look(&action, attempt, deadline);
        let looked = tokio::time::timeout_at(deadline.instant().into(), looking).await;
        looked.unwrap_or_else(|_| Err(ProviderError::new(ErrorKind::TimedOut, "no answer before the timeout")))
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        if session.target != request.target {
            let message = format!("the session is of {}, and the new one is for {}", session.target, request.target);
            return Err(ProviderError::new(ErrorKind::Usage, message));
        }
        let session = self.enter(request, Freshness::New).await?;
        Ok(Regenerated { session, still_alive: None })
    }

    async fn revoke(&self, session: &SessionRef, deadline: Deadline) -> Result<Revocation, ProviderError> {
        if !self.options.abort_run {
            // Nothing lives at Flyte on our behalf: the key pair and the login are the user's.
            return Ok(Revocation::LocalOnly);
        }
        let (action, _) = self.action_of(session)?;
        let aborted = self.flyte.abort_run(&action.run, ABORT_REASON, deadline).await?;
        Ok(if aborted { Revocation::Revoked } else { Revocation::AlreadyGone })
    }
}

#[async_trait]
impl TargetDirectory for FlyteProvider {
    async fn targets(&self, deadline: Deadline) -> Result<Vec<TargetSummary>, ProviderError> {
        let runs = self.flyte.runs(deadline).await?;
        // What is over can be reached by nobody.
        let living = runs.into_iter().filter(|run| !run.phase.is_terminal());
        living
            .map(|run| {
                let target = Target::parse("run.action.id.run.name", &run.run).map_err(ProviderError::protocol)?;
                Ok(TargetSummary { target, name: run.task, state: run.phase.to_string() })
            })
            .collect()
    }
}

fn invalid(reason: &str) -> Validity {
    Validity::Invalid { reason: reason.to_owned() }
}
