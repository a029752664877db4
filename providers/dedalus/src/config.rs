//! Settings become typed values here, once, and nothing is requested. An error names the setting.

use anyssh_core::{FieldError, OptionInfo, ProviderError, SettingInfo, Settings};
use anyssh_http::{BaseUrl, Header, HttpClient};
use secrecy::ExposeSecret as _;

use crate::api;

const BASE_URL_DEFAULT: &str = "https://dcs.dedaluslabs.ai";

const API_KEY: SettingInfo = SettingInfo::optional(
    "DEDALUS_API_KEY",
    "an API key from the Dedalus dashboard, sent as bearer; this one or DEDALUS_X_API_KEY is needed",
)
.secret();
const X_API_KEY: SettingInfo =
    SettingInfo::optional("DEDALUS_X_API_KEY", "an API key that is sent as x-api-key").secret();
const BASE_URL: SettingInfo =
    SettingInfo::optional("DEDALUS_BASE_URL", "where the API is, if not at https://dcs.dedaluslabs.ai");
const ORG_ID: SettingInfo =
    SettingInfo::optional("DEDALUS_ORG_ID", "the organisation to act for, where a key has several");
const CUSTOM_HEADERS: SettingInfo =
    SettingInfo::optional("DEDALUS_CUSTOM_HEADERS", "more headers for every request, one `Name: value` on each line")
        .secret();

/// What is read from the environment or the configuration file.
pub(crate) const SETTINGS: &[SettingInfo] = &[API_KEY, X_API_KEY, BASE_URL, ORG_ID, CUSTOM_HEADERS];

/// What is taken on the command line.
pub(crate) const OPTIONS: &[OptionInfo] =
    &[OptionInfo::identity("identity", "Your own key instead of a fresh one: FILE.pub is read, ssh reads FILE")];

/// Headers that are ours to set: a custom one of these names would say something else than we mean.
const OURS: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "content-type",
    "idempotency-key",
    "user-agent",
    "x-api-key",
    "x-dedalus-org-id",
];

const CUSTOM: &str = "lines of `Name: value`, none of them a header that anyssh sets itself";

/// The API's client, as the settings have it.
pub(crate) fn http(settings: &Settings) -> Result<HttpClient, ProviderError> {
    if settings.setting(X_API_KEY.name).is_none() {
        // One of the two is needed; the message of the first names the other.
        settings.required(&API_KEY)?;
    }
    let base = text(settings, &BASE_URL).unwrap_or(BASE_URL_DEFAULT);
    let base = BaseUrl::parse(BASE_URL.name, base).map_err(ProviderError::config)?;
    let http =
        HttpClient::new(base).with_request_timeout(settings.request_timeout()).with_refusals_read_by(api::read_refusal);
    let headers = headers(settings).map_err(ProviderError::config)?;
    Ok(headers.into_iter().fold(http, HttpClient::with_header))
}

fn headers(settings: &Settings) -> Result<Vec<Header>, FieldError> {
    let mut headers = custom_headers(text(settings, &CUSTOM_HEADERS).unwrap_or_default())?;
    if let Some(key) = text(settings, &API_KEY) {
        headers.push(Header::secret(API_KEY.name, "authorization", format!("Bearer {key}").into())?);
    }
    if let Some(key) = settings.setting(X_API_KEY.name) {
        headers.push(Header::secret(X_API_KEY.name, "x-api-key", key.clone())?);
    }
    if let Some(organisation) = text(settings, &ORG_ID) {
        headers.push(Header::parse(ORG_ID.name, "x-dedalus-org-id", organisation)?);
    }
    Ok(headers)
}

/// Split at the first colon, both sides trimmed; empty lines are nothing. The values may be secrets.
fn custom_headers(lines: &str) -> Result<Vec<Header>, FieldError> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(custom_header).collect()
}

fn custom_header(line: &str) -> Result<Header, FieldError> {
    let refused = || FieldError::secret(CUSTOM_HEADERS.name, CUSTOM);
    let (name, value) = line.split_once(':').ok_or_else(refused)?;
    let (name, value) = (name.trim(), value.trim());
    if OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(FieldError::new(CUSTOM_HEADERS.name, CUSTOM, name));
    }
    Header::secret(CUSTOM_HEADERS.name, name, value.into())
}

fn text<'s>(settings: &'s Settings, info: &SettingInfo) -> Option<&'s str> {
    settings.setting(info.name).map(|value| value.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyssh_core::ErrorKind;

    fn with(settings: &[(&str, &str)]) -> Result<HttpClient, ProviderError> {
        let set = |all: Settings, (name, value): &(&str, &str)| all.with_setting(*name, (*value).into());
        http(&settings.iter().fold(Settings::new(), set))
    }

    #[test]
    fn one_of_the_two_keys_is_enough_and_none_is_an_error_that_names_both() {
        assert!(with(&[("DEDALUS_API_KEY", "k")]).is_ok() && with(&[("DEDALUS_X_API_KEY", "k")]).is_ok());
        let error = with(&[]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("DEDALUS_API_KEY")));
        assert!(error.to_string().contains("DEDALUS_X_API_KEY"), "{error}");
    }

    /// K6: a setting that does not fit is named, and its value is not shown.
    #[test]
    fn settings_that_do_not_fit_are_named_and_not_shown() {
        for (name, value) in [
            ("DEDALUS_API_KEY", "hunter22\n"),
            ("DEDALUS_API_KEY", "hunter22 "),
            ("DEDALUS_X_API_KEY", "hunter22\r\nhost: evil.example"),
            ("DEDALUS_BASE_URL", "http://hunter22.example"),
            ("DEDALUS_BASE_URL", "https://me:hunter22@dedalus.example"),
            ("DEDALUS_CUSTOM_HEADERS", "hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "x-a: b\nAuthorization: Bearer hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "X-API-Key : hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "idempotency-key: hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "host: hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "x y: hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", ": hunter22"),
            ("DEDALUS_CUSTOM_HEADERS", "x: hunter22\0"),
        ] {
            let error = with(&[("DEDALUS_API_KEY", "key"), (name, value)]).unwrap_err();
            assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some(name)), "{value:?}: {error}");
            assert!(!error.to_string().contains("hunter22") && !format!("{error:?}").contains("hunter22"), "{error}");
        }
        let error = with(&[("DEDALUS_API_KEY", "key"), ("DEDALUS_ORG_ID", "a\nb")]).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Config, Some("DEDALUS_ORG_ID")));
    }
}
