//! A provider for tests of the command: it does what a scenario file says and writes down each call.
//!
//! It keeps no contract by itself. That is its use: it fails, hangs, misses its deadline and hands out
//! sessions that do not fit, so that tests see what the command makes of it.

mod provider;
mod record;
mod scenario;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyssh_core::{ErrorKind, OptionInfo, ProviderError, ProviderInfo, SettingInfo, Settings, UntrustedFile};

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
        .with_directory(|settings| Ok(Arc::new(Guest::new(read(settings)?))))
        .with_untrusted_files(untrusted_files);

/// The file of the scenario that nobody trusted yet.
fn untrusted_files(settings: &Settings) -> Vec<UntrustedFile> {
    let scenario = read(settings).unwrap_or_default();
    let file = scenario.untrusted.filter(|path| !trusted(path).exists());
    let describe = |path: PathBuf| {
        let mark = trusted(&path);
        UntrustedFile::new(path, "It names the server \"evil\\x1b.example\"", move || File::create(&mark).map(drop))
    };
    file.into_iter().map(describe).collect()
}

/// The file that says that `path` is trusted.
#[must_use]
pub fn trusted(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".trusted");
    name.into()
}

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
