//! The names of everything that can be set: in the environment, and in Flyte's own files.

use anyssh_core::SettingInfo;

/// Something that can be set in several places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// The variables that set it, strongest first. They are stronger than a file.
    pub(crate) variables: &'static [SettingInfo],
    /// Where it stands in a file.
    pub(crate) path: [&'static str; 2],
    /// The path as messages name it: `admin.endpoint`.
    pub(crate) name: &'static str,
}

pub(crate) const API_KEY: SettingInfo = SettingInfo::optional(
    "FLYTE_API_KEY",
    "an API key (flyte create api-key): the endpoint and a client's credentials in one word; stronger than any file",
)
.secret();
/// What Flyte sets inside the pods of its own tasks.
pub(crate) const EAGER_KEYS: [SettingInfo; 2] = [
    SettingInfo::optional("_UNION_EAGER_API_KEY", "the API key that a task's pod has").secret(),
    SettingInfo::optional("EAGER_API_KEY", "the API key that a task's pod has").secret(),
];
pub(crate) const UCTL_CONFIG: SettingInfo =
    SettingInfo::optional("UCTL_CONFIG", "a configuration file of Flyte's; naming it here is trusting it");
pub(crate) const FLYTECTL_CONFIG: SettingInfo =
    SettingInfo::optional("FLYTECTL_CONFIG", "a configuration file of Flyte's; naming it here is trusting it");

const ADMIN_ENDPOINT: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_ENDPOINT", "where the control plane is: host[:port] or https://host[:port]");
const ADMIN_INSECURE: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_INSECURE", "plain http; beyond loopback without credentials");
const ADMIN_INSECURE_SKIP_VERIFY: SettingInfo = SettingInfo::optional(
    "FLYTE_ADMIN_INSECURESKIPVERIFY",
    "refused: name the authority with FLYTE_ADMIN_CACERTFILEPATH",
);
const ADMIN_CA_FILE: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_CACERTFILEPATH", "a PEM file with a certificate authority to trust as well");
const AUTH_TYPE: SettingInfo = SettingInfo::optional(
    "FLYTE_AUTH_TYPE",
    "how to log in: Pkce, DeviceFlow, ClientSecret, ExternalCommand or Passthrough",
);
const ADMIN_AUTH_TYPE: SettingInfo = SettingInfo::optional("FLYTE_ADMIN_AUTHTYPE", "the same as FLYTE_AUTH_TYPE");
const ADMIN_CLIENT_ID: SettingInfo = SettingInfo::optional("FLYTE_ADMIN_CLIENTID", "the client's id for ClientSecret");
const ADMIN_SECRET_FILE: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_CLIENTSECRETLOCATION", "the file that holds the client's secret");
const ADMIN_SECRET_VARIABLE: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_CLIENTSECRETENVVAR", "the variable that holds the client's secret");
const ADMIN_SCOPES: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_SCOPES", "scopes to ask for in place of the control plane's");
const AUTH_COMMAND: SettingInfo =
    SettingInfo::optional("FLYTE_AUTH_COMMAND", "the command that prints a token, for ExternalCommand").secret();
const ADMIN_COMMAND: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_COMMAND", "the same as FLYTE_AUTH_COMMAND").secret();
const AUTH_PROXY_COMMAND: SettingInfo = SettingInfo::optional(
    "FLYTE_AUTH_PROXY_COMMAND",
    "the command that prints a token for a gateway in front of the control plane",
)
.secret();
const ADMIN_PROXY_COMMAND: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_PROXYCOMMAND", "the same as FLYTE_AUTH_PROXY_COMMAND").secret();
const ADMIN_HTTP_PROXY: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_HTTPPROXYURL", "the proxy on the way to the token endpoint");
const ADMIN_DISABLE_KEYRING: SettingInfo =
    SettingInfo::optional("FLYTE_ADMIN_DISABLEKEYRING", "keep no token on this machine");
const TASK_ORG: SettingInfo =
    SettingInfo::optional("FLYTE_TASK_ORG", "the organisation, if the endpoint's name does not say it");
const TASK_PROJECT: SettingInfo = SettingInfo::optional("FLYTE_TASK_PROJECT", "the project");
const TASK_DOMAIN: SettingInfo = SettingInfo::optional("FLYTE_TASK_DOMAIN", "the domain: development, production, …");

/// All that is read from the environment or from anyssh's own configuration file.
pub(crate) const SETTINGS: &[SettingInfo] = &[
    API_KEY,
    EAGER_KEYS[0],
    EAGER_KEYS[1],
    UCTL_CONFIG,
    FLYTECTL_CONFIG,
    ADMIN_ENDPOINT,
    ADMIN_INSECURE,
    ADMIN_INSECURE_SKIP_VERIFY,
    ADMIN_CA_FILE,
    AUTH_TYPE,
    ADMIN_AUTH_TYPE,
    ADMIN_CLIENT_ID,
    ADMIN_SECRET_FILE,
    ADMIN_SECRET_VARIABLE,
    ADMIN_SCOPES,
    AUTH_COMMAND,
    ADMIN_COMMAND,
    AUTH_PROXY_COMMAND,
    ADMIN_PROXY_COMMAND,
    ADMIN_HTTP_PROXY,
    ADMIN_DISABLE_KEYRING,
    TASK_ORG,
    TASK_PROJECT,
    TASK_DOMAIN,
];

const fn key(variables: &'static [SettingInfo], path: [&'static str; 2], name: &'static str) -> Key {
    Key { variables, path, name }
}

pub(crate) const ENDPOINT: Key = key(&[ADMIN_ENDPOINT], ["admin", "endpoint"], "admin.endpoint");
pub(crate) const INSECURE: Key = key(&[ADMIN_INSECURE], ["admin", "insecure"], "admin.insecure");
pub(crate) const INSECURE_SKIP_VERIFY: Key =
    key(&[ADMIN_INSECURE_SKIP_VERIFY], ["admin", "insecureSkipVerify"], "admin.insecureSkipVerify");
pub(crate) const CA_FILE: Key = key(&[ADMIN_CA_FILE], ["admin", "caCertFilePath"], "admin.caCertFilePath");
pub(crate) const LOGIN: Key = key(&[AUTH_TYPE, ADMIN_AUTH_TYPE], ["admin", "authType"], "admin.authType");
pub(crate) const CLIENT_ID: Key = key(&[ADMIN_CLIENT_ID], ["admin", "clientId"], "admin.clientId");
pub(crate) const SECRET_FILE: Key =
    key(&[ADMIN_SECRET_FILE], ["admin", "clientSecretLocation"], "admin.clientSecretLocation");
pub(crate) const SECRET_VARIABLE: Key =
    key(&[ADMIN_SECRET_VARIABLE], ["admin", "clientSecretEnvVar"], "admin.clientSecretEnvVar");
pub(crate) const SCOPES: Key = key(&[ADMIN_SCOPES], ["admin", "scopes"], "admin.scopes");
pub(crate) const COMMAND: Key = key(&[AUTH_COMMAND, ADMIN_COMMAND], ["admin", "command"], "admin.command");
pub(crate) const PROXY_COMMAND: Key =
    key(&[AUTH_PROXY_COMMAND, ADMIN_PROXY_COMMAND], ["admin", "proxyCommand"], "admin.proxyCommand");
pub(crate) const HTTP_PROXY: Key = key(&[ADMIN_HTTP_PROXY], ["admin", "httpProxyURL"], "admin.httpProxyURL");
pub(crate) const DISABLE_KEYRING: Key =
    key(&[ADMIN_DISABLE_KEYRING], ["admin", "disableKeyring"], "admin.disableKeyring");
pub(crate) const ORG: Key = key(&[TASK_ORG], ["task", "org"], "task.org");
pub(crate) const PROJECT: Key = key(&[TASK_PROJECT], ["task", "project"], "task.project");
pub(crate) const DOMAIN: Key = key(&[TASK_DOMAIN], ["task", "domain"], "task.domain");

/// The sections of a file that are Flyte's.
pub(crate) const SECTIONS: [&str; 3] = ["admin", "console", "task"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_a_key_is_listed_once() {
        let keys = [
            ENDPOINT,
            INSECURE,
            INSECURE_SKIP_VERIFY,
            CA_FILE,
            LOGIN,
            CLIENT_ID,
            SECRET_FILE,
            SECRET_VARIABLE,
            SCOPES,
            COMMAND,
            PROXY_COMMAND,
            HTTP_PROXY,
            DISABLE_KEYRING,
            ORG,
            PROJECT,
            DOMAIN,
        ];
        for key in keys {
            assert_eq!(key.path.join("."), key.name);
            assert!(SECTIONS.contains(&key.path[0]));
        }
        let used = keys.iter().flat_map(|key| key.variables).map(|info| info.name);
        let mut used: Vec<_> = used.chain([API_KEY.name, UCTL_CONFIG.name, FLYTECTL_CONFIG.name]).collect();
        used.extend(EAGER_KEYS.map(|info| info.name));
        let mut listed: Vec<_> = SETTINGS.iter().map(|info| info.name).collect();
        used.sort_unstable();
        listed.sort_unstable();
        assert_eq!(used, listed);
    }
}
