//! Clause 11: no secret is shown.

use std::error::Error;

use anyssh_core::{Credential, KeyPair, ProviderError, Session, SessionRef, SshProvider, Transport};
use secrecy::ExposeSecret as _;
use ssh_key::{LineEnding, PrivateKey};

use super::fixture::{Fixture, Scripted, Trouble};
use super::making::end;
use super::report::Verdict;
use super::request::{PATIENCE, created, request, within};

/// Clause 11: neither `Debug` of the provider and of what it hands out nor any error holds a secret, also when
/// the vendor's own words repeat one.
pub async fn no_secret_shown(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Verdict {
    Verdict::of(nothing_shown(provider, fixture).await)
}

async fn nothing_shown(provider: &dyn SshProvider, fixture: &dyn Fixture) -> Result<Verdict, String> {
    let mut secrets = fixture.secrets();
    let first = request(fixture.target())?;
    let session = created(provider, &first).await?;
    secrets.extend(secrets_of(&session));
    if let KeyPair::Fresh(key) = &first.key_pair {
        secrets.extend(private_lines(key));
    }
    let reference = SessionRef::from(&session);
    let mut texts = vec![
        ("Debug of the provider", format!("{provider:?} {provider:#?}")),
        ("Debug of a session", format!("{session:?} {session:#?}")),
        ("Debug of a reference", format!("{reference:?}")),
    ];
    if let Scripted::Ready = fixture.make(Trouble::Echo) {
        let refused = request(fixture.target())?;
        texts.extend(provider.create(&refused).await.err().map(|error| ("an error of create", all_of(&error))));
        let validated = provider.validate(&reference, within(PATIENCE)).await;
        texts.extend(validated.err().map(|error| ("an error of validate", all_of(&error))));
        let regenerated = provider.regenerate(&reference, &refused).await;
        texts.extend(regenerated.err().map(|error| ("an error of regenerate", all_of(&error))));
        let revoked = provider.revoke(&reference, within(PATIENCE)).await;
        texts.extend(revoked.err().map(|error| ("an error of revoke", all_of(&error))));
        fixture.all_is_well();
    }
    end(provider, &session).await;
    // Where it is said, and not what.
    let told = texts.iter().find(|(_, text)| secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret)));
    match told {
        Some((place, _)) => Err(format!("{place} holds a secret")),
        None => Ok(Verdict::Kept),
    }
}

/// `Display`, `Debug` and all sources.
fn all_of(error: &ProviderError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(" {inner} {inner:?}"));
        source = inner.source();
    }
    text
}

/// What nobody else may know of a session: of its credential, and of the way there.
pub(super) fn secrets_of(session: &Session) -> Vec<String> {
    let mut secrets = match &session.login.credential {
        Credential::Password(password) => vec![password.secret().expose_secret().to_owned()],
        Credential::Certificate { key, .. } | Credential::Key(key) => private_lines(key),
        Credential::CertificateOnly { .. } | Credential::KeyFile(_) => Vec::new(),
    };
    if let Transport::WebSocket { headers, .. } = &session.endpoint.transport {
        // Without the scheme, which is no secret and may stand before it or not.
        let word = |value: &str| value.rsplit(' ').next().unwrap_or_default().to_owned();
        secrets.extend(headers.iter().map(|(_, value)| word(value.expose_secret())));
    }
    secrets
}

/// The lines of a private key's file that only it has.
fn private_lines(key: &PrivateKey) -> Vec<String> {
    let text = key.to_openssh(LineEnding::LF).map(|text| text.to_string()).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with("-----") && line.len() > 20).skip(1).map(str::to_owned).collect()
}
