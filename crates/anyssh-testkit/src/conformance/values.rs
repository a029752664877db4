//! Clause 1: values only.

use anyssh_core::{SessionRef, SshProvider};

use super::fixture::Fixture;
use super::recording::{Role, Seen, record, role, run_again};
use super::report::Verdict;
use super::request::{PATIENCE, request, within};
use crate::emulator::on_a_thread;

/// Clause 1: no method prints, writes a file or runs a program.
///
/// The test that calls this is run once more in a process of its own, so it has to run on the test's own
/// thread: under `#[tokio::test]` that is so. What is looked for are standard output and error, new names in the
/// home, in `TMPDIR` and in the working directory, and children: those that are still there afterwards, and those
/// that have ended and were waited for ([`Fixture::runs_programs`] takes these out). On Linux, that is; elsewhere no
/// children are seen. What nobody sees is a program that let go of this process, as a daemon does.
pub async fn values_only(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    match role() {
        Role::Passes => Verdict::not_shown("another call is recorded in this process"),
        Role::Records(directory) => match record(&directory, work(provider, fixture)).await {
            Ok(()) => Verdict::not_shown("recorded for another process"),
            Err(error) => Verdict::NotShown(format!("nothing could be recorded: {error}")),
        },
        Role::Asks(call) => {
            let Some(test) = std::thread::current().name().map(str::to_owned) else {
                return Verdict::not_shown("this does not run on the thread of a test");
            };
            match on_a_thread(move || run_again(&test, call)).await {
                Ok(Ok(seen)) => judged(&seen, fixture.runs_programs()),
                Ok(Err(why)) => Verdict::NotShown(why),
                Err(error) => Verdict::NotShown(format!("the test could not be run again: {error}")),
            }
        }
    }
}

/// Each verb once, whatever it gives.
async fn work(provider: &dyn SshProvider, fixture: &dyn Fixture) {
    let (Ok(first), Ok(second)) = (request(fixture.target()), request(fixture.target())) else { return };
    let unknown = SessionRef::by_id(fixture.target(), fixture.unknown_session());
    let _ = provider.validate(&unknown, within(PATIENCE)).await;
    let _ = provider.revoke(&unknown, within(PATIENCE)).await;
    let Ok(session) = provider.create(&first).await else { return };
    let reference = SessionRef::from(&session);
    let _ = provider.validate(&reference, within(PATIENCE)).await;
    if let Ok(regenerated) = provider.regenerate(&reference, &second).await {
        let _ = provider.revoke(&SessionRef::from(&regenerated.session), within(PATIENCE)).await;
    }
    let _ = provider.revoke(&reference, within(PATIENCE)).await;
    let _ = provider.revoke(&SessionRef::by_attempt(first.target, first.attempt), within(PATIENCE)).await;
}

fn judged(seen: &Seen, fixture_runs_programs: bool) -> Verdict {
    let said = [("stdout", &seen.stdout), ("stderr", &seen.stderr)];
    if let Some((stream, text)) = said.iter().find(|(_, text)| !text.is_empty()) {
        return Verdict::Broken(format!("it prints on {stream}: {}", text.lines().next().unwrap_or_default()));
    }
    if let Some(file) = seen.files.first() {
        return Verdict::Broken(format!("it leaves a file: {file}"));
    }
    match seen.programs.first() {
        Some(program) => Verdict::Broken(format!("it leaves a program running: {program}")),
        None if seen.ran_programs && !fixture_runs_programs => {
            Verdict::Broken("it ran a program, which has ended".to_owned())
        }
        None => Verdict::Kept,
    }
}
