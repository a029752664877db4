//! The contract of [`SshProvider`] as tests that any provider can run.
//!
//! Each of the trait's twelve numbered clauses is one function here, over a provider and a [`Fixture`]:
//! the world that the provider lives in. [`all`] runs them one after the other.
//!
//! ```no_run
//! use anyssh_core::{SessionId, SshProvider, Target};
//! use anyssh_testkit::conformance::{self, Fixture};
//!
//! struct Pond;
//!
//! impl Fixture for Pond {
//!     fn target(&self) -> Target {
//!         Target::parse("target", "pond-1").expect("a target")
//!     }
//!
//!     fn unknown_session(&self) -> SessionId {
//!         SessionId::parse("id", "never-made").expect("an id")
//!     }
//! }
//!
//! # fn provider() -> Box<dyn SshProvider> { unimplemented!() }
//! # async fn example() {
//! conformance::all(&*provider(), &Pond).await.assert_kept();
//! # }
//! ```
//!
//! The more a fixture can do (count what lives at the vendor, make things go wrong), the more is shown;
//! what could not be shown is in the [`Report`] with its reason.

mod aftermath;
mod clock;
mod endings;
mod fixture;
mod honesty;
mod join;
mod making;
mod recording;
mod replacing;
mod report;
mod request;
mod secrets;
mod ssh;
mod values;

use anyssh_core::SshProvider;

pub use aftermath::{nothing_left_behind, the_attempt_is_enough};
pub use clock::{in_time, shared};
pub use endings::{nothing_after_revoke, revoke_is_a_wish};
pub use fixture::{Fixture, Login, Scripted, Trouble};
pub use honesty::no_fallback;
pub use making::{bound_to_the_question, usable};
pub use replacing::regenerate_replaces;
pub use report::{Clause, Report, Verdict};
pub use request::{fresh_request, within};
pub use secrets::no_secret_shown;
pub use ssh::log_in;
pub use values::values_only;

/// Runs all twelve clauses, each with a world in which nothing goes wrong but what it asks for.
///
/// Give it a provider whose vendor holds nothing but what this run makes. It needs a tokio runtime with
/// time and I/O. Clause 1 runs the test that calls this once more in a process of its own; there only
/// that clause is looked at.
pub async fn all(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Report {
    let mut report = Report::default();
    for clause in Clause::ALL {
        if clause != Clause::ValuesOnly && recording::is_recorded() {
            report.add(clause, Verdict::NotShown("only clause 1 is looked at in this process".to_owned()));
            continue;
        }
        fixture.all_is_well();
        report.add(clause, check(clause, provider, fixture).await);
        fixture.all_is_well();
    }
    report
}

/// Runs one clause.
pub async fn check(clause: Clause, provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    match clause {
        Clause::ValuesOnly => values_only(provider, fixture).await,
        Clause::InTime => in_time(provider, fixture).await,
        Clause::BoundToTheQuestion => bound_to_the_question(provider, fixture).await,
        Clause::Usable => usable(provider, fixture).await,
        Clause::NothingLeftBehind => nothing_left_behind(provider, fixture).await,
        Clause::TheAttemptIsEnough => the_attempt_is_enough(provider, fixture).await,
        Clause::RevokeIsAWish => revoke_is_a_wish(provider, fixture).await,
        Clause::NothingAfterRevoke => nothing_after_revoke(provider, fixture).await,
        Clause::RegenerateReplaces => regenerate_replaces(provider, fixture).await,
        Clause::NoFallback => no_fallback(provider, fixture).await,
        Clause::NoSecretShown => no_secret_shown(provider, fixture).await,
        Clause::Shared => shared(provider, fixture).await,
    }
}
