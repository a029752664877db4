//! The contract of `SshProvider`, clause by clause, with the emulated control plane in both of its forms and
//! its real SSH servers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyssh_core::{Credential, Session, SessionId, Settings, Target};
use anyssh_leap0::Leap0Provider;
use anyssh_testkit::SshByHand;
use anyssh_testkit::conformance::{self, Clause, Fixture, Login, Scripted, Trouble};
use anyssh_testkit::emulator::{Emulator, Fault, Generation, Leap0Emulator, Sandbox, Wake};
use secrecy::ExposeSecret as _;

const RUNNING: &str = "sbx-running";
const PAUSED: &str = "sbx-paused";

const CREATE: &str = "/v1/sandbox/*/ssh/access";
const PATHS: [&str; 5] =
    [CREATE, "/v1/sandbox/*/", "/v1/sandbox/*/ssh/*", "/v1/sandbox/*/ssh/*/validate", "/v1/sandbox/*/ssh/*/regen"];

struct World {
    leap0: Leap0Emulator,
    /// Whether the trouble of last time was taken back, and what came of it was looked at.
    is_over: AtomicBool,
}

impl World {
    /// Generation 1 has room for one credential: what a trouble left is in the way of all that follows.
    fn forget_what_was_left(&self) {
        if self.leap0.generation() == Generation::One {
            for access in self.leap0.alive() {
                self.leap0.delete_access(&access.id).unwrap();
            }
        }
    }

    /// Whatever is asked goes wrong like this.
    fn always(&self, fault: impl Fn(&str) -> Fault) {
        for path in PATHS {
            self.leap0.add_fault(fault(path).always());
        }
    }

    /// The login that the session describes, to the host key that its user would agree to.
    fn login(&self, session: &Session) -> io::Result<SshByHand> {
        let Credential::Password(password) = &session.login.credential else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let sandbox = session.target.as_str();
        Ok(SshByHand {
            user: session.login.user.to_string(),
            password: password.secret().expose_secret().to_owned(),
            port: self.leap0.ssh_port(sandbox).ok_or(io::ErrorKind::NotFound)?,
            host_key: self.leap0.host_key(sandbox).ok_or(io::ErrorKind::NotFound)?,
        })
    }
}

impl Fixture for World {
    fn target(&self) -> Target {
        Target::parse("target", RUNNING).unwrap()
    }

    fn unknown_session(&self) -> SessionId {
        SessionId::parse("id", "ssh-0000000000000000").unwrap()
    }

    fn sleeping_target(&self) -> Option<Target> {
        Some(Target::parse("target", PAUSED).unwrap())
    }

    fn alive(&self) -> Option<usize> {
        Some(self.leap0.alive().len())
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        self.forget_what_was_left();
        self.is_over.store(false, Ordering::Relaxed);
        let unusable = || self.leap0.spoil(|credential| credential["ssh_command"] = "ssh root@127.0.0.1".into());
        match trouble {
            Trouble::Silence => self.always(|path| Fault::on("*", path).delay(Duration::from_secs(3600)).close()),
            Trouble::SlowAnswer => {
                self.leap0
                    .add_fault(Fault::on("POST", CREATE).after_the_work().slowly(1, Duration::from_secs(60)).always());
            }
            Trouble::LostAnswer => self.leap0.add_fault(Fault::on("POST", CREATE).after_the_work().close()),
            Trouble::Unusable => unusable(),
            Trouble::UnusableAndStuck => {
                unusable();
                self.leap0.add_fault(Fault::on("DELETE", "/v1/sandbox/*/ssh/*").status(403).always());
            }
            Trouble::Echo => {
                let body = format!(r#"{{"message":"the key {} may not do this"}}"#, self.leap0.api_key());
                self.always(|path| Fault::on("*", path).status(403).body(body.clone()));
            }
        }
        Scripted::Ready
    }

    fn all_is_well(&self) {
        self.leap0.clear_faults();
        self.leap0.unspoil();
        // The first time, the clause has yet to count.
        if self.is_over.swap(true, Ordering::Relaxed) {
            self.forget_what_was_left();
        }
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.leap0.api_key().to_owned()]
    }

    fn log_in<'a>(&'a self, session: &'a Session) -> Pin<Box<dyn Future<Output = io::Result<Login>> + Send + 'a>> {
        Box::pin(async move {
            let login = self.login(session)?;
            let is_let_in =
                tokio::task::spawn_blocking(move || login.is_let_in()).await.map_err(io::Error::other)??;
            Ok(if is_let_in { Login::LetIn } else { Login::Refused })
        })
    }
}

async fn check(generation: Generation) {
    let paused = Sandbox::new(PAUSED).in_state("paused").coming_up(Wake::at_once().stage("unpausing", 1));
    let emulator = Emulator::leap0(generation).with_sandbox(Sandbox::new(RUNNING)).with_sandbox(paused);
    let world = World { leap0: emulator.start().await.unwrap(), is_over: AtomicBool::new(true) };
    let settings = Settings::new()
        .with_setting("LEAP0_BASE_URL", world.leap0.base_url().into())
        .with_setting("LEAP0_API_KEY", world.leap0.api_key().into());
    let provider = Leap0Provider::new(&settings).unwrap();
    let report = conformance::all(&provider, &world).await;
    report.assert_kept();
    // Only the process that records clause 1 leaves the others out.
    assert!(report.not_shown().is_empty() || report.not_shown() == Clause::ALL, "{report}");
}

#[tokio::test]
async fn the_contract_is_kept_with_the_first_generation() {
    check(Generation::One).await;
}

#[tokio::test]
async fn the_contract_is_kept_with_the_second_generation() {
    check(Generation::Two).await;
}
