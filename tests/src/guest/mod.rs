//! A provider for tests of the command: it does what a scenario file says and writes down each call.
//!
//! It keeps no contract by itself. That is its use: it fails, hangs, misses its deadline and hands out
//! sessions that do not fit, so that tests see what the command makes of it.

mod provider;
mod record;
mod scenario;

use std::sync::Arc;

use anyssh_core::{ErrorKind, OptionInfo, ProviderError, ProviderInfo, SettingInfo, Settings};

pub use record::{Call, calls};
pub use scenario::{Act, KINDS, Left, Scenario, SessionPart, Trust};

use provider::Guest;

/// The name of the setting that is a secret.
pub const API_KEY: &str = "GUEST_API_KEY";

/// The name of the setting that holds the path of the scenario.
pub const SCENARIO: &str = "GUEST_SCENARIO";

const KEY: SettingInfo = SettingInfo::required(API_KEY, "any word; not needed with --anonymous").secret();
const FILE: SettingInfo = SettingInfo::optional(SCENARIO, "path of a scenario file");

/// What this provider is.
pub static PROVIDER: ProviderInfo =
    ProviderInfo::new("guest", "Somebody else's provider", |settings| Ok(Arc::new(Guest::new(read(settings)?))))
        .with_target_form("ROOM")
        .with_target_noun("room")
        .with_settings(&[KEY, FILE])
        .with_options(&[
            OptionInfo::value("colour", "NAME", "Written down with each create"),
            OptionInfo::flag("flag", "Written down with each create"),
            OptionInfo::flag("anonymous", "Go without a key"),
        ])
        .with_directory(|settings| Ok(Arc::new(Guest::new(read(settings)?))));

/// The scenario, with what the options say.
fn read(settings: &Settings) -> Result<Scenario, ProviderError> {
    if !settings.flag("anonymous") {
        settings.required(&KEY)?;
    }
    let mut scenario = match text(settings, SCENARIO) {
        None => Scenario::default(),
        Some(path) => Scenario::read(path.as_ref()).map_err(|error| {
            ProviderError::new(ErrorKind::Config, format!("{SCENARIO}: {error}")).with_field(SCENARIO)
        })?,
    };
    scenario.colour = settings.option("colour").map(str::to_owned);
    scenario.flag = settings.flag("flag");
    scenario.request_timeout_ms = u64::try_from(settings.request_timeout().as_millis()).unwrap_or(u64::MAX);
    Ok(scenario)
}

fn text(settings: &Settings, name: &str) -> Option<String> {
    use secrecy::ExposeSecret as _;
    settings.setting(name).map(|value| value.expose_secret().to_owned())
}
