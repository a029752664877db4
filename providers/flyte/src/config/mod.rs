//! What Flyte's own configuration files and variables say, read once.
//!
//! Reading order: `names.rs` lists what can be set and where. `found.rs` finds the file, `trust.rs` remembers
//! which one may be believed, `yaml.rs` reads it. `values.rs` gives one value of one type out of all places.
//! `api_key.rs`, `endpoint_form.rs` and `login.rs` are what some of the values are.

mod api_key;
mod endpoint_form;
mod found;
mod login;
mod names;
mod small_file;
mod trust;
mod values;
mod yaml;

use std::path::PathBuf;
use std::sync::Arc;

use anyssh_core::{ErrorKind, FieldError, OptionInfo, ProviderError, SettingInfo, Settings, Surroundings, escape};
use anyssh_http::BaseUrl;

pub(crate) use api_key::ApiKey;
pub(crate) use endpoint_form::bare_endpoint;
pub(crate) use found::untrusted_files;
pub(crate) use login::{Login, below_working_dir};
pub(crate) use names::SETTINGS;

use crate::auth::Gateway;
use crate::endpoint::Endpoint;
use endpoint_form::Plain;
use found::Search;
use names::{
    API_KEY, CA_FILE, DISABLE_KEYRING, DOMAIN, EAGER_KEYS, ENDPOINT, FLYTECTL_CONFIG, HTTP_PROXY, INSECURE,
    INSECURE_SKIP_VERIFY, Key, LOGIN, ORG, PROJECT, PROXY_COMMAND, SCOPES, UCTL_CONFIG,
};
use values::Places;

/// `[flyte] data_plane_hosts` of anyssh's own file, and the option of that name.
pub(crate) const DATA_PLANE_HOSTS: OptionInfo =
    OptionInfo::value("data-plane-hosts", "HOSTS", "Hosts that get the token too, with commas between them");

const KEY_WITH_ORG: &str = "an API key whose organisation is 1 to 63 letters, digits, '.', '_' or '-'";

const IDENTIFIER: &str = "1 to 63 letters, digits, '.', '_' or '-', starting and ending with a letter or digit";

/// What the settings, the variables and the files say together.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    /// `task.org`, or what the endpoint's name or the API key says.
    pub(crate) org: String,
    pub(crate) project: String,
    pub(crate) domain: String,
    /// Hosts besides the endpoint's own that may get a token (K5), as `[flyte] data_plane_hosts` lists them.
    pub(crate) data_plane_hosts: Vec<String>,
    pub(crate) login: Login,
    /// Scopes in place of those that the control plane names; empty if it is to name them.
    pub(crate) scopes: Vec<String>,
    /// The proxy on the way to the token endpoint.
    pub(crate) http_proxy: Option<BaseUrl>,
    /// The way through a gateway in front of the control plane, if there is one.
    pub(crate) gateway: Option<Arc<Gateway>>,
    /// Where tokens are kept; `None` if they are not to be kept.
    pub(crate) token_dir: Option<PathBuf>,
    pub(crate) surroundings: Surroundings,
}

impl Config {
    /// Reads everything; nothing is requested.
    ///
    /// # Errors
    /// Of kind `Config`, naming the setting or the line of the file.
    pub(crate) fn read(settings: &Settings) -> Result<Self, ProviderError> {
        let search = found::search(settings)?;
        let mut places = Places { settings, file: search.file.as_ref(), file_is_for_another: false };
        let key = api_key(&places)?;
        if let Some(key) = &key {
            places.file_is_for_another = is_for_another(&places, key)?;
        }
        let base_url = match &key {
            Some(key) => parse_endpoint(API_KEY.name, &key.endpoint, plain(&places)?)?,
            None => endpoint(&places, &search)?,
        };
        let org = organisation(&places, key.as_ref(), &base_url)?;
        let token_dir = settings.state_dir().map(|state_dir| state_dir.join("tokens"));
        Ok(Self {
            org,
            project: identifier(&places, &PROJECT, None)?,
            domain: identifier(&places, &DOMAIN, None)?,
            data_plane_hosts: separated(settings.option(DATA_PLANE_HOSTS.name).unwrap_or_default()),
            login: match &key {
                Some(key) => Login::with_api_key(key),
                None => Login::read(&places)?,
            },
            scopes: places.list(&SCOPES)?,
            http_proxy: http_proxy(&places)?,
            gateway: places.command(&PROXY_COMMAND)?.filter(|_| base_url.keeps_secrets()).map(Gateway::new),
            token_dir: if places.flag(&DISABLE_KEYRING)? { None } else { token_dir },
            surroundings: settings.surroundings().clone(),
            endpoint: Endpoint { ca_file: ca_file(&places)?, base_url, request_timeout: settings.request_timeout() },
        })
    }

    /// The same control plane with the login of an API key: what `--use-api-key` means.
    pub(crate) fn with_login_of(&self, key: &ApiKey) -> Self {
        Self { login: Login::with_api_key(key), ..self.clone() }
    }
}

/// The API key, which is stronger than any file. What a task's pod has gives way to what the user names there.
fn api_key(places: &Places<'_>) -> Result<Option<ApiKey>, ProviderError> {
    let settings = places.settings;
    let is_named = |info: &SettingInfo| settings.setting(info.name).is_some();
    let names_another = [UCTL_CONFIG, FLYTECTL_CONFIG].iter().any(is_named) || places.has_variable(&LOGIN);
    let eager: &[SettingInfo] = if names_another { &[] } else { &EAGER_KEYS };
    for info in [API_KEY].iter().chain(eager) {
        if let Some(key) = settings.setting(info.name) {
            return ApiKey::decode(info.name, key).map(Some).map_err(ProviderError::config);
        }
    }
    Ok(None)
}

/// Whether the file names another control plane than the key: then what it says of gateways, logins, plain http
/// and certificates is not meant for the key's (K5).
fn is_for_another(places: &Places<'_>, key: &ApiKey) -> Result<bool, ProviderError> {
    let Some((endpoint, _)) = places.word_in_file(&ENDPOINT)? else { return Ok(false) };
    Ok(!bare_endpoint(&endpoint).eq_ignore_ascii_case(bare_endpoint(&key.endpoint)))
}

/// What a variable says, else the key, else the file, else the endpoint's name.
fn organisation(places: &Places<'_>, key: Option<&ApiKey>, base_url: &BaseUrl) -> Result<String, ProviderError> {
    match key.and_then(|key| key.org.as_deref()).filter(|_| !places.has_variable(&ORG)) {
        Some(org) if is_identifier(org) => Ok(org.to_owned()),
        Some(_) => Err(ProviderError::config(FieldError::secret(API_KEY.name, KEY_WITH_ORG))),
        None => identifier(places, &ORG, endpoint_form::organisation(base_url)),
    }
}

fn endpoint(places: &Places<'_>, search: &Search) -> Result<BaseUrl, ProviderError> {
    match places.word(&ENDPOINT)? {
        Some((text, found)) => parse_endpoint(found.field, &text, plain(places)?),
        None => Err(no_endpoint(search)),
    }
}

fn parse_endpoint(field: &'static str, text: &str, plain: Plain) -> Result<BaseUrl, ProviderError> {
    endpoint_form::parse(field, text, plain).map_err(ProviderError::config)
}

fn plain(places: &Places<'_>) -> Result<Plain, ProviderError> {
    Ok(if places.flag(&INSECURE)? { Plain::Asked } else { Plain::NotAsked })
}

fn no_endpoint(search: &Search) -> ProviderError {
    let mut message =
        "no Flyte endpoint is configured: set FLYTE_API_KEY or FLYTE_ADMIN_ENDPOINT, or write admin.endpoint to \
                       ~/.flyte/config.yaml"
            .to_owned();
    if let Some(found::Untrusted { path, .. }) = search.untrusted.first() {
        let shown = escape::printable(&path.display().to_string(), escape::MESSAGE_CAP);
        message =
            format!("no Flyte endpoint is configured, and {shown} is not trusted: name it once with FLYTECTL_CONFIG");
    }
    if let Some(file) = &search.file {
        message = format!("{message}; {} is read in their place, and names none", file.shown());
    }
    ProviderError::new(ErrorKind::Config, message).with_field("admin.endpoint")
}

/// The file of the authority (K5: it is the only way to trust another one than the system's).
fn ca_file(places: &Places<'_>) -> Result<Option<PathBuf>, ProviderError> {
    let file = places.text(&CA_FILE)?;
    if file.is_none() && places.flag(&INSECURE_SKIP_VERIFY)? {
        let message = "admin.insecureSkipVerify: certificates are always checked; name the file of the server's authority with \
                       admin.caCertFilePath";
        return Err(ProviderError::new(ErrorKind::Config, message).with_field(INSECURE_SKIP_VERIFY.name));
    }
    Ok(file.map(|file| below_working_dir(places.settings.surroundings(), &file)))
}

fn http_proxy(places: &Places<'_>) -> Result<Option<BaseUrl>, ProviderError> {
    let Some((text, found)) = places.word(&HTTP_PROXY)? else { return Ok(None) };
    // The proxy is asked for a tunnel, so nothing secret goes to it in plain text.
    BaseUrl::parse_plain_too(found.field, &text).map(Some).map_err(ProviderError::config)
}

/// An identifier that every request needs: `fallback` where it is not set.
fn identifier(places: &Places<'_>, key: &Key, fallback: Option<&str>) -> Result<String, ProviderError> {
    if let Some((text, found)) = places.word(key)? {
        return if is_identifier(&text) { Ok(text) } else { Err(found.refused_value(IDENTIFIER, &text)) };
    }
    let variable = key.variables.first().map_or(key.name, |info| info.name);
    let missing = || {
        let message = format!("{} is not set: set {variable}, or write it to ~/.flyte/config.yaml", key.name);
        ProviderError::new(ErrorKind::Config, message).with_field(key.name)
    };
    fallback.filter(|text| is_identifier(text)).map(str::to_owned).ok_or_else(missing)
}

fn is_identifier(text: &str) -> bool {
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && ends(text.bytes().next())
        && ends(text.bytes().next_back())
}

fn separated(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| c == ',' || c.is_whitespace());
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
