//! The conformance suite tells a provider that breaks a clause, and which one.

mod broken;

use anyssh_core::{SessionId, Settings, Target};
use anyssh_testkit::conformance::{self, Clause, Fixture, Scripted, Trouble};
use anyssh_testkit::emulator::{DedalusEmulator, Emulator, Machine};

use broken::Broken;

/// A vendor on which each clause can be broken and seen, and no other one with it: who ends no session, for
/// example, does not end the one of a lost answer either.
struct World(DedalusEmulator);

impl Fixture for World {
    fn target(&self) -> Target {
        self.0.target()
    }

    fn unknown_session(&self) -> SessionId {
        self.0.unknown_session()
    }

    fn sleeping_target(&self) -> Option<Target> {
        self.0.sleeping_target()
    }

    fn alive(&self) -> Option<usize> {
        Fixture::alive(&self.0)
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        match trouble {
            Trouble::LostAnswer | Trouble::Unusable | Trouble::Echo => {
                Scripted::Impossible(format!("{trouble:?} is not needed here"))
            }
            other => self.0.make(other),
        }
    }

    fn all_is_well(&self) {
        self.0.all_is_well();
    }

    fn secrets(&self) -> Vec<String> {
        self.0.secrets()
    }
}

/// Runs all clauses over a provider that breaks this one.
async fn breaks_exactly(clause: Clause) {
    breaks_exactly_as(clause, |broken| broken).await;
}

async fn breaks_exactly_as(clause: Clause, how: impl FnOnce(Broken) -> Broken) {
    let awake = Machine::new("0199b1c2-0000-7000-8000-00000000000a").phase("running");
    let asleep = Machine::new("0199b1c2-0000-7000-8000-00000000000b").phase("sleeping");
    let world = World(Emulator::dedalus().with_machine(awake).with_machine(asleep).start().await.unwrap());
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
