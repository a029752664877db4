//! Messages as JSON, the way the vendor's servers take and give them (ProtoJSON).

use serde_json::{Map, Value};

use super::schema::{Field, Kind, Message};

/// What is wrong with a message, for its sender.
pub(super) type Wrong = String;

/// The message with each field called as in the schema; what does not fit is refused, and so is a field
/// that the schema does not have.
pub(super) fn checked(message: &Message, value: Value) -> Result<Value, Wrong> {
    let Value::Object(map) = value else { return Err("expected a JSON object".into()) };
    let mut found = Map::new();
    for (name, value) in map {
        let field = message.0.iter().find(|field| is_called(field, &name));
        let field = field.ok_or_else(|| format!("no field is called {name:?}"))?;
        // `null` is how ProtoJSON says that a field is not set.
        if value.is_null() {
            continue;
        }
        let value = field_checked(field, value).map_err(|wrong| format!("{name}: {wrong}"))?;
        if found.insert(field.name.to_owned(), value).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(Value::Object(found))
}

/// `lowerCamelCase`, or the name in the vendor's definition.
fn is_called(field: &Field, name: &str) -> bool {
    let snake = field.name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    });
    name == field.name || name == snake
}

fn field_checked(field: &Field, value: Value) -> Result<Value, Wrong> {
    match value {
        Value::Array(items) if field.repeated => {
            items.into_iter().map(|item| one_checked(field.kind, item)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        _ if field.repeated => Err("expected a list".into()),
        value => one_checked(field.kind, value),
    }
}

fn one_checked(kind: Kind, value: Value) -> Result<Value, Wrong> {
    match (kind, &value) {
        (Kind::Text, Value::String(_)) | (Kind::Bool, Value::Bool(_)) | (Kind::Opaque, Value::Object(_)) => Ok(value),
        (Kind::Int, Value::Number(number)) if number.as_u64().is_some_and(|n| n <= u32::MAX.into()) => Ok(value),
        (Kind::Time, Value::String(text)) if text.parse::<jiff::Timestamp>().is_ok() => Ok(value),
        (Kind::Enum(prefix, names), Value::String(text)) => {
            let known = text.strip_prefix(prefix).is_some_and(|name| names.contains(&name));
            if known { Ok(value) } else { Err(format!("{text:?} is not a value of it")) }
        }
        (Kind::Enum(prefix, names), Value::Number(number)) => {
            let name = number.as_u64().and_then(|number| names.get(usize::try_from(number).ok()?));
            Ok(name.map_or(value, |name| format!("{prefix}{name}").into()))
        }
        (Kind::Message(message), _) => checked(message, value),
        _ => Err("has the wrong type".into()),
    }
}

/// The message as servers send it: without what is zero or empty, with names for numbers that have one.
pub(super) fn shown(message: &Message, value: &Value) -> Value {
    let mut found = Map::new();
    for field in message.0 {
        let shown = match value.get(field.name) {
            None | Some(Value::Null) => continue,
            Some(Value::Array(items)) if items.is_empty() => continue,
            Some(Value::Array(items)) => items.iter().map(|item| one_shown(field.kind, item)).collect(),
            Some(value) if is_zero(field.kind, value) => continue,
            Some(value) => one_shown(field.kind, value),
        };
        found.insert(field.name.to_owned(), shown);
    }
    Value::Object(found)
}

fn one_shown(kind: Kind, value: &Value) -> Value {
    match kind {
        Kind::Message(message) => shown(message, value),
        Kind::Enum(prefix, names) => {
            let name = value.as_u64().and_then(|number| names.get(usize::try_from(number).ok()?));
            name.map_or_else(|| value.clone(), |name| format!("{prefix}{name}").into())
        }
        _ => value.clone(),
    }
}

/// What is left out because a reader takes it for granted.
pub(super) fn is_zero(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => value == "",
        Kind::Bool => value == false,
        Kind::Int => value == 0,
        Kind::Enum(prefix, names) => {
            value == 0 || names.first().is_some_and(|name| *value == format!("{prefix}{name}"))
        }
        Kind::Time | Kind::Message(_) | Kind::Opaque => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{ACTION_DETAILS, BY_ACTION, LIST_RUNS};
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_of_a_name_are_one_field_and_other_names_are_refused() {
        let camel = json!({"actionId": {"run": {"org": "acme"}, "name": "a0"}});
        assert_eq!(checked(&BY_ACTION, json!({"action_id": camel["actionId"]})), Ok(camel.clone()));
        assert_eq!(checked(&BY_ACTION, camel.clone()), Ok(camel.clone()));
        assert_eq!(
            checked(&BY_ACTION, json!({"action_id": {}, "actionId": {}})).unwrap_err(),
            "action_id is there twice"
        );
        let other = checked(&BY_ACTION, json!({"actionId": {"run": {"organisation": "acme"}}}));
        assert_eq!(other.unwrap_err(), "actionId: run: no field is called \"organisation\"");
        for wrong in [json!({"actionId": "a0"}), json!({"actionId": []}), json!([]), json!({"actionId": {"name": 7}})] {
            assert!(checked(&BY_ACTION, wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn enums_are_names_or_numbers_and_unknown_numbers_stay() {
        let direction = |value: Value| checked(&LIST_RUNS, json!({"request": {"sortBy": {"direction": value}}}));
        let ascending = json!({"request": {"sortBy": {"direction": "ASCENDING"}}});
        assert_eq!((direction(json!("ASCENDING")), direction(json!(1))), (Ok(ascending.clone()), Ok(ascending)));
        assert!(direction(json!("SIDEWAYS")).is_err());
        assert!(direction(json!(9)).is_ok());
    }

    #[test]
    fn what_is_zero_is_left_out_and_numbers_become_names() {
        let link = json!({"uri": "/x", "linkType": 0, "ready": false, "name": ""});
        let details = json!({"details": {"status": {"phase": 4, "attempts": 0}, "attempts": [{"logInfo": [link]}]}});
        let expected = json!({"details": {
            "status": {"phase": "ACTION_PHASE_RUNNING"},
            "attempts": [{"logInfo": [{"uri": "/x"}]}],
        }});
        assert_eq!(shown(&ACTION_DETAILS, &details), expected);
        let news = json!({"details": {"status": {"phase": 77}}});
        assert_eq!(shown(&ACTION_DETAILS, &news), news);
        let none = json!({"details": {"attempts": []}});
        assert_eq!(shown(&ACTION_DETAILS, &none), json!({"details": {}}));
    }
}
