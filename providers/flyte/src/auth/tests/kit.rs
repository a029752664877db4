//! What the tests share: a control plane with an authorization server, and a user of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyssh_core::{Deadline, Progress, Settings, Surroundings};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::auth::kept::Tokens;
use crate::auth::{AuthError, Freshness, Token, TokenSource as _};
use crate::config::Config;
use crate::connect_rpc::ConnectClient;

pub(super) const SECRET: &str = "hunter22 %&";
const OAUTH2_METADATA: &str = "/flyteidl2.auth.AuthMetadataService/GetOAuth2Metadata";
const CLIENT_CONFIG: &str = "/flyteidl2.auth.AuthMetadataService/GetPublicClientConfig";

/// A control plane and the authorization server that it names, in one.
pub(super) struct Plane {
    pub(super) server: MockServer,
}

impl Plane {
    /// With these answers in place of the usual ones; `URI` in them is where the server is.
    pub(super) async fn with(metadata: Value, client: Value) -> Self {
        let server = MockServer::start().await;
        let uri = server.uri();
        let metadata: Value = serde_json::from_str(&metadata.to_string().replace("URI", &uri)).unwrap();
        let mut usual = json!({
            "authorizationEndpoint": format!("{uri}/authorize?tenant=1"),
            "tokenEndpoint": format!("{uri}/token"),
            "deviceAuthorizationEndpoint": format!("{uri}/device"),
        });
        merge(&mut usual, metadata);
        answer(&server, OAUTH2_METADATA, ResponseTemplate::new(200).set_body_json(usual)).await;
        let mut usual = json!({
            "clientId": "flytepropeller",
            "redirectUri": "http://localhost:53593/callback",
            "scopes": ["all", "offline"],
            "authorizationMetadataKey": "flyte-authorization",
            "audience": "https://acme.example",
        });
        merge(&mut usual, client);
        answer(&server, CLIENT_CONFIG, ResponseTemplate::new(200).set_body_json(usual)).await;
        Self { server }
    }

    pub(super) async fn new() -> Self {
        Self::with(json!({}), json!({})).await
    }

    /// Answers the token endpoint with these, one after the other; the last one from then on.
    pub(super) async fn tokens(self, answers: Vec<ResponseTemplate>) -> Self {
        let last = answers.len() - 1;
        for (number, response) in answers.into_iter().enumerate() {
            let times = if number == last { u64::MAX } else { 1 };
            let mock = Mock::given(method("POST")).and(path("/token")).respond_with(response);
            mock.up_to_n_times(times).mount(&self.server).await;
        }
        self
    }

    /// What was posted to this path, as texts.
    pub(super) async fn posted(&self, at: &str) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let here = requests.into_iter().filter(|request| request.url.path() == at);
        here.map(|request| String::from_utf8(request.body).unwrap()).collect()
    }

    pub(super) async fn discoveries(&self) -> usize {
        self.posted(CLIENT_CONFIG).await.len()
    }
}

pub(super) async fn answer(server: &MockServer, at: &str, response: ResponseTemplate) {
    Mock::given(method("POST")).and(path(at)).respond_with(response).mount(server).await;
}

fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else { return };
    into.as_object_mut().unwrap().extend(from);
}

/// Somebody with settings, a state directory and perhaps a browser.
pub(super) struct User {
    pub(super) scratch: TempDir,
    pub(super) settings: Vec<(String, String)>,
    pub(super) notes: Arc<Mutex<Vec<String>>>,
    pub(super) surroundings: Surroundings,
}

impl User {
    pub(super) fn of(plane: &Plane, settings: &[(&str, &str)]) -> Self {
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&notes);
        let surroundings = Surroundings::none()
            .with_variables(|name| (name == "MY_SECRET").then(|| SECRET.into()))
            .with_notes(Progress::new(move |note| heard.lock().unwrap().push(note.to_owned())));
        let uri = plane.server.uri();
        let usual = [
            ("FLYTE_ADMIN_ENDPOINT", uri.as_str()),
            ("FLYTE_TASK_ORG", "o"),
            ("FLYTE_TASK_PROJECT", "p"),
            ("FLYTE_TASK_DOMAIN", "d"),
        ];
        let settings = usual.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { scratch: TempDir::new().unwrap(), settings: settings.collect(), notes, surroundings }
    }

    /// One that logs in with a client's secret.
    pub(super) fn client(plane: &Plane) -> Self {
        Self::of(plane, &[("FLYTE_ADMIN_CLIENTID", "my client"), ("FLYTE_ADMIN_CLIENTSECRETENVVAR", "MY_SECRET")])
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn config(&self) -> Config {
        let settings = Settings::new()
            .with_state_dir(self.scratch.path().join("state"))
            .with_surroundings(self.surroundings.clone());
        let set = |settings: Settings, (name, value): &(String, String)| {
            settings.with_setting(name.clone(), value.clone().into())
        };
        Config::read(&self.settings.iter().fold(settings, set)).unwrap()
    }

    /// What a new process of this user has.
    pub(super) fn process(&self) -> Tokens {
        let config = self.config();
        let rpc = ConnectClient::anonymous(config.endpoint.http().unwrap()).behind(config.gateway.clone());
        Tokens::new(&config, rpc)
    }

    pub(super) async fn token(&self) -> Result<Token, AuthError> {
        self.process().token(soon(), Freshness::Kept).await
    }
}

pub(super) fn text(token: &Token) -> String {
    token.secret.expose_secret().to_owned()
}

pub(super) fn soon() -> Deadline {
    within(20_000)
}

pub(super) fn within(milliseconds: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_millis(milliseconds))
}

/// A token endpoint's answer.
pub(super) fn granted(token: &str, expires_in: Value) -> ResponseTemplate {
    let mut body = json!({"access_token": token, "token_type": "bearer"});
    if !expires_in.is_null() {
        body["expires_in"] = expires_in;
    }
    ResponseTemplate::new(200).set_body_json(body)
}

pub(super) fn refused(status: u16, error: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": error}))
}

/// A JWT that ends in so many seconds.
pub(super) fn jwt(name: &str, seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let payload = json!({"exp": now + seconds, "sub": name}).to_string();
    format!("e30.{}.c2ln", Base64UrlUnpadded::encode_string(payload.as_bytes()))
}
