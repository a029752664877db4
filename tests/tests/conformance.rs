//! The conformance suite tells a provider that breaks a clause, and which one.

mod broken;

use std::time::Duration;

use anyssh_core::{SessionId, Settings, Target};
use anyssh_testkit::conformance::{self, Clause, Fixture, Scripted, Trouble};
use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Fault, Machine};

use broken::Broken;

const AWAKE: &str = "0199b1c2-0000-7000-8000-00000000000a";
const ASLEEP: &str = "0199b1c2-0000-7000-8000-00000000000b";

/// A vendor on which each clause can be broken and seen.
struct World(DedalusEmulator);

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
        match trouble {
            Trouble::Silence => {
                // Taking back is answered, so that twelve runs do not each wait for all of its time.
                let silent = |path| Fault::on("*", path).delay(Duration::from_secs(3600)).close();
                self.0.add_fault(silent("/v1/machines/*/ssh").times(2));
                self.0.add_fault(silent("/v1/machines/*/ssh/wssh-unknown").always());
            }
            Trouble::SlowAnswer => {
                let slow = Fault::on("POST", "/v1/machines/*/ssh").slowly(1, Duration::from_secs(60));
                self.0.add_fault(slow.always());
            }
            Trouble::UnusableAndStuck => {
                self.0.spoil_ready(|session| session["connection"]["port"] = 70_000.into());
                self.0.add_fault(Fault::on("DELETE", "/v1/machines/*/ssh/*").status(403).always());
            }
            other => return Scripted::Impossible(format!("{other:?} is not needed here")),
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

/// Runs all clauses over a provider that breaks this one.
async fn breaks_exactly(clause: Clause) {
    breaks_exactly_as(clause, |broken| broken).await;
}

async fn breaks_exactly_as(clause: Clause, how: impl FnOnce(Broken) -> Broken) {
    let machines = Emulator::dedalus().with_machine(Machine::new(AWAKE).phase("running"));
    let world = World(machines.with_machine(Machine::new(ASLEEP).phase("sleeping")).start().await.unwrap());
    let settings = Settings::new()
        .with_setting("DEDALUS_BASE_URL", world.0.base_url().into())
        .with_setting("DEDALUS_API_KEY", world.0.api_key().into());
    let dedalus = anyssh_sdk::BUILTIN.iter().find(|info| info.name == "dedalus").unwrap();
    let broken = how(Broken::new(dedalus.build(&settings).unwrap(), clause, world.0.api_key()));
    let report = conformance::all(&broken, &world).await;
    // The process that records clause 1 looks at nothing else.
    if report.not_shown() != Clause::ALL {
        assert_eq!((report.broken(), report.not_shown()), (vec![clause], vec![]), "{report}");
    }
}

#[tokio::test]
async fn a_provider_that_prints_breaks_clause_1() {
    breaks_exactly(Clause::ValuesOnly).await;
}

#[tokio::test]
async fn a_provider_that_runs_a_program_breaks_clause_1_also_when_it_has_ended() {
    breaks_exactly_as(Clause::ValuesOnly, |broken| broken.running("true")).await;
}

#[tokio::test]
async fn a_provider_that_waits_for_ever_breaks_clause_2() {
    breaks_exactly(Clause::InTime).await;
}

#[tokio::test]
async fn a_provider_that_takes_another_key_breaks_clause_3() {
    breaks_exactly(Clause::BoundToTheQuestion).await;
}

#[tokio::test]
async fn a_provider_that_hands_out_what_has_expired_breaks_clause_4() {
    breaks_exactly(Clause::Usable).await;
}

#[tokio::test]
async fn a_provider_that_forgets_what_it_made_breaks_clause_5() {
    breaks_exactly(Clause::NothingLeftBehind).await;
}

#[tokio::test]
async fn a_provider_that_does_nothing_for_an_attempt_breaks_clause_6() {
    breaks_exactly(Clause::TheAttemptIsEnough).await;
}

#[tokio::test]
async fn a_provider_that_fails_to_revoke_the_unknown_breaks_clause_7() {
    breaks_exactly(Clause::RevokeIsAWish).await;
}

#[tokio::test]
async fn a_provider_that_only_says_that_it_revoked_breaks_clause_8() {
    breaks_exactly(Clause::NothingAfterRevoke).await;
}

#[tokio::test]
async fn a_provider_that_leaves_the_old_one_alive_breaks_clause_9() {
    breaks_exactly(Clause::RegenerateReplaces).await;
}

#[tokio::test]
async fn a_provider_that_wakes_all_the_same_breaks_clause_10() {
    breaks_exactly(Clause::NoFallback).await;
}

#[tokio::test]
async fn a_provider_whose_debug_shows_its_key_breaks_clause_11() {
    breaks_exactly(Clause::NoSecretShown).await;
}

#[tokio::test]
async fn a_provider_that_blocks_its_thread_breaks_clause_12() {
    breaks_exactly(Clause::Shared).await;
}
