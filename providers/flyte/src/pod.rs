//! What is known of one pod: its names here, who may log in, and with which tokens it is reached.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{Deadline, ErrorKind, FieldError, HostAlias, ProviderError, SessionId, escape};
use sha2::{Digest as _, Sha256};

use crate::api_key_app::{self, DEFAULT_NAME};
use crate::auth::{self, TokenSource};
use crate::config::ApiKey;
use crate::flyte::Flyte;
use crate::target::ActionName;

/// The tokens for the route: the control plane's own, or those of an API key.
pub(crate) async fn tokens(
    flyte: &Flyte,
    use_api_key: bool,
    deadline: Deadline,
) -> Result<Option<Arc<dyn TokenSource>>, ProviderError> {
    if !use_api_key {
        return Ok(flyte.tokens.clone());
    }
    let key = api_key_app::ensure(flyte, DEFAULT_NAME, deadline).await?;
    let key = ApiKey::decode("api-key", &key).map_err(ProviderError::config)?;
    auth::source(&flyte.config.with_login_of(&key))
}

/// The name under which a pod's host key is kept: another attempt is another pod, with another key, and
/// another project has runs of its own.
pub(crate) fn host_alias(flyte: &Flyte, action: &ActionName, attempt: u32) -> Result<HostAlias, ProviderError> {
    let scope = flyte.control.scope();
    let mut hash = Sha256::new();
    for part in [&flyte.config.endpoint.base_url.to_string(), &scope.org, &scope.project, &scope.domain] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let place: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let text = format!("flyte.{place}.{}", pod_name(action, attempt));
    HostAlias::parse("run", &text).map_err(ProviderError::usage)
}

/// The id of a session: nothing lives at the provider, so it names the pod.
pub(crate) fn session_id(action: &ActionName, attempt: u32) -> Result<SessionId, ProviderError> {
    SessionId::parse("run", &pod_name(action, attempt)).map_err(ProviderError::usage)
}

/// The action and the attempt that an id names; `None` if it is none of ours.
pub(crate) fn from_session_id(id: &SessionId) -> Option<(ActionName, u32)> {
    let mut parts = id.as_str().split('.');
    let (run, action, attempt) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    let action = ActionName::new("session-id", run, action).ok()?;
    (parts.next().is_none() && pod_name(&action, attempt) == id.as_str()).then_some((action, attempt))
}

fn pod_name(action: &ActionName, attempt: u32) -> String {
    format!("{}.{}.{attempt}", action.run, action.action)
}

const PUBLIC_KEY: &str = "a private key with its public half beside it, in FILE.pub";

/// The public half of a key that the user named: who may log in to a run that is started for it.
pub(crate) fn public_key_of(identity_file: &Path) -> Result<String, ProviderError> {
    let mut public = identity_file.as_os_str().to_owned();
    public.push(".pub");
    let public = PathBuf::from(public);
    let refused = || {
        let shown = escape::quoted(&public.display().to_string());
        let message = format!("identity-file: expected {PUBLIC_KEY}; {shown} cannot be read as one");
        ProviderError::new(ErrorKind::Usage, message).with_field("identity-file")
    };
    let found = std::fs::metadata(&public).map_err(|error| refused().with_source(error))?;
    if !found.is_file() || found.len() > 16 * 1024 {
        return Err(refused());
    }
    let text = std::fs::read_to_string(&public).map_err(|error| refused().with_source(error))?;
    let key = PublicKey::from_openssh(text.trim()).map_err(|_| refused())?;
    key.to_openssh().map_err(|_| refused())
}

/// An identity file as the credential names it: there, and a file.
pub(crate) fn check_identity(identity_file: &Path) -> Result<(), ProviderError> {
    match std::fs::metadata(identity_file) {
        Ok(found) if found.is_file() => Ok(()),
        _ => {
            let shown = identity_file.display().to_string();
            let error = FieldError::new("identity-file", "a file with a private key", &shown);
            Err(ProviderError::usage(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::action;

    #[test]
    fn an_id_names_the_pod_and_is_read_back() {
        let id = session_id(&action(), 2).unwrap();
        assert_eq!(id.as_str(), "r1.a0.2");
        assert_eq!(from_session_id(&id), Some((action(), 2)));
        for text in ["r1.a0", "r1.a0.x", "r1.a0.1.2", "r1.a0.02", "r1"] {
            assert_eq!(from_session_id(&SessionId::parse("id", text).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn the_public_half_is_read_beside_the_private_one() {
        let home = tempfile::tempdir().unwrap();
        let pair = crate::keypair::ensure(home.path()).unwrap();
        assert_eq!(public_key_of(&pair.private_key).unwrap(), pair.public_key);
        check_identity(&pair.private_key).unwrap();
        let error = public_key_of(&home.path().join("none")).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("identity-file")));
        assert!(check_identity(home.path()).is_err());
    }
}
