//! Clauses 5 and 6: what is left when a `create` fails or is dropped.

use std::time::Duration;

use anyssh_core::{ProviderError, Session, SessionRef, SshProvider, Validity};

use super::fixture::{Fixture, Scripted, Trouble};
use super::making::end;
use super::report::Verdict;
use super::request::{PATIENCE, created, fresh_request, request, within};

/// Long enough for a session to be made, short enough to wait for one that never is usable.
const SHORT: Duration = Duration::from_secs(3);

/// Clause 5: a `create` that fails after a session was made has revoked it, or names what is left.
pub async fn nothing_left_behind(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(nothing_left(provider, fixture).await)
}

async fn nothing_left(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let mut impossible = Vec::new();
    let mut shown = false;
    for trouble in [Trouble::Unusable, Trouble::LostAnswer, Trouble::UnusableAndStuck] {
        match fixture.make(trouble) {
            Scripted::Impossible(why) => impossible.push(why),
            Scripted::Ready => {
                let before = fixture.alive();
                let request = fresh_request(fixture.target(), within(SHORT)).map_err(|error| error.to_string())?;
                let result = provider.create(&request).await;
                fixture.all_is_well();
                accounted(provider, fixture, trouble, before, result).await?;
                shown = true;
            }
        }
    }
    Ok(if shown { Verdict::Kept } else { Verdict::NotShown(impossible.join("; ")) })
}

async fn accounted(
    provider: &dyn SshProvider,
    fixture: &dyn Fixture,
    trouble: Trouble,
    before: Option<usize>,
    result: Result<Session, ProviderError>,
) -> Result<(), String> {
    let error = match result {
        // A lost answer may be found again by a repeat.
        Ok(session) if trouble == Trouble::LostAnswer => {
            end(provider, &session).await;
            return match fixture.alive() {
                now if now == before => Ok(()),
                now => Err(format!("after a lost answer {} live, not only the one handed out", shown(now))),
            };
        }
        Ok(session) => {
            end(provider, &session).await;
            return Err(format!("{trouble:?}: a session was handed out all the same"));
        }
        Err(error) => error,
    };
    let now = fixture.alive();
    match error.left_behind() {
        Some(_) => Ok(()),
        None if trouble == Trouble::UnusableAndStuck && before.is_none() => {
            Err(format!("{trouble:?}: a session that could not be ended is not named: {error}"))
        }
        None if now != before => Err(format!(
            "{trouble:?}: {} live, {} did before, and the error names none: {error}",
            shown(now),
            shown(before)
        )),
        None => Ok(()),
    }
}

/// Clause 6: the attempt alone ends what a `create` made that was dropped, or whose process died.
pub async fn the_attempt_is_enough(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(found_by_attempt(provider, fixture).await)
}

async fn found_by_attempt(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    // Its process died after the answer came.
    let before = fixture.alive();
    let known = request(fixture.target())?;
    let session = created(provider, &known).await?;
    let reference = SessionRef::by_attempt(known.target, known.attempt);
    ended(provider.revoke(&reference, within(PATIENCE)).await.err(), before, fixture.alive())?;
    if before.is_none() && matches!(still_valid(provider, &session).await, Some(true)) {
        end(provider, &session).await;
        return Err("revoked by its attempt, a session is still valid".to_owned());
    }
    if let Scripted::Impossible(why) = fixture.make(Trouble::SlowAnswer) {
        return Ok(if before.is_some() { Verdict::Kept } else { Verdict::NotShown(why) });
    }
    let Some(before) = before else { return Ok(Verdict::not_shown("nobody counts what lives at the vendor")) };
    // It was dropped while the answer was on its way.
    let dropped = request(fixture.target())?;
    {
        let create = provider.create(&dropped);
        let made = async {
            while fixture.alive() == Some(before) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = create => return Err("create ended, although its answer takes for ever".to_owned()),
            () = made => {}
            () = tokio::time::sleep(PATIENCE) => return Ok(Verdict::not_shown("the slow create made no session")),
        }
    }
    fixture.all_is_well();
    let reference = SessionRef::by_attempt(dropped.target, dropped.attempt);
    ended(provider.revoke(&reference, within(PATIENCE)).await.err(), Some(before), fixture.alive())?;
    Ok(Verdict::Kept)
}

fn ended(failure: Option<ProviderError>, before: Option<usize>, now: Option<usize>) -> Result<(), String> {
    match failure {
        Some(error) if error.left_behind().is_none() => {
            Err(format!("revoke by attempt failed and does not say what may live: {error}"))
        }
        None if now != before => {
            Err(format!("revoked by its attempt, and {} live where {} did before", shown(now), shown(before)))
        }
        _ => Ok(()),
    }
}

async fn still_valid(provider: &dyn SshProvider, session: &Session) -> Option<bool> {
    let validity = provider.validate(&SessionRef::from(session), within(PATIENCE)).await.ok()?;
    Some(matches!(validity, Validity::Valid { .. }))
}

fn shown(count: Option<usize>) -> String {
    count.map_or("an unknown number".to_owned(), |count| count.to_string())
}
