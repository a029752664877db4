//! The contract of `SshProvider`, clause by clause, with the emulated control plane, its gateway and its pods: for
//! runs that are there, where a session is nothing that lives at Flyte, and for runs that are started again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod world;

use anyssh_core::{
    Capabilities, CreateRequest, Deadline, ProviderError, Regenerated, Revocation, Session, SessionRef, SshProvider,
    Validity, async_trait,
};
use anyssh_flyte::FlyteProvider;
use anyssh_testkit::conformance::{self, Clause, Report, Verdict};

use world::{Way, World};

/// Only the process that records clause 1 leaves others out.
#[track_caller]
fn assert_shown(report: &Report, but: &[Clause]) {
    report.assert_kept();
    assert!(report.not_shown() == but || report.not_shown() == Clause::ALL, "{report}");
}

#[tokio::test]
async fn the_contract_is_kept_with_runs_that_are_there() {
    let world = World::new(Way::Attach).await;
    let report = conformance::all(&world.provider(), &world).await;
    // Nothing of such a session lives at Flyte: nothing can be left there, and there is nothing to revoke.
    assert_shown(&report, &[Clause::NothingLeftBehind, Clause::NothingAfterRevoke]);
}

#[tokio::test]
async fn the_contract_is_kept_with_runs_that_are_started_again() {
    let world = World::new(Way::Relaunch).await;
    let report = conformance::all(&world.provider(), &world).await;
    assert_shown(&report, &[]);
}

/// The same provider, which says something else than it does.
#[derive(Debug)]
struct Says {
    inner: FlyteProvider,
    capabilities: Capabilities,
    /// Whether `regenerate` hands out what is there.
    is_idle: bool,
}

#[async_trait]
impl SshProvider for Says {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn create(&self, request: &CreateRequest) -> Result<Session, ProviderError> {
        self.inner.create(request).await
    }

    async fn validate(&self, session: &SessionRef, deadline: Deadline) -> Result<Validity, ProviderError> {
        self.inner.validate(session, deadline).await
    }

    async fn regenerate(&self, session: &SessionRef, request: &CreateRequest) -> Result<Regenerated, ProviderError> {
        if self.is_idle {
            return Ok(Regenerated { session: self.inner.create(request).await?, still_alive: None });
        }
        self.inner.regenerate(session, request).await
    }

    async fn revoke(&self, _: &SessionRef, _: Deadline) -> Result<Revocation, ProviderError> {
        Ok(Revocation::LocalOnly)
    }
}

async fn broken(way: Way, clause: Clause, capabilities: Capabilities, is_idle: bool) -> String {
    let world = World::new(way).await;
    let says = Says { inner: world.provider(), capabilities, is_idle };
    match conformance::check(clause, &says, &world).await {
        Verdict::Broken(how) => how,
        other => panic!("{clause:?}: {other:?}"),
    }
}

#[tokio::test]
async fn an_old_token_that_stays_good_without_a_word_breaks_clause_9() {
    let how = broken(Way::Attach, Clause::RegenerateReplaces, Capabilities::NONE, false).await;
    assert!(how.contains("the old credential still lets us in"), "{how}");
}

#[tokio::test]
async fn the_old_token_once_more_breaks_clause_9_whatever_is_said() {
    let how = broken(Way::Attach, Clause::RegenerateReplaces, Capabilities::NONE.old_credential_stays(), true).await;
    assert!(how.contains("the old one's credential"), "{how}");
}

#[tokio::test]
async fn a_run_that_goes_on_is_not_local_only() {
    let how = broken(Way::Relaunch, Clause::NothingAfterRevoke, Capabilities::NONE, false).await;
    assert!(how.contains("LocalOnly"), "{how}");
}
