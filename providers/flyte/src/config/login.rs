//! How the user logs in, as the configuration says it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyssh_core::{ErrorKind, ProviderError, Surroundings, escape};
use secrecy::{ExposeSecret as _, SecretString};

use super::api_key::ApiKey;
use super::names::{CLIENT_ID, COMMAND, LOGIN, SECRET_FILE, SECRET_VARIABLE};
use super::small_file;
use super::values::Places;

/// The largest file of a client's secret, in bytes.
const LARGEST_SECRET: u64 = 64 * 1024;

const EXPECTED: &str = "Pkce, DeviceFlow, ClientSecret, ExternalCommand or Passthrough";

/// A way to log in.
#[derive(Clone)]
pub(crate) enum Login {
    /// In the system's browser (RFC 7636).
    Pkce,
    /// In any browser, with a code to type (RFC 8628).
    DeviceFlow,
    /// With a client's own credentials (RFC 6749 §4.4).
    ClientSecret { id: String, secret: SecretString },
    /// With what a command prints.
    ExternalCommand(Vec<String>),
    /// Not at all.
    Passthrough,
}

impl Login {
    /// The login that an API key is.
    pub(crate) fn with_api_key(key: &ApiKey) -> Self {
        Self::ClientSecret { id: key.client_id.clone(), secret: key.client_secret.clone() }
    }

    /// Whether somebody sits there and logs in.
    pub(crate) fn has_user(&self) -> bool {
        matches!(self, Self::Pkce | Self::DeviceFlow)
    }

    /// Reads the login from the settings and the file.
    pub(crate) fn read(places: &Places<'_>) -> Result<Self, ProviderError> {
        let named = match places.word(&LOGIN)? {
            Some((text, found)) => Some(Kind::parse(&text).ok_or_else(|| found.refused_value(EXPECTED, &text))?),
            None => None,
        };
        // As with Flyte's own client, a client's secret that is there is used, whatever the type says.
        if let Some(secret) = client_secret(places, named)? {
            return Ok(Self::ClientSecret { id: client_id(places)?, secret });
        }
        match named.unwrap_or(Kind::Pkce) {
            Kind::Pkce => Ok(Self::Pkce),
            Kind::DeviceFlow => Ok(Self::DeviceFlow),
            Kind::Passthrough => Ok(Self::Passthrough),
            Kind::ClientSecret => Err(missing(SECRET_FILE.name, "authType ClientSecret needs the client's secret")),
            Kind::ExternalCommand => {
                let command = places.command(&COMMAND)?;
                let missing =
                    || missing(COMMAND.name, "authType ExternalCommand needs the command that prints a token");
                command.map(Self::ExternalCommand).ok_or_else(missing)
            }
        }
    }
}

impl fmt::Debug for Login {
    /// A command may hold a secret, so it is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pkce => f.write_str("Pkce"),
            Self::DeviceFlow => f.write_str("DeviceFlow"),
            Self::ClientSecret { id, .. } => write!(f, "ClientSecret({id:?}, ***)"),
            Self::ExternalCommand(_) => f.write_str("ExternalCommand(***)"),
            Self::Passthrough => f.write_str("Passthrough"),
        }
    }
}

/// What `authType` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pkce,
    DeviceFlow,
    ClientSecret,
    ExternalCommand,
    Passthrough,
}

impl Kind {
    /// The spellings of the files and of Flyte's command line, in any case.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "pkce" => Some(Self::Pkce),
            "deviceflow" | "headless" => Some(Self::DeviceFlow),
            "clientsecret" | "appcredential" => Some(Self::ClientSecret),
            "externalcommand" | "command" | "custom" => Some(Self::ExternalCommand),
            "passthrough" => Some(Self::Passthrough),
            _ => None,
        }
    }
}

fn client_id(places: &Places<'_>) -> Result<String, ProviderError> {
    places.text(&CLIENT_ID)?.ok_or_else(|| missing(CLIENT_ID.name, "a client's secret is set, and its id is not"))
}

/// The secret in the variable that is named, else in the file that is named.
fn client_secret(places: &Places<'_>, kind: Option<Kind>) -> Result<Option<SecretString>, ProviderError> {
    let surroundings = places.settings.surroundings();
    let variable = places.text(&SECRET_VARIABLE)?;
    if let Some(secret) = variable.as_ref().and_then(|name| surroundings.variable(name)) {
        return checked(SECRET_VARIABLE.name, secret.expose_secret()).map(Some);
    }
    if let Some(file) = places.text(&SECRET_FILE)? {
        return read_secret(surroundings, &file).map(Some);
    }
    match (variable, kind) {
        (Some(name), None | Some(Kind::ClientSecret)) => {
            let shown = escape::printable(&name, escape::MESSAGE_CAP);
            Err(missing(SECRET_VARIABLE.name, &format!("it names {shown}, which is not set here")))
        }
        _ => Ok(None),
    }
}

fn read_secret(surroundings: &Surroundings, file: &str) -> Result<SecretString, ProviderError> {
    let path = below_working_dir(surroundings, file);
    let unreadable = |why: &str| {
        let shown = escape::printable(&path.display().to_string(), escape::MESSAGE_CAP);
        let message = format!("{}: {shown} cannot be read: {why}", SECRET_FILE.name);
        ProviderError::new(ErrorKind::Config, message).with_field(SECRET_FILE.name)
    };
    let bytes = small_file::read(&path, LARGEST_SECRET).map_err(|error| unreadable(&error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    checked(SECRET_FILE.name, text.trim_end_matches(['\r', '\n']))
}

fn checked(field: &'static str, secret: &str) -> Result<SecretString, ProviderError> {
    if secret.is_empty() || secret.contains(char::is_control) {
        return Err(missing(field, "expected a secret on one line"));
    }
    Ok(secret.into())
}

/// `path` as it is meant from the working directory.
pub(crate) fn below_working_dir(surroundings: &Surroundings, path: &str) -> PathBuf {
    surroundings.working_dir().unwrap_or(Path::new(".")).join(path)
}

fn missing(field: &'static str, why: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Config, format!("{field}: {why}")).with_field(field)
}
