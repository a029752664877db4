//! The emulator as the world of a provider under test.

use std::time::Duration;

use anyssh_core::{SessionId, Target};

use super::DedalusEmulator;
use crate::conformance::{Fixture, Scripted, Trouble};
use crate::emulator::fault::Fault;
use crate::emulator::http::lock;

const SESSIONS: &str = "/v1/machines/*/ssh";
const SESSION: &str = "/v1/machines/*/ssh/*";
const MACHINE: &str = "/v1/machines/*";

impl DedalusEmulator {
    /// Whatever is asked goes wrong like this.
    fn always(&self, fault: impl Fn(&str) -> Fault) {
        for path in [SESSIONS, SESSION, MACHINE] {
            self.add_fault(fault(path).always());
        }
    }

    /// Sessions come up, and cannot be used.
    fn spoil_ports(&self) {
        self.spoil_ready(|session| session["connection"]["port"] = 70_000.into());
    }

    /// The first machine in this phase.
    fn machine_in(&self, phase: &str) -> Option<Target> {
        let state = lock(&self.dedalus.state);
        let machine = state.machines.iter().find(|machine| machine.phase_name() == phase)?;
        Target::parse("target", machine.id()).ok()
    }
}

/// For any provider of this vendor. It takes a machine that is `running`, and the first that is `sleeping`.
impl Fixture for DedalusEmulator {
    #[allow(clippy::expect_used, reason = "a test that is set up wrongly")]
    fn target(&self) -> Target {
        self.machine_in("running").expect("a machine that is running")
    }

    #[allow(clippy::expect_used, reason = "a constant")]
    fn unknown_session(&self) -> SessionId {
        SessionId::parse("id", "wssh-unknown").expect("an id")
    }

    fn sleeping_target(&self) -> Option<Target> {
        self.machine_in("sleeping")
    }

    fn alive(&self) -> Option<usize> {
        Some(Self::alive(self).len())
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        match trouble {
            Trouble::Silence => self.always(|path| Fault::on("*", path).delay(Duration::from_secs(3600)).close()),
            Trouble::SlowAnswer => {
                self.add_fault(Fault::on("POST", SESSIONS).slowly(1, Duration::from_secs(60)).always());
            }
            Trouble::LostAnswer => self.add_fault(Fault::on("POST", SESSIONS).after_the_work().close()),
            Trouble::Unusable => self.spoil_ports(),
            Trouble::UnusableAndStuck => {
                self.spoil_ports();
                self.add_fault(Fault::on("DELETE", SESSION).status(403).always());
            }
            Trouble::Echo => {
                let text = format!("the key {} may not do this", self.api_key());
                let body = format!(r#"{{"error_code":"AUTH_SCOPE_FORBIDDEN","message":"{text}","retryable":false}}"#);
                self.always(|path| Fault::on("*", path).status(403).body(body.clone()));
            }
        }
        Scripted::Ready
    }

    fn all_is_well(&self) {
        self.clear_faults();
        self.unspoil();
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.api_key().to_owned()]
    }
}
