//! The settings of a run that is started again in debug mode: a JSON tree in which only the named keys change.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::launch_env::launch_env;
use crate::wire::RunIdentifier;

/// The settings of the source run with the debug variables, and without its own relations.
pub(crate) fn for_debugging(spec: Value, source: &RunIdentifier, public_key: &str) -> Value {
    let mut spec = match spec {
        Value::Object(spec) => spec,
        _ => Map::new(),
    };
    // Servers take both spellings of a name, so both may come.
    for key in ["relation", "relatedTo", "related_to", "recover"] {
        spec.remove(key);
    }
    let deployed = is_deployed(spec.get("taskSpecSource").or(spec.get("task_spec_source")));
    let envs = spec.remove("envs").unwrap_or_default();
    spec.insert("envs".to_owned(), overlaid(envs, deployed, &launch_env(public_key, &BTreeMap::new())));
    spec.insert("relation".to_owned(), json!({"relatedTo": source, "relationType": "RELATION_TYPE_RERUN"}));
    Value::Object(spec)
}

/// Enums are names, or numbers.
fn is_deployed(source: Option<&Value>) -> bool {
    let by_name = source.and_then(Value::as_str).is_some_and(|name| name.ends_with("DEPLOYED"));
    by_name || source.and_then(Value::as_u64) == Some(1)
}

/// The variables of a run with ours over them, in the order in which they first appear. The path of a local
/// Python means nothing to a deployed task.
fn overlaid(envs: Value, deployed: bool, ours: &BTreeMap<String, String>) -> Value {
    let mut envs = if envs.is_object() { envs } else { json!({}) };
    let mut values = match envs.get_mut("values").map(Value::take) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    let key = |pair: &Value| pair.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
    values.retain(|pair| !(deployed && key(pair) == "_F_SYS_PATH"));
    for (name, value) in ours {
        let place = values.iter().position(|pair| key(pair) == *name).unwrap_or(values.len());
        // Of two, the pod takes the last: none but ours may stay, least of all another `_F_SSH_PK`.
        values.retain(|pair| key(pair) != *name);
        values.insert(place, json!({"key": name, "value": value}));
    }
    envs["values"] = Value::Array(values);
    envs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that somebody else put into the run a second time does not log in to the new one.
    #[test]
    fn our_variables_are_there_once_however_often_they_were() {
        let pair = |key: &str, value: &str| json!({"key": key, "value": value});
        let theirs = [pair("_F_SSH_PK", "a"), pair("B", "1"), pair("_F_SSH_PK", "b"), pair("_F_E_SSH", "0")];
        let source = RunIdentifier::default();
        let spec = for_debugging(json!({"envs": {"values": theirs}, "related_to": {}}), &source, "mine");
        let expected = [pair("_F_SSH_PK", "mine"), pair("B", "1"), pair("_F_E_SSH", "1"), pair("_F_E_VS", "True")];
        assert_eq!(spec["envs"]["values"], json!(expected));
        assert!(spec.get("related_to").is_none());
    }

    #[test]
    fn the_path_of_a_local_python_is_dropped_for_deployed_tasks() {
        let envs = || json!({"values": [{"key": "_F_SYS_PATH", "value": "./"}, {"key": "A", "value": "1"}]});
        for (source, kept) in [(json!("TASK_SPEC_SOURCE_DEPLOYED"), 1), (json!(1), 1), (json!(2), 2), (Value::Null, 2)]
        {
            let overlaid = overlaid(envs(), is_deployed(Some(&source)), &BTreeMap::new());
            assert_eq!(overlaid["values"].as_array().unwrap().len(), kept, "{source}");
        }
    }
}
