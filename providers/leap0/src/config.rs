//! Settings become typed values here, once, and nothing is requested. An error names the setting.

use anyssh_core::ssh_key::HashAlg;
use anyssh_core::{ErrorKind, FieldError, Host, ProviderError, SettingInfo, Settings};
use anyssh_http::{BaseUrl, Header, HttpClient};
use secrecy::ExposeSecret as _;

use crate::api;
use crate::generations::{Generation, Generations};
use crate::memory::Memory;
use crate::trust::Trust;

const BASE_URL_DEFAULT: &str = "https://api.leap0.dev";
const SANDBOX_DOMAIN_DEFAULT: &str = "sandbox.leap0.dev";

const API_KEY: SettingInfo =
    SettingInfo::required("LEAP0_API_KEY", "an API key from the Leap0 dashboard, with or without `Bearer `").secret();
const BASE_URL: SettingInfo =
    SettingInfo::optional("LEAP0_BASE_URL", "where the API is, if not at https://api.leap0.dev");
const SANDBOX_DOMAIN: SettingInfo =
    SettingInfo::optional("LEAP0_SANDBOX_DOMAIN", "the domain of the sandboxes, if not sandbox.leap0.dev");
const API: SettingInfo = SettingInfo::optional(
    "ANYSSH_LEAP0_API",
    "the generation of the API: auto, 1 (one credential for each sandbox) or 2 (many); auto finds out",
);
const AUTH_HEADER: SettingInfo = SettingInfo::optional(
    "ANYSSH_LEAP0_AUTH_HEADER",
    "the header that carries the key: authorization, or leap0-authorization where a proxy keeps the other for itself",
);

/// What is read from the environment or the configuration file.
pub(crate) const SETTINGS: &[SettingInfo] = &[API_KEY, BASE_URL, SANDBOX_DOMAIN, API, AUTH_HEADER];

/// The two headers that Leap0 takes a key in; the first is what is sent if nothing is said.
const AUTH_HEADERS: [&str; 2] = ["authorization", "leap0-authorization"];

const SCHEME: &str = "Bearer ";

/// What the settings say.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) http: HttpClient,
    pub(crate) generations: Generations,
    pub(crate) trust: Trust,
}

impl Config {
    pub(crate) fn read(settings: &Settings) -> Result<Self, ProviderError> {
        let key = api_key(settings)?;
        let base = text(settings, &BASE_URL).unwrap_or(BASE_URL_DEFAULT);
        let base = BaseUrl::parse(BASE_URL.name, base).map_err(ProviderError::config)?;
        let domain = text(settings, &SANDBOX_DOMAIN).unwrap_or(SANDBOX_DOMAIN_DEFAULT);
        let domain = Host::parse(SANDBOX_DOMAIN.name, domain).map_err(ProviderError::config)?;
        let header = header(settings, key).map_err(ProviderError::config)?;
        let generations = match fixed(settings).map_err(ProviderError::config)? {
            Some(generation) => Generations::fixed(generation),
            None => Generations::auto(Memory::of(settings.state_dir(), &base)),
        };
        let trust = Trust::new(&base, domain, &account(key));
        let http = HttpClient::new(base)
            .with_request_timeout(settings.request_timeout())
            .with_refusals_read_by(api::read_refusal)
            .with_header(header);
        Ok(Self { http, generations, trust })
    }
}

/// The key alone: blanks around it and a `Bearer` that came with it are not part of it.
fn api_key(settings: &Settings) -> Result<&str, ProviderError> {
    let key = settings.required(&API_KEY)?.expose_secret().trim();
    let bare = match key.split_at_checked(SCHEME.len()) {
        Some((scheme, bare)) if scheme.eq_ignore_ascii_case(SCHEME) => bare.trim_start(),
        _ if key.eq_ignore_ascii_case(SCHEME.trim_end()) => "",
        _ => key,
    };
    if bare.is_empty() {
        let message = format!("{} is not set: {}", API_KEY.name, API_KEY.help);
        return Err(ProviderError::new(ErrorKind::Config, message).with_field(API_KEY.name));
    }
    Ok(bare)
}

fn header(settings: &Settings, key: &str) -> Result<Header, FieldError> {
    let name = text(settings, &AUTH_HEADER).unwrap_or(AUTH_HEADERS[0]);
    if !AUTH_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(FieldError::new(AUTH_HEADER.name, "authorization or leap0-authorization", name));
    }
    Header::secret(API_KEY.name, name, format!("{SCHEME}{key}").into())
}

fn fixed(settings: &Settings) -> Result<Option<Generation>, FieldError> {
    match text(settings, &API).unwrap_or("auto") {
        "auto" => Ok(None),
        "1" => Ok(Some(Generation::One)),
        "2" => Ok(Some(Generation::Two)),
        other => Err(FieldError::new(API.name, "auto, 1 or 2", other)),
    }
}

/// Tells one key's account from another's, and not what the key is.
fn account(key: &str) -> Vec<u8> {
    HashAlg::Sha256.digest(key.as_bytes())
}

/// A setting without the blanks around it; only blanks is nothing, as in Leap0's own clients.
fn text<'s>(settings: &'s Settings, info: &SettingInfo) -> Option<&'s str> {
    settings.setting(info.name).map(|value| value.expose_secret().trim()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[(&str, &str)]) -> Result<Config, ProviderError> {
        let set = |all: Settings, (name, value): &(&str, &str)| all.with_setting(*name, (*value).into());
        Config::read(&settings.iter().fold(Settings::new(), set))
    }

    #[test]
    fn a_key_is_needed_and_blanks_or_a_bare_scheme_are_none() {
        for key in ["", "  ", "Bearer", "bearer  "] {
            let error = with(&[("LEAP0_API_KEY", key)]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("LEAP0_API_KEY")), "{key:?}");
            assert!(error.to_string().contains("LEAP0_API_KEY is not set"), "{error}");
        }
    }

    #[test]
    fn blanks_around_settings_and_the_final_slash_are_dropped() {
        let config = with(&[
            ("LEAP0_API_KEY", " k1234567\n"),
            ("LEAP0_BASE_URL", " https://leap0.example/ "),
            ("LEAP0_SANDBOX_DOMAIN", " Sandbox.Example "),
            ("ANYSSH_LEAP0_API", " 2 "),
            ("ANYSSH_LEAP0_AUTH_HEADER", "Leap0-Authorization"),
        ])
        .unwrap();
        assert_eq!(config.http.base_url().to_string(), "https://leap0.example");
        assert_eq!(config.generations.known(), Some(Generation::Two));
    }

    /// K6: a setting that does not fit is named, and a secret one is not shown.
    #[test]
    fn a_setting_that_does_not_fit_is_named() {
        for (name, value) in [
            ("LEAP0_API_KEY", "hunter22\nhost: evil.example"),
            ("LEAP0_BASE_URL", "http://hunter22.example"),
            ("LEAP0_BASE_URL", "https://me:hunter22@leap0.example"),
            ("LEAP0_SANDBOX_DOMAIN", "a b"),
            ("LEAP0_SANDBOX_DOMAIN", "https://sandbox.example"),
            ("LEAP0_SANDBOX_DOMAIN", "*.sandbox.example"),
            ("ANYSSH_LEAP0_API", "3"),
            ("ANYSSH_LEAP0_API", "Auto"),
            ("ANYSSH_LEAP0_AUTH_HEADER", "x-api-key"),
            ("ANYSSH_LEAP0_AUTH_HEADER", "authorization\r\nx: y"),
        ] {
            let error = with(&[("LEAP0_API_KEY", "key"), (name, value)]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some(name)), "{value:?}: {error}");
            assert!(!error.to_string().contains("hunter22") && !format!("{error:?}").contains("hunter22"), "{error}");
        }
    }
}
