//! The contract of `SshProvider`, clause by clause, with the emulated control plane and its real `sshd`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use anyssh_core::{SessionId, Settings, Target};
use anyssh_dedalus::DedalusProvider;
use anyssh_testkit::conformance::{self, Clause, Fixture, Scripted, Trouble};
use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Fault, Machine};

const AWAKE: &str = "0199b1c2-0000-7000-8000-00000000000a";
const ASLEEP: &str = "0199b1c2-0000-7000-8000-00000000000b";

const SESSIONS: &str = "/v1/machines/*/ssh";
const SESSION: &str = "/v1/machines/*/ssh/*";
const MACHINE: &str = "/v1/machines/*";

struct World(DedalusEmulator);

impl World {
    /// Whatever is asked goes wrong like this.
    fn always(&self, fault: impl Fn(&str) -> Fault) {
        for path in [SESSIONS, SESSION, MACHINE] {
            self.0.add_fault(fault(path).always());
        }
    }
}

impl Fixture for World {
    fn target(&self) -> Target {
        Target::parse("target", AWAKE).unwrap()
    }

    fn unknown_session(&self) -> SessionId {
        SessionId::parse("id", "wssh-unknown").unwrap()
    }

    fn sleeping_target(&self) -> Option<Target> {
        Some(Target::parse("target", ASLEEP).unwrap())
    }

    fn alive(&self) -> Option<usize> {
        Some(self.0.alive().len())
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        let unusable = || self.0.spoil_ready(|session| session["connection"]["port"] = 70_000.into());
        match trouble {
            Trouble::Silence => self.always(|path| Fault::on("*", path).delay(Duration::from_secs(3600)).close()),
            Trouble::SlowAnswer => {
                self.0.add_fault(Fault::on("POST", SESSIONS).slowly(1, Duration::from_secs(60)).always());
            }
            Trouble::LostAnswer => self.0.add_fault(Fault::on("POST", SESSIONS).after_the_work().close()),
            Trouble::Unusable => unusable(),
            Trouble::UnusableAndStuck => {
                unusable();
                self.0.add_fault(Fault::on("DELETE", SESSION).status(403).always());
            }
            Trouble::Echo => {
                let text = format!("the key {} may not do this", self.0.api_key());
                let body = format!(r#"{{"error_code":"AUTH_SCOPE_FORBIDDEN","message":"{text}","retryable":false}}"#);
                self.always(|path| Fault::on("*", path).status(403).body(body.clone()));
            }
        }
        Scripted::Ready
    }

    fn all_is_well(&self) {
        self.0.clear_faults();
        self.0.unspoil();
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.api_key().to_owned()]
    }
}

#[tokio::test]
async fn the_contract_is_kept() {
    let machines = Emulator::dedalus().with_machine(Machine::new(AWAKE).phase("running"));
    let world = World(machines.with_machine(Machine::new(ASLEEP).phase("sleeping")).start().await.unwrap());
    let settings = Settings::new()
        .with_setting("DEDALUS_BASE_URL", world.0.base_url().into())
        .with_setting("DEDALUS_API_KEY", world.0.api_key().into());
    let provider = DedalusProvider::new(&settings).unwrap();
    let report = conformance::all(&provider, &world).await;
    report.assert_kept();
    // Only the process that records clause 1 leaves the others out.
    assert!(report.not_shown().is_empty() || report.not_shown() == Clause::ALL, "{report}");
}
