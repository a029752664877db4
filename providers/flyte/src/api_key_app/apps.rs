//! The service that has the keys, which it calls apps (package `cloudidl.identity`), and who is asking.

use anyssh_core::{Deadline, ErrorKind, FieldError, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::ApiKey;
use crate::connect_rpc::{Code, Procedure, RpcError};
use crate::flyte::Flyte;

const APPS: &str = "cloudidl.identity.AppsService";
const GET: Procedure = Procedure::repeatable(APPS, "Get");
const CREATE: Procedure = Procedure::once(APPS, "Create");
const DELETE: Procedure = Procedure::repeatable(APPS, "Delete");
const USER_INFO: Procedure = Procedure::repeatable("flyteidl2.auth.IdentityService", "UserInfo");

const USER_HANDLE: &str = "1 to 63 letters, digits, '.', '_' or '-'";

/// The apps of one control plane and one organisation in it; it is empty where there is only one.
#[derive(Debug)]
pub(super) struct Apps<'a> {
    pub(super) flyte: &'a Flyte,
    pub(super) organization: String,
    pub(super) deadline: Deadline,
}

/// Why there is no new app.
pub(super) enum NotCreated {
    /// An app of this name is there; nobody can tell its secret any more.
    Taken(ProviderError),
    Other(ProviderError),
}

impl Apps<'_> {
    pub(super) async fn exists(&self, client_id: &str) -> Result<bool, ProviderError> {
        let rpc = self.flyte.control.rpc();
        match rpc.unary::<AppAnswer>(GET, &self.named(client_id), self.deadline).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(Code::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes an app that can log in to `endpoint`.
    pub(super) async fn create(&self, client_id: &str, endpoint: &str) -> Result<ApiKey, NotCreated> {
        let request = CreateRequest {
            organization: &self.organization,
            client_id,
            client_name: client_id,
            redirect_uris: ["http://localhost:8080/authorization-code/callback"],
            response_types: ["CODE"],
            grant_types: ["CLIENT_CREDENTIALS", "AUTHORIZATION_CODE"],
            token_endpoint_auth_method: "CLIENT_SECRET_BASIC",
            consent_method: "CONSENT_METHOD_REQUIRED",
        };
        let answer = self.flyte.control.rpc().unary(CREATE, &request, self.deadline).await;
        let AppAnswer { app } = answer.map_err(|error| not_created(client_id, error))?;
        // Whether it is new nobody knows, so it is not deleted.
        self.key(app, endpoint).map_err(|error| NotCreated::Other(left(client_id, "may have been made", error)))
    }

    fn key(&self, app: App, endpoint: &str) -> Result<ApiKey, ProviderError> {
        let missing = |field: &'static str| {
            let message = format!("{field} is missing from the app that was made");
            ProviderError::new(ErrorKind::Protocol, message).with_field(field)
        };
        let client_secret = app.client_secret.filter(|secret| !secret.expose_secret().is_empty());
        let key = ApiKey {
            endpoint: endpoint.to_owned(),
            client_id: Some(app.client_id).filter(|id| !id.is_empty()).ok_or_else(|| missing("client_id"))?,
            client_secret: client_secret.ok_or_else(|| missing("client_secret"))?,
            org: Some(self.organization.clone()).filter(|organization| !organization.is_empty()),
        };
        // What cannot be read back is of no use to anybody.
        ApiKey::decode("client_secret", &key.encode()).map_err(ProviderError::protocol)?;
        Ok(key)
    }

    /// Deletes an app that was made for nothing; if that fails too, the error says what is left (N4).
    pub(super) async fn take_back(&self, client_id: &str, error: ProviderError) -> ProviderError {
        let rpc = self.flyte.control.rpc();
        match rpc.unary::<serde_json::Value>(DELETE, &self.named(client_id), self.deadline).await {
            Ok(_) => error,
            Err(_) => left(client_id, "was made and is of no use", error),
        }
    }

    fn named(&self, client_id: &str) -> AppRequest {
        AppRequest { organization: self.organization.clone(), client_id: client_id.to_owned() }
    }
}

fn not_created(client_id: &str, error: RpcError) -> NotCreated {
    match error.code() {
        Some(Code::AlreadyExists) => NotCreated::Taken(error.into()),
        _ if error.may_have_arrived() => NotCreated::Other(left(client_id, "may have been made", error.into())),
        _ => NotCreated::Other(error.into()),
    }
}

/// The same error, with what it leaves at the provider.
fn left(client_id: &str, what: &str, error: ProviderError) -> ProviderError {
    let message = format!("{error}; the API key {client_id} {what}: end it with flyte delete api-key {client_id}");
    let (kind, field) = (error.kind(), error.field().map(str::to_owned));
    let named = ProviderError::new(kind, message).with_retryable(error.is_retryable()).with_source(error);
    match field {
        Some(field) => named.with_field(field),
        None => named,
    }
}

/// The handle of the user whose token is sent: the organisation on control planes that many share.
pub(super) async fn user_handle(flyte: &Flyte, deadline: Deadline) -> Result<String, ProviderError> {
    let answer: UserInfo = flyte.control.rpc().unary(USER_INFO, &crate::api::Nothing {}, deadline).await?;
    let handle = answer.additional_claims.userhandle;
    let is_plain = (1..=63).contains(&handle.len())
        && handle.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_plain {
        Ok(handle)
    } else {
        Err(ProviderError::protocol(FieldError::new("userhandle", USER_HANDLE, &handle)))
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AppRequest {
    organization: String,
    client_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateRequest<'a> {
    organization: &'a str,
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
pub(super) struct AppAnswer {
    app: App,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct App {
    #[serde(alias = "client_id")]
    client_id: String,
    #[serde(alias = "client_secret", deserialize_with = "optional_secret")]
    client_secret: Option<SecretString>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UserInfo {
    #[serde(alias = "additional_claims")]
    additional_claims: Claims,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Claims {
    userhandle: String,
}

fn optional_secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    anyssh_http::secret(deserializer).map(Some)
}
