//! Flyte as the clauses can see and disturb it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{
    Deadline, Endpoint, Host, HostKey, HostTrust, OptionValue, Port, Session, SessionId, SessionRef, Settings,
    SshProvider as _, Surroundings, Target, Transport,
};
use anyssh_flyte::{FlyteProvider, SshDebug};
use anyssh_testkit::conformance::{self, Fixture, Login, Scripted, Trouble};
use anyssh_testkit::emulator::{Emulator, Fault, FlyteBuilder, FlyteEmulator, Phase, RpcCode, Run, Snapshot};
use anyssh_tunnel::Dialer;
use tempfile::TempDir;

const CALLS: &str = "/*/*";
const TOKENS: &str = "/oauth2/token";
const ROUTES: &str = "/pods/*/*/*";
const CREATE_RUN: &str = "/flyteidl2.workflow.RunService/CreateRun";
const ABORT_RUN: &str = "/flyteidl2.workflow.RunService/AbortRun";

/// What sessions are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A debug run that somebody started.
    Attach,
    /// A run that is over: `create` starts it again, and `revoke` aborts what was started.
    Relaunch,
}

pub(super) struct World {
    flyte: FlyteEmulator,
    way: Way,
    home: TempDir,
    /// Whether the trouble of last time was taken back, and what came of it was looked at.
    is_over: AtomicBool,
}

impl World {
    pub(super) async fn new(way: Way) -> Self {
        let home = tempfile::tempdir().unwrap();
        let key = SshDebug::ensure_keypair(&settings_in(&home)).unwrap().public_key;
        let builder = match way {
            Way::Attach => Emulator::flyte()
                .with_run(Run::new("pond-dbg"))
                .with_authorized_key(&PublicKey::from_openssh(&key).unwrap()),
            // The key is in what the run is started with.
            Way::Relaunch => {
                ["pond", "asleep"].map(Run::plain).into_iter().fold(Emulator::flyte(), FlyteBuilder::with_run)
            }
        };
        let flyte = builder.with_short_memory().start().await.unwrap();
        let world = Self { flyte, way, home, is_over: AtomicBool::new(true) };
        // A pod makes its home when somebody comes for the first time, which is no file of the provider's.
        let session = SessionRef::by_id(world.target(), SessionId::parse("id", "pond-dbg.a0.1").unwrap());
        world.provider().validate(&session, conformance::within(Duration::from_secs(20))).await.unwrap();
        world
    }

    pub(super) fn provider(&self) -> FlyteProvider {
        let [org, project, domain] = self.flyte.place();
        let (url, (id, secret)) = (self.flyte.base_url(), self.flyte.client());
        let values = [
            ("FLYTE_ADMIN_ENDPOINT", &*url),
            ("FLYTE_ADMIN_INSECURE", "true"),
            ("FLYTE_ADMIN_AUTHTYPE", "ClientSecret"),
            ("FLYTE_ADMIN_CLIENTID", id),
            ("FLYTE_ADMIN_CLIENTSECRETENVVAR", "POND_SECRET"),
            ("FLYTE_TASK_ORG", org),
            ("FLYTE_TASK_PROJECT", project),
            ("FLYTE_TASK_DOMAIN", domain),
        ];
        let secret = secret.to_owned();
        let variable = move |name: &str| (name == "POND_SECRET").then(|| secret.as_str().into());
        let surroundings = Surroundings::none().with_home(self.home.path()).with_variables(variable);
        let settings = settings_in(&self.home).with_surroundings(surroundings);
        let settings = values.into_iter().fold(settings, |all, (name, value)| all.with_setting(name, value.into()));
        let settings = settings.with_option("poll-interval", OptionValue::Text("100ms".to_owned()));
        let flags: &[&str] = if self.way == Way::Relaunch { &["relaunch", "abort-run"] } else { &[] };
        let settings = flags.iter().fold(settings, |all, flag| all.with_option(*flag, OptionValue::Flag));
        FlyteProvider::new(&settings).unwrap()
    }

    /// Whatever is asked goes wrong like this.
    fn always(&self, fault: impl Fn(&str) -> Fault) {
        for path in [CALLS, ROUTES] {
            self.flyte.add_fault(fault(path).always());
        }
    }

    /// Each request is refused in words that repeat what it came with.
    fn echo(&self) {
        let refused = |method: &str, path: &str, secret: &str| {
            let body = FlyteEmulator::error_body(RpcCode::PermissionDenied, &format!("{secret} may not do this"));
            self.flyte.add_fault(Fault::on(method, path).status(403).body(body).always());
        };
        refused("POST", TOKENS, self.flyte.client().1);
        self.tokens()
            .last()
            .into_iter()
            .for_each(|token| [CALLS, ROUTES].into_iter().for_each(|path| refused("*", path, token)));
    }

    /// The tokens that requests came with, the last one last.
    fn tokens(&self) -> Vec<String> {
        let requests = self.flyte.requests();
        let values = requests.iter().filter_map(|request| request.header("authorization"));
        values.filter_map(|value| value.strip_prefix("Bearer ")).map(str::to_owned).collect()
    }

    /// A run that could not be aborted is found again by its name, and so in the way of all that follows.
    fn forget_what_was_left(&self) {
        if self.way == Way::Relaunch {
            for run in self.alive_runs() {
                self.flyte.show(&run, "a0", Snapshot::in_phase(Phase::Aborted)).unwrap();
            }
        }
    }

    /// The runs that are not over.
    fn alive_runs(&self) -> Vec<String> {
        let is_alive = |run: &String| self.flyte.phase(run, "a0").is_some_and(|phase| !phase.is_over());
        self.flyte.runs().into_iter().filter(is_alive).collect()
    }

    fn refuse_routes(&self) {
        self.flyte.add_fault(Fault::on("GET", ROUTES).status(403).always());
    }

    /// The session as it is for `ssh` without a proxy: over this port, to the host key that the emulator tells.
    fn direct(&self, session: &Session, port: u16) -> Option<Session> {
        let (host, port) = (Host::parse("host", "127.0.0.1").ok()?, Port::from_number("port", port.into()).ok()?);
        let [run, action, attempt] = session.id.as_str().split('.').collect::<Vec<_>>().try_into().ok()?;
        let key = HostKey::from_public_key(&self.flyte.host_key(run, action, attempt.parse().ok()?))?;
        let (transport, host_trust) = (Transport::Tcp { host, port }, HostTrust::Pinned(vec![key]));
        let mut direct = session.clone();
        direct.endpoint = Endpoint { transport, host_trust };
        Some(direct)
    }
}

fn settings_in(home: &TempDir) -> Settings {
    let surroundings = Surroundings::none().with_home(home.path());
    Settings::new().with_surroundings(surroundings).with_state_dir(home.path().join("state"))
}

impl Fixture for World {
    fn target(&self) -> Target {
        let run = if self.way == Way::Attach { "pond-dbg" } else { "pond" };
        Target::parse("target", run).unwrap()
    }

    fn unknown_session(&self) -> SessionId {
        SessionId::parse("id", "nobody.a0.1").unwrap()
    }

    fn sleeping_target(&self) -> Option<Target> {
        (self.way == Way::Relaunch).then(|| Target::parse("target", "asleep").unwrap())
    }

    fn alive(&self) -> Option<usize> {
        Some(self.alive_runs().len())
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        self.forget_what_was_left();
        self.is_over.store(false, Ordering::Relaxed);
        match trouble {
            Trouble::Silence => self.always(|path| Fault::on("*", path).delay(Duration::from_secs(3600)).close()),
            Trouble::Echo => self.echo(),
            _ if self.way == Way::Attach => return Scripted::Impossible("a session makes nothing at Flyte".to_owned()),
            Trouble::SlowAnswer => {
                self.flyte.add_fault(Fault::on("POST", CREATE_RUN).slowly(1, Duration::from_secs(60)).always());
            }
            Trouble::LostAnswer => self.flyte.add_fault(Fault::on("POST", CREATE_RUN).after_the_work().close()),
            Trouble::Unusable => self.refuse_routes(),
            Trouble::UnusableAndStuck => {
                self.refuse_routes();
                self.flyte.add_fault(Fault::on("POST", ABORT_RUN).status(403).always());
            }
        }
        Scripted::Ready
    }

    fn all_is_well(&self) {
        self.flyte.clear_faults();
        // The first time, the clause has yet to count.
        if self.is_over.swap(true, Ordering::Relaxed) {
            self.forget_what_was_left();
        }
    }

    fn secrets(&self) -> Vec<String> {
        [self.flyte.client().1.to_owned()].into_iter().chain(self.tokens()).collect()
    }

    /// The real `ssh` to a port that leads through the session's WebSocket.
    fn log_in<'a>(&'a self, session: &'a Session) -> Pin<Box<dyn Future<Output = io::Result<Login>> + Send + 'a>> {
        Box::pin(async move {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let direct = self.direct(session, listener.local_addr()?.port()).ok_or(io::ErrorKind::Unsupported)?;
            let transport = session.endpoint.transport.clone();
            // A route that is not there is for `ssh` to see: its connection ends.
            thread::spawn(move || listener.accept().and_then(|(client, _)| relay(client, &transport)));
            conformance::log_in(&direct).await
        })
    }
}

fn relay(client: TcpStream, transport: &Transport) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        client.set_nonblocking(true)?;
        let mut client = tokio::net::TcpStream::from_std(client)?;
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(5));
        let mut tunnel = Dialer::new().dial(transport, deadline).await.map_err(io::Error::other)?;
        tokio::io::copy_bidirectional(&mut client, &mut tunnel).await.map(drop)
    })
}
