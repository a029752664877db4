//! A long-lived API key of the user's own, for what must not ask for a login: made once, kept, looked up.
//!
//! `apps.rs` is the service that has the keys, `place.rs` the file that keeps one.

mod apps;
mod place;

use anyssh_core::{Deadline, ProviderError};
use secrecy::SecretString;

use crate::flyte::Flyte;
use crate::{keypair, turn};
use apps::{Apps, NotCreated};
use place::Place;

/// The name that Flyte's own client gives it.
pub(crate) const DEFAULT_NAME: &str = "flyte-ssh-debug";

const EXPECTED_NAME: &str = "a name with at least one letter or digit";

/// The control planes that many organisations share, as Flyte's own client lists them. There a key is named
/// after its user.
const SERVERLESS: [&str; 5] = [
    "serverless-1.us-east-2.s.union.ai",
    "serverless-gcp.cloud-staging.union.ai",
    "utt-srv-staging-1.cloud-staging.union.ai",
    "serverless-preview.canary.unionai.cloud",
    "utt-srv-canary-1.canary.unionai.cloud",
];

/// The key in `~/.flyte/ssh-debug/api-key` if the control plane still knows it, else a new one that is kept there.
///
/// A key that cannot be looked up right now is not a key that is gone: then this is an error. A key of
/// another control plane in that file stays; this one's is kept beside it.
pub(crate) async fn ensure(flyte: &Flyte, name: &str, deadline: Deadline) -> Result<SecretString, ProviderError> {
    ensure_at(flyte, tenant(flyte.config.endpoint.base_url.host()), name, deadline).await
}

/// The name of a control plane that many organisations share: its host's first label. `None` for others.
fn tenant(host: &str) -> Option<&str> {
    SERVERLESS.contains(&host).then(|| host.split('.').next()).flatten()
}

async fn ensure_at(
    flyte: &Flyte,
    tenant: Option<&str>,
    name: &str,
    deadline: Deadline,
) -> Result<SecretString, ProviderError> {
    let base = flyte.config.endpoint.base_url.to_string();
    let name = plain(name)?;
    let dir = keypair::directory(flyte.home()?)?;
    // Of two that find none, the second finds the first one's (C3).
    let _turn = turn::take(&dir, "api-key.lock", "making an API key", deadline).await?;
    let place = Place::find(&dir, &base)?;
    if let Some((text, key)) = &place.kept {
        let apps = Apps { flyte, organization: key.org.clone().unwrap_or_default(), deadline };
        if apps.exists(&key.client_id).await? {
            return Ok(text.clone());
        }
    }
    let (organization, client_id) = match tenant {
        Some(tenant) => {
            let handle = apps::user_handle(flyte, deadline).await?;
            let client_id = format!("{tenant}-{handle}-{name}");
            (handle, client_id)
        }
        None => (String::new(), name),
    };
    make(&Apps { flyte, organization, deadline }, &client_id, &base, |key| place.keep(&dir, key)).await
}

/// Makes a key and keeps it. Where its name is taken, its secret is lost, since the control plane tells it
/// once: then that one stays, and another one gets a name of its own.
async fn make(
    apps: &Apps<'_>,
    client_id: &str,
    endpoint: &str,
    keep: impl FnOnce(&SecretString) -> Result<(), ProviderError>,
) -> Result<SecretString, ProviderError> {
    let made = match apps.create(client_id, endpoint).await {
        Err(NotCreated::Taken(_)) => apps.create(&format!("{client_id}-{:08x}", rand::random::<u32>()), endpoint).await,
        made => made,
    };
    let key = made.map_err(|error| match error {
        NotCreated::Taken(error) | NotCreated::Other(error) => error,
    })?;
    let encoded = key.encode();
    match keep(&encoded) {
        Ok(()) => Ok(encoded),
        Err(error) => Err(apps.take_back(&key.client_id, error).await),
    }
}

/// Lower case, with `-` for each run of other characters.
fn plain(name: &str) -> Result<String, ProviderError> {
    let mut id = String::new();
    for c in name.to_ascii_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => id.push(c),
            _ if id.ends_with('-') => {}
            _ => id.push('-'),
        }
    }
    if id.len() <= 63 && id.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(ProviderError::usage(anyssh_core::FieldError::new("name", EXPECTED_NAME, name)))
}

#[cfg(test)]
mod tests;
