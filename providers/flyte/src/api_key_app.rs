//! A long-lived API key of the user's own, for what must not ask for a login: made once, kept, looked up.

use std::io;
use std::path::Path;

use anyssh_core::{Deadline, ErrorKind, ProviderError, escape};
use anyssh_private_dir::PrivateDir;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::ApiKey;
use crate::connect_rpc::{Code, Procedure};
use crate::error::local;
use crate::flyte::Flyte;
use crate::keypair;

const APPS: &str = "cloudidl.identity.AppsService";
const GET: Procedure = Procedure::repeatable(APPS, "Get");
const CREATE: Procedure = Procedure::once(APPS, "Create");

/// Where Flyte's own client keeps it, too.
const FILE: &str = "api-key";

/// No key comes near this, in bytes.
const LARGEST: usize = 8192;

/// The name that Flyte's own client gives it.
pub(crate) const DEFAULT_NAME: &str = "flyte-ssh-debug";

const EXPECTED_NAME: &str = "a name with at least one letter or digit";

/// The key in `~/.flyte/ssh-debug/api-key` if the control plane still knows it, else a new one that is kept there.
///
/// A key that cannot be looked up right now is not a key that is gone: then this is an error. A key of
/// another control plane in that file stays; this one's is kept beside it.
pub(crate) async fn ensure(flyte: &Flyte, name: &str, deadline: Deadline) -> Result<SecretString, ProviderError> {
    let base = flyte.config.endpoint.base_url.to_string();
    if is_serverless(flyte.config.endpoint.base_url.host()) {
        let message = "Union's serverless control planes name API keys after a user, which anyssh does not do yet: \
                       make one with Flyte's own client and set FLYTE_API_KEY";
        return Err(ProviderError::unsupported(message));
    }
    let name = client_id(name)?;
    let dir = keypair::directory(flyte.home()?)?;
    let place = Place::find(&dir, &base)?;
    if let Some((text, key)) = &place.kept
        && exists(flyte, &key.client_id, deadline).await?
    {
        return Ok(text.clone());
    }
    let key = create(flyte, &name, &base, deadline).await?.encode();
    place.keep(&dir, &key)?;
    Ok(key)
}

/// The file for the keys of one control plane, and what is in it.
#[derive(Debug)]
struct Place {
    file: String,
    kept: Option<(SecretString, ApiKey)>,
}

impl Place {
    fn find(dir: &PrivateDir, base: &str) -> Result<Self, ProviderError> {
        let shared = read(dir, FILE)?;
        if shared.as_ref().is_none_or(|(_, key)| is_for(key, base)) {
            return Ok(Self { file: FILE.to_owned(), kept: shared });
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
        let file: String = format!("{FILE}-{}", bare(base)).chars().map(plain).collect();
        let kept = read(dir, &file)?.filter(|(_, key)| is_for(key, base));
        Ok(Self { file, kept })
    }

    fn keep(&self, dir: &PrivateDir, key: &SecretString) -> Result<(), ProviderError> {
        let placed = dir.replace_file(&self.file, key.expose_secret().as_bytes());
        placed.map_err(|error| local(&shown(dir, &self.file), error))
    }
}

fn read(dir: &PrivateDir, file: &str) -> Result<Option<(SecretString, ApiKey)>, ProviderError> {
    let what = shown(dir, file);
    let Some(bytes) = dir.read_file(file, LARGEST).map_err(|error| local(&what, error))? else { return Ok(None) };
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "it holds no API key; move it away");
    let text = String::from_utf8(bytes).map_err(|_| local(&what, unreadable()))?;
    let text = SecretString::from(text.trim());
    let key = ApiKey::decode(FILE, &text).map_err(|_| local(&what, unreadable()))?;
    Ok(Some((text, key)))
}

fn shown(dir: &PrivateDir, file: &str) -> String {
    escape::printable(&dir.path().join(Path::new(file)).display().to_string(), escape::MESSAGE_CAP)
}

fn is_for(key: &ApiKey, base: &str) -> bool {
    bare(&key.endpoint).eq_ignore_ascii_case(bare(base))
}

fn bare(endpoint: &str) -> &str {
    let schemes = ["https://", "http://", "dns:///"];
    schemes.iter().find_map(|scheme| endpoint.strip_prefix(scheme)).unwrap_or(endpoint)
}

fn is_serverless(host: &str) -> bool {
    host.starts_with("serverless") && host.ends_with(".s.union.ai")
}

/// Lower case, with `-` for each run of other characters.
fn client_id(name: &str) -> Result<String, ProviderError> {
    let mut id = String::new();
    for c in name.to_ascii_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => id.push(c),
            _ if id.ends_with('-') => {}
            _ => id.push('-'),
        }
    }
    if id.len() <= 63 && id.contains(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(ProviderError::usage(anyssh_core::FieldError::new("name", EXPECTED_NAME, name)))
}

async fn exists(flyte: &Flyte, client_id: &str, deadline: Deadline) -> Result<bool, ProviderError> {
    let request = GetRequest { organization: String::new(), client_id: client_id.to_owned() };
    match flyte.control.rpc().unary::<AppAnswer>(GET, &request, deadline).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the app. Where its name is taken, its secret is lost: the control plane tells it once. Then the
/// app stays, and another one gets a name of its own.
async fn create(flyte: &Flyte, name: &str, base: &str, deadline: Deadline) -> Result<ApiKey, ProviderError> {
    let answer = match post(flyte, name, deadline).await {
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let other = format!("{name}-{:08x}", rand::random::<u32>());
            post(flyte, &other, deadline).await?
        }
        answer => answer?,
    };
    let missing = |field: &'static str| {
        let message = format!("{field} is missing from the app that was made");
        ProviderError::new(ErrorKind::Protocol, message).with_field(field)
    };
    let client_secret = answer.app.client_secret.filter(|secret| !secret.expose_secret().is_empty());
    let key = ApiKey {
        endpoint: base.to_owned(),
        client_id: Some(answer.app.client_id).filter(|id| !id.is_empty()).ok_or_else(|| missing("client_id"))?,
        client_secret: client_secret.ok_or_else(|| missing("client_secret"))?,
        org: None,
    };
    // What cannot be read back is of no use to anybody.
    ApiKey::decode("client_secret", &key.encode()).map_err(ProviderError::protocol)?;
    Ok(key)
}

async fn post(flyte: &Flyte, name: &str, deadline: Deadline) -> Result<AppAnswer, ProviderError> {
    let request = CreateRequest {
        client_id: name,
        client_name: name,
        redirect_uris: ["http://localhost:8080/authorization-code/callback"],
        response_types: ["CODE"],
        grant_types: ["CLIENT_CREDENTIALS", "AUTHORIZATION_CODE"],
        token_endpoint_auth_method: "CLIENT_SECRET_BASIC",
        consent_method: "CONSENT_METHOD_REQUIRED",
    };
    Ok(flyte.control.rpc().unary(CREATE, &request, deadline).await?)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GetRequest {
    organization: String,
    client_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest<'a> {
    client_id: &'a str,
    client_name: &'a str,
    redirect_uris: [&'static str; 1],
    response_types: [&'static str; 1],
    grant_types: [&'static str; 2],
    token_endpoint_auth_method: &'static str,
    consent_method: &'static str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AppAnswer {
    app: App,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    client_id: String,
    #[serde(deserialize_with = "optional_secret")]
    client_secret: Option<SecretString>,
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    anyssh_http::secret(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Exchange, Server, flyte_in, within};

    /// A control plane with one app, `known`; names that begin with `taken` are taken.
    async fn server() -> Server {
        Server::start(|exchange: Exchange| async move {
            let request: Value = serde_json::from_slice(&exchange.body).unwrap();
            let id = request["clientId"].as_str().unwrap().to_owned();
            match exchange.method.as_str() {
                "Get" if id == "away" => exchange.json(403, &json!({"code": "permission_denied"})).await,
                "Get" if id == "gone" => exchange.json(404, &json!({"code": "not_found"})).await,
                "Get" => exchange.json(200, &json!({"app": {"clientId": id}})).await,
                "Create" if id == "taken" => exchange.json(409, &json!({"code": "already_exists"})).await,
                "Create" => {
                    assert_eq!(request["tokenEndpointAuthMethod"], "CLIENT_SECRET_BASIC");
                    exchange.json(200, &json!({"app": {"clientId": id, "clientSecret": "s3cret-of-it"}})).await;
                }
                _ => exchange.json(404, &Value::Null).await,
            }
        })
        .await
    }

    fn key(endpoint: &str, client_id: &str) -> SecretString {
        let client_secret = "s3cret".into();
        ApiKey { endpoint: endpoint.to_owned(), client_id: client_id.to_owned(), client_secret, org: None }.encode()
    }

    fn keep(home: &Path, key: &SecretString) {
        keypair::directory(home).unwrap().replace_file(FILE, key.expose_secret().as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn a_key_is_made_once_kept_for_us_alone_and_found_again() {
        let (server, home) = (server().await, tempfile::tempdir().unwrap());
        let flyte = flyte_in(&server, home.path());
        let first = ensure(&flyte, "My Key!", within(20)).await.unwrap();
        let decoded = ApiKey::decode("key", &first).unwrap();
        assert_eq!(decoded.client_id, "my-key-");
        assert!(server.uri.ends_with(&decoded.endpoint));
        let file = home.path().join(".flyte").join("ssh-debug").join("api-key");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), first.expose_secret());
        let again = ensure(&flyte, "My Key!", within(20)).await.unwrap();
        assert_eq!(again.expose_secret(), first.expose_secret());
        assert_eq!((server.count("Create"), server.count("Get")), (1, 1));
    }

    #[tokio::test]
    async fn a_key_that_is_gone_is_replaced_and_one_that_cannot_be_looked_up_is_not() {
        let (server, home) = (server().await, tempfile::tempdir().unwrap());
        let flyte = flyte_in(&server, home.path());
        keep(home.path(), &key(&server.uri, "away"));
        let error = ensure(&flyte, "k", within(20)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Forbidden && server.count("Create") == 0, "{error}");
        keep(home.path(), &key(&server.uri, "gone"));
        let made = ensure(&flyte, "k", within(20)).await.unwrap();
        assert_eq!(ApiKey::decode("key", &made).unwrap().client_id, "k");
    }

    #[tokio::test]
    async fn a_name_that_is_taken_gets_a_number_and_a_key_of_elsewhere_stays() {
        let (server, home) = (server().await, tempfile::tempdir().unwrap());
        let flyte = flyte_in(&server, home.path());
        let elsewhere = key("other.example.org", "known");
        keep(home.path(), &elsewhere);
        let made = ensure(&flyte, "taken", within(20)).await.unwrap();
        let id = ApiKey::decode("key", &made).unwrap().client_id;
        assert!(id.starts_with("taken-") && id.len() == "taken-".len() + 8, "{id}");
        let dir = keypair::directory(home.path()).unwrap();
        assert_eq!(dir.read_file(FILE, LARGEST).unwrap().unwrap(), elsewhere.expose_secret().as_bytes());
        assert_eq!(ensure(&flyte, "taken", within(20)).await.unwrap().expose_secret(), made.expose_secret());
    }

    /// K6: what is no key is named, and neither it nor the secret of an app is shown.
    #[tokio::test]
    async fn a_file_that_is_no_key_is_named_and_not_shown() {
        let (server, home) = (server().await, tempfile::tempdir().unwrap());
        keep(home.path(), &"hunter22".into());
        let error = ensure(&flyte_in(&server, home.path()), "k", within(20)).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Local && error.to_string().contains("api-key"), "{error}");
        assert!(!error.to_string().contains("hunter22"));
        let app: AppAnswer = serde_json::from_value(json!({"app": {"clientSecret": "hunter22"}})).unwrap();
        assert!(!format!("{app:?}").contains("hunter22"));
        assert_eq!(client_id("--").unwrap_err().kind(), ErrorKind::Usage);
    }
}
