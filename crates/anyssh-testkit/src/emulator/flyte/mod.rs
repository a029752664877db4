//! Flyte: a control plane that speaks the Connect protocol, its OAuth 2.0 login, and the gateway that
//! leads to the SSH servers of pods.
//!
//! What it answers is what the vendor's packages from PyPI (`flyte` 2.12.1, `flyteplugins-union` 0.19.1,
//! with the messages of `flyteidl2` 2.0.51) send and rely on, in JSON and, for what has no opaque parts,
//! in protobuf's binary form.

mod apps;
mod boot;
mod builder;
mod calls;
mod connect;
mod cut;
mod data;
mod device;
mod failure;
mod gateway;
mod identity;
mod json;
mod listing;
mod oauth;
mod pod;
mod routes;
mod rpc;
mod run;
mod schema;
mod snapshot;
mod state;
mod token;
mod watching;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use anyssh_server::Cut;
use base64ct::{Base64, Encoding as _};
use serde_json::Value;
use ssh_key::PublicKey;

use super::fault::{Event, Fault};
use super::http::{HttpThread, lock};
use super::request::Request;
use boot::Progress;
use failure::Failure;
use pod::Place;
use state::Flyte;

pub use boot::Boot;
pub use builder::FlyteBuilder;
pub use device::DeviceFlow;
pub use failure::RpcCode;
pub use run::Run;
pub use snapshot::{Attempt, Link, LinkKind, Phase, Snapshot};
pub use state::RpcLogin;
pub use token::TokenForm;
pub use watching::Watching;

/// A running control plane, its gateway and the pods behind. Dropping it ends all.
///
/// ```
/// use anyssh_testkit::emulator::{Boot, Cut, Emulator, Fault, Phase, Run, Snapshot};
/// use anyssh_testkit::key;
///
/// let booting = Boot::with(Snapshot::in_phase(Phase::Initializing)).shown(2).then(Snapshot::serving());
/// let emulator = Emulator::flyte()
///     .with_run(Run::new("pond-dbg").with_boot(booting))
///     .with_authorized_key(key(1).public_key())
///     .start_blocking()?;
/// // The gateway's route is late.
/// emulator.add_fault(Fault::on("GET", "/pods/pond-dbg/a0/1").status(404).times(2));
/// // … run a client against `emulator.base_url()`, as an `insecure` endpoint …
/// emulator.cut_tunnels(Cut::Rst);
/// assert_eq!(emulator.tunnels(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct FlyteEmulator {
    // In this order they end: nobody asks for what is gone.
    gateway: HttpThread,
    http: HttpThread,
    client: (String, String),
    flyte: Arc<Flyte>,
}

impl FlyteEmulator {
    /// The endpoint: `http://127.0.0.1:PORT`, which clients have to be told is `insecure`, or `https` with
    /// TLS.
    pub fn base_url(&self) -> String {
        self.http.base_url()
    }

    /// Where the routes to pods are: the same host, another port. Route `/pods/RUN/ACTION/ATTEMPT`.
    pub fn gateway_url(&self) -> String {
        self.gateway.base_url()
    }

    /// A PEM file with the authority that signed the certificate; `None` without TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.http.authority()
    }

    /// The organization, the project and the domain that everything is in.
    pub fn place(&self) -> [&str; 3] {
        [&self.flyte.org, &self.flyte.project, &self.flyte.domain]
    }

    /// The id and the secret of the client for client credentials.
    pub fn client(&self) -> (&str, &str) {
        (&self.client.0, &self.client.1)
    }

    /// The same client as an API key, as `FLYTE_API_KEY` has it.
    pub fn api_key(&self) -> String {
        let url = self.base_url();
        let endpoint = url.rsplit('/').next().unwrap_or_default();
        let text = format!("{endpoint}:{}:{}:{}", self.client.0, self.client.1, self.flyte.org);
        Base64::encode_string(text.as_bytes())
    }

    /// A configuration file that leads here, with client credentials whose secret is in the environment
    /// variable of this name.
    pub fn config(&self, secret_variable: &str) -> String {
        let ([org, project, domain], (id, _)) = (self.place(), self.client());
        let endpoint = self.base_url();
        let tls = match self.ca_file() {
            Some(file) => format!("caCertFilePath: {}", file.display()),
            None => "insecure: true".to_owned(),
        };
        format!(
            "admin:\n  endpoint: {endpoint}\n  {tls}\n  authType: ClientSecret\n  clientId: {id}\n  \
             clientSecretEnvVar: {secret_variable}\ntask:\n  org: {org}\n  project: {project}\n  domain: {domain}\n"
        )
    }

    /// An access token for the usual client that lives this long, as if the client had asked for it.
    pub fn issue_token(&self, lifetime: Duration) -> String {
        let mut state = lock(&self.flyte.state);
        let now = state.seconds();
        state.oauth.tokens.access(&self.client.0, now, lifetime)
    }

    /// No access token is good any more. Refresh tokens are, unless [`revoke_refresh_tokens`] was called.
    ///
    /// [`revoke_refresh_tokens`]: Self::revoke_refresh_tokens
    pub fn revoke_tokens(&self) {
        lock(&self.flyte.state).oauth.tokens.revoke_access();
    }

    /// No refresh token is good any more.
    pub fn revoke_refresh_tokens(&self) {
        lock(&self.flyte.state).oauth.tokens.revoke_refresh();
    }

    /// From now on the user at the browser says no, or yes again.
    pub fn deny_logins(&self, denied: bool) {
        lock(&self.flyte.state).oauth.denied = denied;
    }

    /// Lets time pass for tokens.
    pub fn advance_clock(&self, time: Duration) {
        self.flyte.happens(Event::TimePasses(time));
    }

    /// All requests so far to both ports, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.http.requests()
    }

    /// From now on this goes wrong, on either port. Routes to pods are `GET /pods/RUN/ACTION/ATTEMPT`,
    /// calls are `POST /PACKAGE.SERVICE/METHOD`.
    pub fn add_fault(&self, fault: Fault) {
        self.http.add_fault(fault);
    }

    /// From now on nothing goes wrong any more. What was scripted otherwise than as a fault stays.
    pub fn clear_faults(&self) {
        self.http.clear_faults();
    }

    /// What becomes of streams that are asked for from now on.
    pub fn set_watching(&self, watching: Watching) {
        lock(&self.flyte.state).watching = watching;
    }

    /// The names of all runs, oldest first.
    pub fn runs(&self) -> Vec<String> {
        lock(&self.flyte.state).runs.iter().map(|run| run.name.clone()).collect()
    }

    /// The `RunSpec` of a run, as it was sent; `None` if there is no such run.
    pub fn run_spec(&self, run: &str) -> Option<Value> {
        lock(&self.flyte.state).run(run).map(|run| run.run_spec.clone())
    }

    /// The `TaskSpec` of an action; `None` if there is no such action.
    pub fn task_spec(&self, run: &str, action: &str) -> Option<Value> {
        lock(&self.flyte.state).run(run)?.action(action).map(|action| action.task_spec.clone())
    }

    /// The inputs of a run; `None` if there is no such run, or if it has none.
    pub fn inputs(&self, run: &str) -> Option<Value> {
        lock(&self.flyte.state).run(run)?.inputs.clone()
    }

    /// The phase that the last answer showed; `None` if there is no such action.
    pub fn phase(&self, run: &str, action: &str) -> Option<Phase> {
        lock(&self.flyte.state).run(run)?.action(action).map(|action| action.progress.current().phase)
    }

    /// From now on the action is this; those who watch it are told. A pod that is over is gone, and so
    /// are the tunnels to it.
    ///
    /// # Errors
    /// When there is no such action.
    pub fn show(&self, run: &str, action: &str, snapshot: Snapshot) -> io::Result<()> {
        self.set_boot(run, action, Boot::with(snapshot))
    }

    /// From now on the action goes this way.
    ///
    /// # Errors
    /// When there is no such action.
    pub fn set_boot(&self, run: &str, action: &str, boot: Boot) -> io::Result<()> {
        let mut state = lock(&self.flyte.state);
        let found = state.run(run).and_then(|run| run.action(action));
        found.ok_or(io::ErrorKind::NotFound)?.progress = Progress::new(boot);
        self.flyte.tell(&mut state);
        Ok(())
    }

    /// The host key of a pod; attempts count from 1.
    pub fn host_key(&self, run: &str, action: &str, attempt: usize) -> PublicKey {
        let place = Place { run: run.to_owned(), action: action.to_owned(), attempt };
        let changes = lock(&self.flyte.state).host_keys;
        place.host_key(changes).public_key().clone()
    }

    /// Every pod has another host key for whoever connects from now on.
    pub fn change_host_keys(&self) {
        self.flyte.happens(Event::NewHostKeys);
    }

    /// The gateway leads to this port of 127.0.0.1 instead of to the pod of the run: a WebSocket bridge
    /// of the test's own.
    pub fn lead_to(&self, run: &str, port: u16) {
        lock(&self.flyte.state).elsewhere.insert(run.to_owned(), port);
    }

    /// How many tunnels are open now.
    pub fn tunnels(&self) -> usize {
        self.flyte.cuts.open()
    }

    /// Cuts all tunnels that are open now.
    pub fn cut_tunnels(&self, cut: Cut) {
        self.flyte.cuts.all(cut);
    }

    /// Cuts each tunnel that is opened from now on when so many bytes of WebSocket went through it, both
    /// ways together; `None` cuts none.
    pub fn cut_after(&self, after: Option<(u64, Cut)>) {
        self.flyte.cuts.set_after(after);
    }

    /// Changes each good answer to a call, named as in its path (`GetActionDetails`, `CreateRun`,
    /// `token`, `device`), before it is sent. The emulator itself goes on as if nothing had been changed.
    pub fn spoil(&self, call: &str, change: impl Fn(&mut Value) + Send + 'static) {
        lock(&self.flyte.state).spoils.insert(call.to_owned(), Some(Box::new(change)));
    }

    /// Spoils nothing any more.
    pub fn unspoil(&self) {
        lock(&self.flyte.state).spoils.clear();
    }

    /// The body of a documented failure, for [`Fault::body`]; its status is [`RpcCode::status`].
    pub fn error_body(code: RpcCode, message: &str) -> String {
        Failure::new(code, message).body().to_string()
    }
}

impl fmt::Debug for FlyteEmulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlyteEmulator").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}
