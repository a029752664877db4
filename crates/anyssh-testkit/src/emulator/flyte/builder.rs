//! How an emulator of Flyte is set up.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use ssh_key::PublicKey;
use tokio::sync::watch;

use super::FlyteEmulator;
use super::boot::Boot;
use super::cut::Cuts;
use super::device::DeviceFlow;
use super::oauth::{OAuth, PublicClient};
use super::routes::{ControlPlane, DataPlane};
use super::run::{Run, RunState};
use super::state::{Flyte, RpcLogin, State};
use super::token::{TokenForm, Tokens};
use crate::emulator::clock::Clock;
use crate::emulator::http::HttpThread;
use crate::emulator::setters::listening;
use crate::emulator::start::on_a_thread;
use crate::emulator::tls::Tls;

/// What to start; [`FlyteBuilder::start`] starts it.
#[derive(Clone, Debug)]
#[must_use]
pub struct FlyteBuilder {
    place: [String; 3],
    runs: Vec<Run>,
    boot: Boot,
    login: RpcLogin,
    data_elsewhere: bool,
    forgets: bool,
    clock: Clock,
    authorized: Vec<PublicKey>,
    client: (String, String),
    public: PublicClient,
    device: DeviceFlow,
    form: TokenForm,
    lifetime: Duration,
    tls: bool,
    port: u16,
    deadline: Duration,
}

impl FlyteBuilder {
    pub(in crate::emulator) fn new() -> Self {
        Self {
            place: ["acme", "pond", "development"].map(str::to_owned),
            runs: Vec::new(),
            boot: Boot::default(),
            login: RpcLogin::Optional,
            data_elsewhere: false,
            forgets: false,
            clock: Clock::default(),
            authorized: Vec::new(),
            client: ("ci-client".into(), "s3cret +%/ü".into()),
            public: PublicClient {
                client_id: "flytectl".into(),
                redirect_uri: "http://localhost:53593/callback".into(),
                scopes: vec!["all".into(), "offline".into()],
                metadata_key: "flyte-authorization".into(),
                audience: String::new(),
                dataplane_domain: String::new(),
            },
            device: DeviceFlow::default(),
            form: TokenForm::default(),
            lifetime: Duration::from_secs(3600),
            tls: false,
            port: 0,
            deadline: Duration::from_secs(120),
        }
    }

    listening! {
        port: "The control plane's port; without this the system chooses one. That of the gateway it always chooses.",
        deadline: "How long a connection may take, streams included, two minutes without this; tunnels last for ever."
    }

    /// One more run. Without any there is [`Run::default`].
    pub fn with_run(mut self, run: Run) -> Self {
        self.runs.push(run);
        self
    }

    /// How runs come up that `CreateRun` makes in debug mode; [`Boot::default`] without this.
    pub fn with_boot(mut self, boot: Boot) -> Self {
        self.boot = boot;
        self
    }

    /// This key logs in to every pod, beside what `_F_SSH_PK` of its run says.
    pub fn with_authorized_key(mut self, key: &PublicKey) -> Self {
        self.authorized.push(key.clone());
        self
    }

    /// Organization, project and domain, if not `acme`, `pond` and `development`.
    pub fn with_place(mut self, org: &str, project: &str, domain: &str) -> Self {
        self.place = [org, project, domain].map(str::to_owned);
        self
    }

    /// Whether calls need a token; [`RpcLogin::Optional`] without this.
    pub fn with_rpc_login(mut self, login: RpcLogin) -> Self {
        self.login = login;
        self
    }

    /// Both ports speak TLS, with a certificate for 127.0.0.1 and `localhost` by an authority that
    /// [`FlyteEmulator::ca_file`] holds. Calls need a token, as the vendor's client then sends one.
    pub fn with_tls(mut self) -> Self {
        (self.tls, self.login) = (true, RpcLogin::Required);
        self
    }

    /// `SelectCluster` names the gateway's host for DataProxy calls, which are answered there, too.
    pub fn with_data_elsewhere(mut self) -> Self {
        self.data_elsewhere = true;
        self
    }

    /// A debug run that is over is known no more, as when the control plane has cleaned up: its name is free.
    pub fn with_short_memory(mut self) -> Self {
        self.forgets = true;
        self
    }

    /// Another client for client credentials than the usual one.
    pub fn with_client(mut self, id: &str, secret: &str) -> Self {
        self.client = (id.to_owned(), secret.to_owned());
        self
    }

    /// Where the browser is sent back to; the usual port may be taken.
    pub fn with_redirect_uri(mut self, uri: &str) -> Self {
        self.public.redirect_uri = uri.to_owned();
        self
    }

    /// `authorizationMetadataKey`, `flyte-authorization` without this. It may be empty.
    pub fn with_metadata_key(mut self, key: &str) -> Self {
        self.public.metadata_key = key.to_owned();
        self
    }

    /// The audience that logins have to name; none without this.
    pub fn with_audience(mut self, audience: &str) -> Self {
        self.public.audience = audience.to_owned();
        self
    }

    /// `dataplaneDomain`; none without this.
    pub fn with_dataplane_domain(mut self, domain: &str) -> Self {
        self.public.dataplane_domain = domain.to_owned();
        self
    }

    /// The scopes that clients are told of.
    pub fn with_scopes(mut self, scopes: &[&str]) -> Self {
        self.public.scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self
    }

    /// What the device flow says.
    pub fn with_device_flow(mut self, flow: DeviceFlow) -> Self {
        self.device = flow;
        self
    }

    /// What access tokens look like, and how long they live: JWTs for an hour without this.
    pub fn with_tokens(mut self, form: TokenForm, lifetime: Duration) -> Self {
        (self.form, self.lifetime) = (form, lifetime);
        self
    }

    /// The emulator's clock runs ahead by so many seconds, or behind if they are negative.
    pub fn with_clock_ahead(mut self, seconds: i64) -> Self {
        self.clock = Clock::ahead(seconds);
        self
    }

    /// Starts it, without keeping the caller's thread waiting. Needs no runtime of a certain kind.
    ///
    /// # Errors
    /// When there is no port or no thread to be had.
    pub async fn start(self) -> io::Result<FlyteEmulator> {
        on_a_thread(move || self.start_blocking()).await
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_blocking(self) -> io::Result<FlyteEmulator> {
        let runs = if self.runs.is_empty() { vec![Run::default()] } else { self.runs };
        let runs = runs.into_iter().map(|run| RunState::from_start(run, Timestamp::now())).collect();
        let clients = HashMap::from([self.client.clone()]);
        let oauth = OAuth::new(Tokens::new(self.form, self.lifetime), clients, self.public, self.device);
        let [org, project, domain] = self.place;
        let flyte = Arc::new(Flyte {
            org,
            project,
            domain,
            login: self.login,
            data_elsewhere: self.data_elsewhere,
            forgets: self.forgets,
            authorized: self.authorized,
            base_url: OnceLock::new(),
            gateway_url: OnceLock::new(),
            changed: watch::Sender::new(0),
            cuts: Cuts::new(),
            state: Mutex::new(State::new(runs, self.boot, oauth, self.clock)),
        });
        let control_plane = Arc::new(ControlPlane(Arc::clone(&flyte)));
        let tls = if self.tls { Some(Tls::new()?) } else { None };
        let http = HttpThread::start_with(self.port, self.deadline, control_plane, tls)?;
        let gateway = http.beside(Arc::new(DataPlane(Arc::clone(&flyte))))?;
        // Nobody knows the ports before this function returns.
        let _ = (flyte.base_url.set(http.base_url()), flyte.gateway_url.set(gateway.base_url()));
        Ok(FlyteEmulator { gateway, http, client: self.client, flyte })
    }
}
