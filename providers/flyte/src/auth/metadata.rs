//! What the control plane says about logging in: two RPCs that anybody may call.

use anyssh_core::{Deadline, FieldError, ProviderError};
use anyssh_http::Header;
use serde::Deserialize;

use crate::api::Nothing;
use crate::connect_rpc::{ConnectClient, Procedure, RpcError};

const SERVICE: &str = "flyteidl2.auth.AuthMetadataService";
const OAUTH2_METADATA: Procedure = Procedure::repeatable(SERVICE, "GetOAuth2Metadata");
const PUBLIC_CLIENT_CONFIG: Procedure = Procedure::repeatable(SERVICE, "GetPublicClientConfig");

/// The header of RPCs where the control plane names none.
const DEFAULT_HEADER: &str = "authorization";

/// The answers of both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    pub(crate) server: OAuth2Metadata,
    pub(crate) client: PublicClientConfig,
}

/// Where tokens come from (RFC 8414 has the names).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct OAuth2Metadata {
    #[serde(alias = "authorization_endpoint")]
    pub(crate) authorization_endpoint: String,
    #[serde(alias = "token_endpoint")]
    pub(crate) token_endpoint: String,
    #[serde(alias = "device_authorization_endpoint")]
    pub(crate) device_authorization_endpoint: String,
}

/// What a client without a secret is to say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PublicClientConfig {
    #[serde(alias = "client_id")]
    pub(crate) client_id: String,
    #[serde(alias = "redirect_uri")]
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    #[serde(alias = "authorization_metadata_key")]
    authorization_metadata_key: String,
    pub(crate) audience: String,
    /// The domain that the control plane's data planes are under, where it names one.
    #[serde(alias = "dataplane_domain")]
    pub(crate) dataplane_domain: String,
}

impl PublicClientConfig {
    /// Asks the control plane.
    pub(crate) async fn ask(rpc: &ConnectClient, deadline: Deadline) -> Result<Self, RpcError> {
        rpc.unary(PUBLIC_CLIENT_CONFIG, &Nothing {}, deadline).await
    }
}

impl Metadata {
    /// Asks the control plane, both at once.
    pub(crate) async fn discover(rpc: &ConnectClient, deadline: Deadline) -> Result<Self, RpcError> {
        let (server, client) = tokio::try_join!(
            rpc.unary(OAUTH2_METADATA, &Nothing {}, deadline),
            PublicClientConfig::ask(rpc, deadline),
        )?;
        Ok(Self { server, client })
    }

    /// The name of the header that RPCs carry the token in.
    ///
    /// # Errors
    /// Of kind `Protocol` for a name that is none.
    pub(crate) fn rpc_header(&self) -> Result<String, ProviderError> {
        match self.client.authorization_metadata_key.as_str() {
            "" => Ok(DEFAULT_HEADER.to_owned()),
            name => parse_header(name).map_err(ProviderError::protocol),
        }
    }
}

/// A header's name that may carry a token: one that a connection itself uses may not.
pub(crate) fn parse_header(name: &str) -> Result<String, FieldError> {
    Header::parse("authorization_metadata_key", name, "Bearer").map(|_| name.to_ascii_lowercase())
}
