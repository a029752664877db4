//! What each call does.

use serde_json::{Value, json};

use super::apps;
use super::data;
use super::failure::{Failure, RpcCode};
use super::identity;
use super::listing;
use super::rpc::Call;
use super::run::RunState;
use super::snapshot::Snapshot;
use super::state::{Flyte, State};

impl Flyte {
    /// Does what was asked. Streams are answered elsewhere.
    pub(super) fn call(&self, state: &mut State, call: Call, input: &Value) -> Result<Value, Failure> {
        match call {
            Call::GetActionDetails | Call::WatchActionDetails => self.details(state, &input["actionId"]),
            Call::GetRunDetails => self.run_details(state, &input["runId"]),
            Call::CreateRun => self.create_run(state, input),
            Call::AbortRun => self.abort(state, &input["runId"], "a0", &input["reason"]),
            Call::AbortAction => {
                let id = &input["actionId"];
                self.abort(state, &id["run"], text(id, "name"), &input["reason"])
            }
            Call::ListRuns => listing::runs(self, state, input),
            Call::ListActions => listing::actions(self, state, input),
            Call::SelectCluster => data::select_cluster(self, state, input),
            Call::GetActionData => data::action_data(self, state, input),
            Call::UploadInputs => data::upload(self, state, input),
            Call::OAuth2Metadata => Ok(self.oauth2_metadata()),
            Call::PublicClient => Ok(self.public_client(state)),
            Call::CreateApp => apps::create(state, input),
            Call::GetApp => apps::get(state, input),
            Call::DeleteApp => apps::delete(state, input),
            Call::UserInfo => Ok(identity::user_info()),
        }
    }

    /// `GetActionDetails`, and each message of `WatchActionDetails`.
    fn details(&self, state: &mut State, id: &Value) -> Result<Value, Failure> {
        let name = action_name(id)?;
        let run = self.find(state, &id["run"])?;
        let found = run.action(&name).map(|action| action.progress.show());
        let snapshot = found.ok_or_else(|| Failure::new(RpcCode::NotFound, format!("no action {name}")))?;
        let run = run.clone();
        // What is shown now may be the end.
        self.tell_if_over(state, &snapshot);
        Ok(json!({"details": self.action_details(&run, &name, &snapshot)}))
    }

    fn tell_if_over(&self, state: &mut State, snapshot: &Snapshot) {
        if snapshot.phase.is_over() {
            self.tell(state);
        }
    }

    fn run_details(&self, state: &mut State, id: &Value) -> Result<Value, Failure> {
        let run = self.find(state, id)?;
        let snapshot = run.action("a0").map(|action| action.progress.show());
        let snapshot = snapshot.ok_or_else(|| Failure::new(RpcCode::Internal, "a run without a0"))?;
        let run = run.clone();
        let action = self.action_details(&run, "a0", &snapshot);
        Ok(json!({"details": {"runSpec": run.run_spec, "action": action}}))
    }

    fn action_details(&self, run: &RunState, action: &str, snapshot: &Snapshot) -> Value {
        let path = |attempt: usize| format!("/pods/{}/{action}/{attempt}", run.name);
        let mut details = snapshot.json(self.gateway_url(), &path);
        details["id"] = self.action_id(&run.name, action);
        let task = run.actions.iter().find(|known| known.name == action).map(|known| known.task_spec.clone());
        details["task"] = task.into();
        details
    }

    pub(super) fn action_id(&self, run: &str, action: &str) -> Value {
        json!({"run": {"org": self.org, "project": self.project, "domain": self.domain, "name": run}, "name": action})
    }

    /// As `Run` in lists and in the answer to `CreateRun`.
    pub(super) fn run_json(&self, run: &RunState) -> Value {
        json!({"action": self.action_json(run, "a0")})
    }

    pub(super) fn action_json(&self, run: &RunState, action: &str) -> Value {
        let found = run.actions.iter().find(|known| known.name == action);
        let status = found.map(|known| known.progress.current().json("", &|_| String::new())["status"].take());
        json!({"id": self.action_id(&run.name, action), "status": status})
    }

    fn create_run(&self, state: &mut State, input: &Value) -> Result<Value, Failure> {
        let name = match (&input["runId"], &input["projectId"]) {
            (id @ Value::Object(_), Value::Null) => self.run_name(id)?,
            (Value::Null, id @ Value::Object(_)) => self.server_name(state, id)?,
            _ => return Err(Failure::invalid("id: exactly one of runId and projectId")),
        };
        let (Value::Object(_), Value::Null) = (&input["taskSpec"], &input["taskId"]) else {
            return Err(Failure::invalid("task: the emulator knows no deployed tasks, so taskSpec is needed"));
        };
        if name.starts_with('u') {
            return Err(Failure::invalid("run names do not begin with u"));
        }
        let inputs = data::inputs_of(state, input)?;
        if state.run(&name).is_some() {
            return Err(Failure::new(RpcCode::AlreadyExists, format!("run {name} is there already")));
        }
        let spec = (input["runSpec"].clone(), input["taskSpec"].clone());
        let run = RunState::created(name, state.now(), spec, inputs, &state.boot);
        let answer = json!({"run": self.run_json(&run)});
        state.runs.push(run);
        Ok(answer)
    }

    fn server_name(&self, state: &State, id: &Value) -> Result<String, Failure> {
        self.check_project(id)?;
        Ok(format!("r{:019}", state.runs.len()))
    }

    fn abort(&self, state: &mut State, id: &Value, action: &str, reason: &Value) -> Result<Value, Failure> {
        let run = self.find(state, id)?;
        let action = run.action(action).ok_or_else(|| Failure::new(RpcCode::NotFound, "no such action"))?;
        let snapshot = action.progress.current();
        if !snapshot.phase.is_over() {
            let reason = reason.as_str().unwrap_or_default();
            action.progress = super::boot::Progress::new(super::boot::Boot::with(snapshot.aborted(reason)));
        }
        self.tell(state);
        Ok(json!({}))
    }

    /// The run of a `RunIdentifier`.
    pub(super) fn find<'a>(&self, state: &'a mut State, id: &Value) -> Result<&'a mut RunState, Failure> {
        let name = self.run_name(id)?;
        state.run(&name).ok_or_else(|| Failure::new(RpcCode::NotFound, format!("no run {name}")))
    }

    /// The name in a `RunIdentifier`, which has to be for this organization, project and domain.
    fn run_name(&self, id: &Value) -> Result<String, Failure> {
        for field in ["org", "project", "domain"] {
            length(field, text(id, field), 63)?;
        }
        let name = text(id, "name");
        length("name", name, 30)?;
        self.check_place([text(id, "org"), text(id, "project"), text(id, "domain")])?;
        Ok(name.to_owned())
    }

    pub(super) fn check_project(&self, id: &Value) -> Result<(), Failure> {
        for field in ["organization", "name", "domain"] {
            length(field, text(id, field), 63)?;
        }
        self.check_place([text(id, "organization"), text(id, "name"), text(id, "domain")])
    }

    fn check_place(&self, place: [&str; 3]) -> Result<(), Failure> {
        if place == [self.org.as_str(), &self.project, &self.domain] {
            return Ok(());
        }
        Err(Failure::new(RpcCode::NotFound, format!("nothing is in {}", place.join("/"))))
    }

    fn oauth2_metadata(&self) -> Value {
        let base = self.base_url();
        json!({
            "issuer": base,
            "authorizationEndpoint": format!("{base}/oauth2/authorize"),
            "tokenEndpoint": format!("{base}/oauth2/token"),
            "deviceAuthorizationEndpoint": format!("{base}/oauth2/device"),
            "responseTypesSupported": ["code"],
            "scopesSupported": ["all"],
            "tokenEndpointAuthMethodsSupported": ["client_secret_basic"],
            "codeChallengeMethodsSupported": ["S256"],
            "grantTypesSupported": ["client_credentials", "refresh_token", "authorization_code"],
        })
    }

    fn public_client(&self, state: &State) -> Value {
        let client = &state.oauth.public;
        json!({
            "clientId": client.client_id,
            "redirectUri": client.redirect_uri,
            "scopes": client.scopes,
            "authorizationMetadataKey": client.metadata_key,
            "serviceHttpEndpoint": self.base_url(),
            "audience": client.audience,
            "dataplaneDomain": client.dataplane_domain,
        })
    }
}

pub(super) fn action_name(id: &Value) -> Result<String, Failure> {
    let name = text(id, "name");
    length("action name", name, 30)?;
    Ok(name.to_owned())
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn length(field: &str, text: &str, most: usize) -> Result<(), Failure> {
    if (1..=most).contains(&text.chars().count()) {
        return Ok(());
    }
    Err(Failure::invalid(format!("{field}: 1 to {most} characters")))
}
