//! Clause 10: no fallback.

use anyssh_core::{CallerKey, Credential, KeyPair, SshProvider, Wake};

use super::fixture::Fixture;
use super::making::end;
use super::report::Verdict;
use super::request::request;

/// Clause 10: a key of the caller's own is used or refused, as the capabilities say, and never replaced by
/// another one; a target that may not be woken is refused and not woken.
pub async fn no_fallback(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(honest(provider, fixture).await)
}

async fn honest(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    own_key(provider, fixture).await?;
    let Some(target) = fixture.sleeping_target() else { return Ok(Verdict::Kept) };
    let before = fixture.alive();
    match provider.create(&request(target)?.with_wake(Wake::Forbidden)).await {
        Ok(session) => {
            end(provider, &session).await;
            Err("a target that may not be woken was woken".to_owned())
        }
        Err(_) if fixture.alive() != before => Err("a refusal to wake has made a session".to_owned()),
        Err(_) => Ok(Verdict::Kept),
    }
}

async fn own_key(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<(), String> {
    let mut own = request(fixture.target())?;
    own.key_pair = KeyPair::Caller { public_key: own.attempt.public_key.clone(), key: CallerKey::Agent };
    match (provider.capabilities().caller_key, provider.create(&own).await) {
        (true, Err(error)) => Err(format!("the capabilities say caller_key, and create does not: {error}")),
        (false, Err(_)) => Ok(()),
        (can, Ok(session)) => {
            let credential = &session.login.credential;
            let shown = format!("{credential:?}");
            let result = match credential {
                // Not bound to the key pair of a request.
                Credential::Password(_) | Credential::KeyFile(_) => Ok(()),
                Credential::CertificateOnly { .. } if can => Ok(()),
                Credential::CertificateOnly { .. } => {
                    Err("the capabilities do not say caller_key, and such a session was made".to_owned())
                }
                _ => Err(format!("the caller's own key was asked for, and this came: {shown}")),
            };
            end(provider, &session).await;
            result
        }
    }
}
