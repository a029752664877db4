//! Clauses 3 and 4: what a session is.

use std::time::SystemTime;

use anyssh_core::{
    CallerKey, CreateRequest, Credential, ErrorKind, HostTrust, KeyPair, Session, SessionRef, SshProvider,
};

use super::fixture::{Fixture, Login};
use super::report::Verdict;
use super::request::{PATIENCE, created, request, within};

/// Clause 3: the sessions of `create` and `regenerate` are for the requested target and, where the
/// credential is bound to a key, for the request's key pair, also for one of the caller's own.
pub async fn bound_to_the_question(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(bound(provider, fixture).await)
}

async fn bound(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let first = request(fixture.target())?;
    let session = created(provider, &first).await?;
    let mut result = fits(&session, &first);
    let mut last = session;
    if result.is_ok() {
        let second = request(fixture.target())?;
        match provider.regenerate(&SessionRef::from(&last), &second).await {
            Ok(regenerated) => {
                result = fits(&regenerated.session, &second).map_err(|how| format!("regenerate: {how}"));
                last = regenerated.session;
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => result = Err(format!("regenerate failed although all is well: {error}")),
        }
    }
    end(provider, &last).await;
    result?;
    if provider.capabilities().caller_key {
        let mut own = request(fixture.target())?;
        own.key_pair = KeyPair::Caller { public_key: own.attempt.public_key.clone(), key: CallerKey::Agent };
        let session = created(provider, &own).await?;
        let result = fits(&session, &own);
        end(provider, &session).await;
        result?;
    }
    Ok(Verdict::Kept)
}

fn fits(session: &Session, request: &CreateRequest) -> Result<(), String> {
    if session.target != request.target {
        return Err(format!("the session is for {}, and {} was asked for", session.target, request.target));
    }
    let ours = request.key_pair.public_key().key_data();
    let (certified, kept) = match &session.login.credential {
        Credential::Certificate { key, certificate } => {
            let same = key.public_key().key_data() == ours;
            (certificate, same && matches!(request.key_pair, KeyPair::Fresh(_)))
        }
        Credential::CertificateOnly { certificate, key } => {
            (certificate, matches!(&request.key_pair, KeyPair::Caller { key: asked, .. } if asked == key))
        }
        Credential::Key(key) => {
            return match key.public_key().key_data() == ours || matches!(request.key_pair, KeyPair::Fresh(_)) {
                true => Ok(()),
                false => Err("the session has a key of its own, and the caller wanted theirs".to_owned()),
            };
        }
        // Neither is bound to the key pair of a request.
        Credential::Password(_) | Credential::KeyFile(_) => return Ok(()),
    };
    if certified.certificate().public_key() != ours {
        return Err("the certificate is for another key than the request's".to_owned());
    }
    kept.then_some(()).ok_or_else(|| "the session's private key is not the request's".to_owned())
}

/// Clause 4: a session has not expired, its host trust names somebody, and it lets us in.
pub async fn usable(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(can_be_used(provider, fixture).await)
}

async fn can_be_used(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let session = created(provider, &request(fixture.target())?).await?;
    let result = looks_usable(&session);
    let login = fixture.log_in(&session).await;
    end(provider, &session).await;
    result?;
    match login {
        Ok(Login::LetIn) => Ok(Verdict::Kept),
        Ok(Login::Refused) => Err("nobody is let in with it".to_owned()),
        Err(error) => Ok(Verdict::NotShown(format!("no login could be tried: {error}"))),
    }
}

fn looks_usable(session: &Session) -> Result<(), String> {
    if session.expiry.is_past(SystemTime::now()) {
        return Err(format!("it had expired when it was handed out: {:?}", session.expiry));
    }
    match &session.endpoint.host_trust {
        HostTrust::Pinned(keys) if keys.is_empty() => Err("it pins no host key at all".to_owned()),
        _ => Ok(()),
    }
}

/// Ends what a clause made and is done with. Whether that works is for clauses 7 and 8 to say.
pub(super) async fn end(provider: &dyn SshProvider, session: &Session) {
    let _ = provider.revoke(&SessionRef::from(session), within(PATIENCE)).await;
}
