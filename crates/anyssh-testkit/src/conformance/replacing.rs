//! Clause 9: `regenerate`.

use anyssh_core::{ErrorKind, Session, SessionRef, SshProvider, Validity};

use super::fixture::{Fixture, Login};
use super::making::end;
use super::report::Verdict;
use super::request::{PATIENCE, created, request, within};
use super::secrets::secrets_of;

/// Clause 9: after `regenerate` the new session is valid, with another credential, and the old one is not, unless
/// it is named as still alive, or the provider cannot end it at all and says so in its
/// [`Capabilities`](anyssh_core::Capabilities::old_credential_stays). Logins are tried with both.
pub async fn regenerate_replaces(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(replaced(provider, fixture).await)
}

async fn replaced(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let old = created(provider, &request(fixture.target())?).await?;
    let regenerated = match provider.regenerate(&SessionRef::from(&old), &request(fixture.target())?).await {
        Ok(regenerated) => regenerated,
        Err(error) => {
            end(provider, &old).await;
            return match error.kind() {
                ErrorKind::Unsupported => Ok(Verdict::NotShown(format!("it cannot: {error}"))),
                _ => Err(format!("regenerate failed although all is well: {error}")),
            };
        }
    };
    let new = regenerated.session;
    let old_may_live = regenerated.still_alive.is_some() || provider.capabilities().old_credential_stays;
    let result = compared(provider, fixture, &old, &new, old_may_live).await;
    end(provider, &new).await;
    end(provider, &old).await;
    result
}

async fn compared(
    provider: &dyn SshProvider,
    fixture: &dyn Fixture,
    old: &Session,
    new: &Session,
    old_may_live: bool,
) -> Result<Verdict, String> {
    // A key file of the user's own is no part of a session; then there is nothing to compare.
    let (before, after) = (secrets_of(old), secrets_of(new));
    if !after.is_empty() && before == after {
        return Err("the new session has the old one's credential".to_owned());
    }
    if is_valid(provider, new).await? == Some(false) {
        return Err("the new session is not valid".to_owned());
    }
    // Where both have one id the vendor can only be asked about the new one.
    if old.id != new.id && !old_may_live && is_valid(provider, old).await? == Some(true) {
        return Err("the old session is valid still and not named as alive".to_owned());
    }
    match (fixture.log_in(new).await, fixture.log_in(old).await) {
        (Ok(Login::Refused), _) => Err("the new session lets nobody in".to_owned()),
        (Ok(_), Ok(Login::LetIn)) if !old_may_live => Err("the old credential still lets us in".to_owned()),
        (Ok(_), Ok(_)) => Ok(Verdict::Kept),
        (Err(error), _) | (_, Err(error)) => Ok(Verdict::NotShown(format!("no login could be tried: {error}"))),
    }
}

/// `None` where the provider cannot say.
async fn is_valid(provider: &dyn SshProvider, session: &Session) -> Result<Option<bool>, String> {
    match provider.validate(&SessionRef::from(session), within(PATIENCE)).await {
        Ok(validity) => Ok(Some(matches!(validity, Validity::Valid { .. }))),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(format!("validate failed although all is well: {error}")),
    }
}
