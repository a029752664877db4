//! One next step for each failure. This is the only file that says what to try.

use std::ffi::{OsStr, OsString};

use anyssh_core::ProviderInfo;
use anyssh_openssh::{HostKeyError, LaunchError, PinError, RemoteCommand, TrustError};
use anyssh_sdk::{Error, Kind, Operation};

/// What to do next, where anything is known to help. `info` describes the provider of the error.
pub(crate) fn for_error(error: &Error, info: &ProviderInfo) -> Option<String> {
    let provider = error.provider();
    let target = error.target().map_or_else(|| "TARGET".to_owned(), ToString::to_string);
    let operation = if error.tunnel_failure().is_some() { Operation::Tunnel } else { error.operation() };
    if let Some(trust) = error.trust_error().filter(|_| operation != Operation::Tunnel) {
        return trust_hint(trust, provider);
    }
    if let Some(left) = error.provider_error().and_then(anyssh_core::ProviderError::left_behind) {
        return Some(match &left.session {
            Some(id) => format!("anyssh revoke {provider} {target} --session-id {id}"),
            None => left.until.to_string(),
        });
    }
    if let Some(launch) = error.launch_error() {
        return launch_hint(launch);
    }
    let hint = match (error.kind(), operation) {
        (Kind::Config, _) => format!("set it in the environment, or in the [{provider}] table of config.toml"),
        (Kind::Auth, Operation::Connect) => match info.refused_login_hint {
            Some(hint) => hint.to_owned(),
            None => format!("anyssh {provider} {target} -v shows what ssh tried"),
        },
        (Kind::Auth, Operation::Tunnel) => {
            format!("log in at {provider} again, or ask there for the right to reach {target}")
        }
        (Kind::Auth, _) => format!("anyssh providers shows which settings hold {provider}'s key"),
        (Kind::NotFound, Operation::Validate | Operation::Regenerate | Operation::Revoke) => {
            format!("if the session is over: anyssh {provider} {target} makes another")
        }
        (Kind::NotFound, Operation::Tunnel) => "its route may still be starting: try again in a moment".to_owned(),
        (Kind::NotFound, _) if info.lists_targets() => format!("anyssh targets {provider} lists what there is"),
        (Kind::Conflict, Operation::Create) if info.capabilities.takes_over => {
            format!("if whoever holds it may be cut off: anyssh regenerate {provider} {target}")
        }
        (Kind::Unavailable, Operation::Connect) => {
            format!("try again; anyssh {provider} {target} -v shows what ssh tried")
        }
        (Kind::Unavailable, _) => "try again in a moment".to_owned(),
        (Kind::Timeout, _) => MORE_TIME.to_owned(),
        (Kind::Protocol, Operation::Connect) => {
            format!("anyssh {provider} {target} -v shows what ssh saw; do not go on if you did not expect this")
        }
        (Kind::Protocol, Operation::Tunnel) => {
            format!("a proxy or a login page may stand before {provider}'s gateway; else report this message there")
        }
        (Kind::Protocol, _) => format!("this is a fault at {provider}: report it there with this message"),
        (Kind::Failed, Operation::Connect) => format!("anyssh {provider} {target} -v shows what ssh tried"),
        _ => return None,
    };
    Some(hint)
}

/// The command that was typed, with the fingerprint that the user has to agree to (K4): to be pasted as it is.
pub(crate) fn agree(fingerprint: &str, words: &[OsString]) -> Option<String> {
    let typed = words.iter().skip(1).map(OsString::as_os_str);
    let words: Vec<&OsStr> = ["anyssh", "--host-key", fingerprint].into_iter().map(OsStr::new).chain(typed).collect();
    // The quoting of remote words is the one of every POSIX shell.
    match RemoteCommand::from_words(&words) {
        Ok(RemoteCommand::Line(line)) => Some(format!("if this is its key: {line}")),
        _ => None,
    }
}

/// What stopped `ssh` from being launched is on this machine, or in the words typed.
fn launch_hint(launch: &LaunchError) -> Option<String> {
    match launch {
        LaunchError::Directory(_) => Some(ANOTHER_DIRECTORY.to_owned()),
        LaunchError::TooOld { .. } | LaunchError::Program(_) => {
            Some("name a newer OpenSSH client with --ssh FILE".to_owned())
        }
        LaunchError::TimedOut => Some(MORE_TIME.to_owned()),
        _ => None,
    }
}

fn trust_hint(trust: &TrustError, provider: &str) -> Option<String> {
    match trust {
        TrustError::Changed { alias, .. } => Some(format!(
            "do not go on before {provider} has told you why; if it has, remove pins/{alias} from the state directory"
        )),
        TrustError::NotTheExpected { .. } => {
            Some(format!("do not go on before {provider} has told you why; no password was sent"))
        }
        TrustError::FingerprintForAuthority => Some("leave --host-key out".to_owned()),
        TrustError::NoAnswer(_) => Some(format!("{MORE_TIME}, or give the key with --host-key")),
        TrustError::HostKey(HostKeyError::TimedOut { .. }) => Some(MORE_TIME.to_owned()),
        TrustError::HostKey(HostKeyError::NotRead { .. }) => Some("try again in a moment".to_owned()),
        TrustError::Pins(PinError::Directory(_)) => Some(ANOTHER_DIRECTORY.to_owned()),
        _ => None,
    }
}

const MORE_TIME: &str = "allow more time with --timeout DURATION";
/// For a directory that cannot be made, or is not ours alone.
pub(crate) const ANOTHER_DIRECTORY: &str =
    "ANYSSH_STATE_DIR names another directory: an absolute path of your own, which strangers cannot change";
