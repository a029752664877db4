//! The contract of `SshProvider`, clause by clause.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use anyssh_core::{SessionId, Target};
use anyssh_mock::{Act, MockProvider, Verb};
use anyssh_testkit::conformance::{self, Clause, Fixture, Scripted, Trouble};

const FOREVER: Duration = Duration::from_secs(3600);

/// A world in which mock is its own vendor.
struct World<'a> {
    provider: &'a MockProvider,
    target: &'static str,
}

impl Fixture for World<'_> {
    fn target(&self) -> Target {
        Target::parse("target", self.target).unwrap()
    }

    fn unknown_session(&self) -> SessionId {
        SessionId::parse("id", "mock-0").unwrap()
    }

    fn alive(&self) -> Option<usize> {
        Some(self.provider.live_sessions())
    }

    fn make(&self, trouble: Trouble) -> Scripted {
        let script = self.provider.script();
        match trouble {
            Trouble::Silence => {
                for verb in [Verb::Create, Verb::Validate, Verb::Regenerate, Verb::Revoke] {
                    (0..4).for_each(|_| script.add(verb, Act::Delay(FOREVER)));
                }
            }
            // The deadline comes before the answer, and what was made is taken back.
            Trouble::SlowAnswer | Trouble::Unusable => script.add(Verb::Create, Act::LateAnswer(FOREVER)),
            other => return Scripted::Impossible(format!("mock has no {other:?}")),
        }
        Scripted::Ready
    }

    fn all_is_well(&self) {
        self.provider.script().clear();
    }
}

#[tokio::test]
async fn the_contract_is_kept_with_certificates() {
    keeps_the_contract("certificate").await;
}

#[tokio::test]
async fn the_contract_is_kept_with_passwords() {
    keeps_the_contract("password").await;
}

async fn keeps_the_contract(target: &'static str) {
    let provider = MockProvider::new();
    let report = conformance::all(&provider, &World { provider: &provider, target }).await;
    report.assert_kept();
    assert!(shows_all(&report), "{report}");
    assert_eq!(provider.live_sessions(), 0);
}

/// Only the process that records clause 1 leaves the others out.
fn shows_all(report: &conformance::Report) -> bool {
    report.not_shown().is_empty() || report.not_shown() == Clause::ALL
}
