//! What ssh's environment gets and loses. No secret is ever in it (requirement K1).

use std::ffi::OsString;

use anyssh_core::{CallerKey, Credential};

use crate::flags::SshFlags;
use crate::helper_program::Helper;
use crate::launch_options::LaunchOptions;

/// ssh runs its ProxyCommand through `$SHELL`, whose quoting has to be the one that we wrote for.
pub(crate) fn set_environment(askpass: Option<&Helper>) -> Vec<(OsString, OsString)> {
    let mut variables = vec![("SHELL".into(), "/bin/sh".into())];
    if let Some(helper) = askpass {
        variables.push(("SSH_ASKPASS".into(), helper.path().into()));
        variables.push(("SSH_ASKPASS_REQUIRE".into(), "force".into()));
    }
    variables
}

pub(crate) fn remove_environment(credential: &Credential, options: &LaunchOptions) -> Vec<OsString> {
    let mut names: Vec<OsString> = vec!["SSH_ASKPASS_PROMPT".into()];
    if !matches!(credential, Credential::Password(_)) {
        names.extend(["SSH_ASKPASS".into(), "SSH_ASKPASS_REQUIRE".into()]);
    }
    if !uses_agent(credential, &options.flags) {
        names.push("SSH_AUTH_SOCK".into());
    }
    names.extend(options.hidden_environment.iter().map(OsString::from));
    names
}

/// Whether ssh may talk to the agent: to log in with a key there, or to forward it.
pub(crate) fn uses_agent(credential: &Credential, flags: &SshFlags) -> bool {
    flags.forwards_agent() || matches!(credential, Credential::CertificateOnly { key: CallerKey::Agent, .. })
}
