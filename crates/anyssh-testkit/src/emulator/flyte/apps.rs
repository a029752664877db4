//! API keys: clients of the authorization server, which the vendor calls apps.

use serde_json::{Value, json};

use super::calls::text;
use super::failure::{Failure, RpcCode};
use super::state::State;

pub(super) fn create(state: &mut State, input: &Value) -> Result<Value, Failure> {
    let id = text(input, "clientId");
    if id.is_empty() || text(input, "clientName").is_empty() {
        return Err(Failure::invalid("clientId and clientName are needed"));
    }
    if state.oauth.clients.contains_key(id) {
        return Err(Failure::new(RpcCode::AlreadyExists, format!("app {id} is there already")));
    }
    let grants = input["grantTypes"].as_array().is_some_and(|all| all.contains(&"CLIENT_CREDENTIALS".into()));
    if !grants || text(input, "tokenEndpointAuthMethod") != "CLIENT_SECRET_BASIC" {
        return Err(Failure::invalid("what is no use to anybody: CLIENT_CREDENTIALS with CLIENT_SECRET_BASIC"));
    }
    let mut app = input.clone();
    if let Value::Object(fields) = &mut app {
        for name in ["applicationType", "consentMethod", "skipDefaultPolicyAssignments"] {
            fields.remove(name);
        }
    }
    let secret = format!("secret of/{} +%=", state.apps.len() + 1);
    state.oauth.clients.insert(id.to_owned(), secret.clone());
    state.apps.insert(id.to_owned(), app.clone());
    // The secret is told once.
    app["clientSecret"] = secret.into();
    Ok(json!({"app": app}))
}

pub(super) fn get(state: &State, input: &Value) -> Result<Value, Failure> {
    let id = text(input, "clientId");
    state.apps.get(id).map(|app| json!({"app": app})).ok_or_else(|| not_found(id))
}

/// The tokens of the app are worth nothing any more.
pub(super) fn delete(state: &mut State, input: &Value) -> Result<Value, Failure> {
    let id = text(input, "clientId");
    state.apps.remove(id).ok_or_else(|| not_found(id))?;
    state.oauth.clients.remove(id);
    state.oauth.tokens.revoke_client(id);
    Ok(json!({}))
}

fn not_found(id: &str) -> Failure {
    Failure::new(RpcCode::NotFound, format!("no app {id}"))
}
