//! Clauses 2 and 12: time, and many calls at once.

use std::time::{Duration, Instant};

use anyssh_core::{ProviderError, Revocation, SessionRef, SshProvider};

use super::fixture::{Fixture, Scripted, Trouble};
use super::join::join_all;
use super::making::end;
use super::report::Verdict;
use super::request::{PATIENCE, fresh_request, request, within};

/// What a call has when nobody answers.
const SHORT: Duration = Duration::from_secs(1);

/// For the way from a provider's own timer to its answer, on a machine that is busy.
const MARGIN: Duration = Duration::from_secs(2);

/// What revoking after a failed `create` may take more (clause 2).
const CLEAN_UP: Duration = Duration::from_secs(5);

/// How long a thread may be kept from its other work. A call that blocks keeps it until its deadline.
const LONGEST_PAUSE: Duration = Duration::from_millis(1500);

/// Clause 2: when the vendor is silent every method ends by its deadline, with an error; and a deadline that
/// has passed already is no wait at all. Only a `revoke` that is [`Revocation::LocalOnly`] needs no vendor.
pub async fn in_time(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(ends_in_time(provider, fixture).await)
}

async fn ends_in_time(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let late = fresh_request(fixture.target(), within(Duration::ZERO)).map_err(|error| error.to_string())?;
    let result = bounded("create with a deadline in the past", CLEAN_UP, provider.create(&late)).await?;
    if let Ok(session) = result {
        end(provider, &session).await;
    }
    if let Scripted::Impossible(why) = fixture.make(Trouble::Silence) {
        return Ok(Verdict::NotShown(why));
    }
    let reference = SessionRef::by_id(fixture.target(), fixture.unknown_session());
    let request = || fresh_request(fixture.target(), within(SHORT)).map_err(|error| error.to_string());
    let (one, two) = (request()?, request()?);
    let (created, regenerated, validated, revoked) = tokio::join!(
        bounded("create", SHORT + CLEAN_UP, provider.create(&one)),
        bounded("regenerate", SHORT + CLEAN_UP, provider.regenerate(&reference, &two)),
        bounded("validate", SHORT, provider.validate(&reference, within(SHORT))),
        bounded("revoke", SHORT, provider.revoke(&reference, within(SHORT))),
    );
    failed("create", created?)?;
    failed("regenerate", regenerated?)?;
    failed("validate", validated?)?;
    match revoked? {
        Ok(Revocation::LocalOnly) => {}
        other => failed("revoke", other)?,
    }
    Ok(Verdict::Kept)
}

async fn bounded<T>(what: &str, allowed: Duration, call: impl Future<Output = T>) -> Result<T, String> {
    let ended = tokio::time::timeout(allowed + MARGIN, call).await;
    ended.map_err(|_| format!("{what} had not ended {MARGIN:?} after it should have"))
}

fn failed<T>(what: &str, result: Result<T, ProviderError>) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("{what} says that it is done, and the vendor answered nothing")),
        Err(_) => Ok(()),
    }
}

/// Clause 12: many calls run at once on one value, and none blocks its thread.
pub async fn shared(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(at_once(provider, fixture).await)
}

async fn at_once(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let requests = (0..8).map(|_| request(fixture.target())).collect::<Result<Vec<_>, _>>()?;
    let created = join_all(requests.iter().map(|request| provider.create(request))).await;
    let (sessions, errors): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    let sessions: Vec<_> = sessions.into_iter().flatten().collect();
    join_all(sessions.iter().map(|session| end(provider, session))).await;
    // A vendor may allow one session for each target; any other failure comes of the others.
    let other =
        errors.into_iter().filter_map(Result::err).find(|error| error.kind() != anyssh_core::ErrorKind::Conflict);
    if let Some(error) = other {
        return Err(format!("one of eight calls at once failed: {error}"));
    }
    if sessions.is_empty() {
        return Err("of eight calls at once none made a session".to_owned());
    }
    let waits = fixture.make(Trouble::Silence) == Scripted::Ready;
    let time = if waits { LONGEST_PAUSE * 2 } else { PATIENCE };
    let request = fresh_request(fixture.target(), within(time)).map_err(|error| error.to_string())?;
    let (result, pause) = with_longest_pause(provider.create(&request), time).await;
    fixture.all_is_well();
    if let Some(Ok(session)) = result {
        end(provider, &session).await;
    }
    if pause > LONGEST_PAUSE {
        return Err(format!("create kept its thread from everything else for {pause:?}"));
    }
    Ok(Verdict::Kept)
}

/// What a call gives, unless it takes longer than `time`, and the longest time for which nothing else could
/// run on its thread.
async fn with_longest_pause<T>(call: impl Future<Output = T>, time: Duration) -> (Option<T>, Duration) {
    let mut call = std::pin::pin!(call);
    let start = Instant::now();
    let (mut last, mut longest) = (start, Duration::ZERO);
    loop {
        let tick = tokio::time::sleep(Duration::from_millis(10));
        let value = tokio::select! {
            value = &mut call => Some(value),
            () = tick => None,
        };
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if value.is_some() || start.elapsed() > time {
            return (value, longest);
        }
    }
}
