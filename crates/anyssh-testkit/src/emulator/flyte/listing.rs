//! Lists of runs and actions, page by page.

use serde_json::{Value, json};

use super::calls::text;
use super::failure::Failure;
use super::state::{Flyte, State};

/// What a list gives at most.
const LARGEST_LIMIT: u64 = 100;

pub(super) fn runs(flyte: &Flyte, state: &State, input: &Value) -> Result<Value, Failure> {
    match (&input["org"], &input["projectId"]) {
        (Value::String(org), Value::Null) if *org == flyte.org => {}
        (Value::Null, id @ Value::Object(_)) => flyte.check_project(id)?,
        _ => return Err(Failure::invalid("scope: the organization, or a project of it")),
    }
    let request = &input["request"];
    let mut runs: Vec<_> = state.runs.iter().collect();
    runs.sort_by_key(|run| run.created);
    if !is_ascending(request)? {
        runs.reverse();
    }
    let wanted = phases(request)?;
    let runs = runs.into_iter().filter(|run| {
        let phase = run.actions.first().map(|action| action.progress.current().phase.number().to_string());
        wanted.as_ref().is_none_or(|wanted| phase.is_some_and(|phase| wanted.contains(&phase)))
    });
    let runs: Vec<Value> = runs.map(|run| flyte.run_json(run)).collect();
    page(request, "runs", &runs)
}

pub(super) fn actions(flyte: &Flyte, state: &mut State, input: &Value) -> Result<Value, Failure> {
    let run = flyte.find(state, &input["runId"])?.clone();
    let actions = run.actions.iter().map(|action| flyte.action_json(&run, &action.name));
    page(&input["request"], "actions", &actions.collect::<Vec<_>>())
}

fn is_ascending(request: &Value) -> Result<bool, Failure> {
    let sort = &request["sortBy"];
    if !sort.is_null() && text(sort, "key") != "created_at" {
        return Err(Failure::invalid("sortBy: the emulator sorts by created_at"));
    }
    Ok(text(sort, "direction") == "ASCENDING")
}

/// The phases that are wanted, as decimal numbers.
fn phases(request: &Value) -> Result<Option<Vec<String>>, Failure> {
    let filters = request["filters"].as_array().map_or(&[][..], Vec::as_slice);
    let [filter] = filters else {
        return if filters.is_empty() { Ok(None) } else { Err(Failure::invalid("filters: the emulator takes one")) };
    };
    // EQUAL is zero, and so it may be left out.
    if text(filter, "field") != "phase" || !["", "EQUAL", "VALUE_IN"].contains(&text(filter, "function")) {
        return Err(Failure::invalid("filters: the emulator knows phase with EQUAL and VALUE_IN"));
    }
    let values = filter["values"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(Some(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()))
}

fn page(request: &Value, name: &str, items: &[Value]) -> Result<Value, Failure> {
    let limit = match request["limit"].as_u64().unwrap_or_default() {
        0 => LARGEST_LIMIT,
        limit if limit <= LARGEST_LIMIT => limit,
        _ => return Err(Failure::invalid("limit: at most 100")),
    };
    let start: usize = match text(request, "token") {
        "" => 0,
        token => token
            .strip_prefix("from-")
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| Failure::invalid("token: not one of ours"))?,
    };
    let end = items.len().min(start + usize::try_from(limit).unwrap_or(usize::MAX));
    let token = if end < items.len() { format!("from-{end}") } else { String::new() };
    Ok(json!({name: items.get(start..end).unwrap_or_default(), "token": token}))
}
