//! Which data plane serves a run: a control plane with several says so for each kind of request.

use anyssh_core::{Deadline, FieldError, Host};
use anyssh_http::BaseUrl;
use serde::{Deserialize, Serialize};

use crate::api::ControlPlane;
use crate::config::bare_endpoint;
use crate::connect_rpc::{Procedure, RpcError};
use crate::wire::{ActionIdentifier, ProjectIdentifier};

const SELECT_CLUSTER: Procedure = Procedure::repeatable("flyteidl2.cluster.ClusterService", "SelectCluster");

const FIELD: &str = "cluster_endpoint";

/// What a data plane is wanted for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// The inputs of an action.
    ReadData(ActionIdentifier),
    /// Inputs for a new run.
    WriteInputs(ProjectIdentifier),
}

/// The resource is a oneof: exactly one of the two is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<ActionIdentifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<ProjectIdentifier>,
    operation: &'static str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    #[serde(alias = "cluster_endpoint")]
    cluster_endpoint: String,
}

/// Where the data plane for this purpose is; `None` where it is the control plane itself, or where the
/// control plane knows of no others.
///
/// # Errors
/// The call's; what is no endpoint is one of the control plane's own.
pub(crate) async fn select(
    control: &ControlPlane,
    purpose: Purpose,
    base: &BaseUrl,
    deadline: Deadline,
) -> Result<Option<BaseUrl>, RpcError> {
    let request = match purpose {
        Purpose::ReadData(action) => {
            Request { action_id: Some(action), project_id: None, operation: "OPERATION_GET_ACTION_DATA" }
        }
        Purpose::WriteInputs(project) => {
            Request { action_id: None, project_id: Some(project), operation: "OPERATION_UPLOAD_INPUTS" }
        }
    };
    let answer: Answer = match control.rpc().unary(SELECT_CLUSTER, &request, deadline).await {
        Err(error) if error.is_unimplemented() => return Ok(None),
        answer => answer?,
    };
    if answer.cluster_endpoint.is_empty() {
        return Ok(None);
    }
    let found = parse(&answer.cluster_endpoint, base).map_err(RpcError::answered_wrongly)?;
    Ok(Some(found).filter(|found| found != base))
}

/// An endpoint as the control plane spells it: `dns:///host[:port]`, a URL, or the host alone. Plain `http`
/// stays on loopback, where the control plane itself is plain.
fn parse(text: &str, base: &BaseUrl) -> Result<BaseUrl, FieldError> {
    let bare = bare_endpoint(text);
    let scheme = if base.origin().starts_with("http:") { "http" } else { "https" };
    let url = format!("{scheme}://{bare}");
    // Where the user chose plain http beyond loopback no token is sent, to nobody.
    if base.keeps_secrets() { BaseUrl::parse(FIELD, &url) } else { BaseUrl::parse_plain_too(FIELD, &url) }
}

/// The host of a base URL, to be compared with others.
pub(crate) fn host(base: &BaseUrl) -> Result<Host, FieldError> {
    Host::parse(FIELD, base.host().trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Server, action, scope, within};
    use serde_json::{Value, json};

    async fn selected(answer: Value) -> Result<Option<String>, RpcError> {
        let server = Server::start(move |exchange| {
            let answer = answer.clone();
            async move {
                let request: Value = serde_json::from_slice(&exchange.body).unwrap();
                assert_eq!(request["operation"], "OPERATION_GET_ACTION_DATA");
                assert!(request["actionId"]["name"] == "a0" && request.get("projectId").is_none());
                let status = if answer.is_null() { 404 } else { 200 };
                exchange.json(status, &answer).await;
            }
        })
        .await;
        let base = BaseUrl::parse("endpoint", &server.uri).unwrap();
        let purpose = Purpose::ReadData(scope().action(&action()));
        let found = select(&server.control_plane(), purpose, &base, within(20)).await?;
        Ok(found.map(|url| url.to_string()))
    }

    #[tokio::test]
    async fn an_endpoint_is_read_in_every_spelling_and_none_is_the_control_plane() {
        for spelling in ["dns:///127.0.0.1:9", "https://127.0.0.1:9", "127.0.0.1:9"] {
            let found = selected(json!({"clusterEndpoint": spelling, "cluster": "c"})).await.unwrap();
            assert_eq!(found.as_deref(), Some("http://127.0.0.1:9"), "{spelling}");
        }
        assert_eq!(selected(json!({})).await.unwrap(), None);
        assert_eq!(selected(Value::Null).await.unwrap(), None, "a control plane without the service");
    }

    /// A control plane that the user reaches by plain http beyond loopback may name itself; elsewhere `http`
    /// becomes `https`.
    #[test]
    fn the_scheme_is_that_of_the_control_plane() {
        let plain = BaseUrl::parse_plain_too("endpoint", "http://flyte.internal:8089").unwrap();
        for text in ["flyte.internal:8089", "dns:///flyte.internal:8089", "http://flyte.internal:8089/"] {
            assert_eq!(parse(text, &plain).as_ref(), Ok(&plain), "{text}");
        }
        let tls = BaseUrl::parse("endpoint", "https://acme.example").unwrap();
        assert_eq!(parse("http://d.acme.example", &tls).unwrap().to_string(), "https://d.acme.example");
    }

    /// K5: where the control plane is plain loopback, a host elsewhere is not spoken to in plain text.
    #[tokio::test]
    async fn an_endpoint_that_is_none_is_refused() {
        for text in ["evil.example", "a b", "u@127.0.0.1"] {
            let error = selected(json!({"clusterEndpoint": text})).await.unwrap_err();
            assert!(error.to_string().starts_with("cluster_endpoint: expected"), "{error}");
        }
    }
}
