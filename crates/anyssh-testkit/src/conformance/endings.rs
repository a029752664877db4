//! Clauses 7 and 8: what `revoke` means.

use anyssh_core::{ErrorKind, Revocation, SessionRef, SshProvider, Validity};

use super::fixture::{Fixture, Login};
use super::report::Verdict;
use super::request::{PATIENCE, created, request, within};

/// Clause 7: revoking what is unknown or over is no error, and neither is revoking twice.
pub async fn revoke_is_a_wish(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(wish(provider, fixture).await)
}

async fn wish(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let unknown = SessionRef::by_id(fixture.target(), fixture.unknown_session());
    match provider.revoke(&unknown, within(PATIENCE)).await {
        Ok(Revocation::AlreadyGone | Revocation::LocalOnly) => {}
        Ok(Revocation::Revoked) => return Err("a session that nobody made is said to be revoked now".to_owned()),
        Err(error) => return Err(format!("a session that nobody made cannot be revoked: {error}")),
    }
    let session = created(provider, &request(fixture.target())?).await?;
    for turn in ["once", "twice"] {
        let revoked = provider.revoke(&SessionRef::from(&session), within(PATIENCE)).await;
        revoked.map_err(|error| format!("a session cannot be revoked {turn}: {error}"))?;
    }
    Ok(Verdict::Kept)
}

/// Clause 8: once a session is revoked it is not valid, and its credential logs nobody in. Who answers
/// [`Revocation::LocalOnly`] has nothing at the vendor that could be counted.
pub async fn nothing_after_revoke(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(nothing_after(provider, fixture).await)
}

async fn nothing_after(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let counted = fixture.alive();
    let session = created(provider, &request(fixture.target())?).await?;
    let reference = SessionRef::from(&session);
    let before = fixture.log_in(&session).await;
    match provider.revoke(&reference, within(PATIENCE)).await {
        Ok(Revocation::Revoked) => {}
        Ok(Revocation::LocalOnly) if fixture.alive() != counted => {
            return Err(
                "nothing is said to live at the vendor (LocalOnly), and more lives there than before".to_owned()
            );
        }
        Ok(Revocation::LocalOnly) => return Ok(Verdict::not_shown("nothing lives at the vendor: LocalOnly")),
        Ok(Revocation::AlreadyGone) => return Err("a fresh session is said to be gone already".to_owned()),
        Err(error) => return Err(format!("revoke failed although all is well: {error}")),
    }
    match provider.validate(&reference, within(PATIENCE)).await {
        Ok(Validity::Invalid { .. }) => {}
        Ok(Validity::Valid { .. }) => return Err("it is valid after it was revoked".to_owned()),
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        Err(error) => return Err(format!("validate failed although all is well: {error}")),
    }
    match (before, fixture.log_in(&session).await) {
        (Ok(Login::LetIn), Ok(Login::LetIn)) => Err("it lets us in after it was revoked".to_owned()),
        (Ok(Login::LetIn), Ok(Login::Refused)) => Ok(Verdict::Kept),
        (Ok(Login::Refused), _) => Ok(Verdict::not_shown("it let nobody in before it was revoked")),
        (Err(error), _) | (_, Err(error)) => Ok(Verdict::NotShown(format!("no login could be tried: {error}"))),
    }
}
