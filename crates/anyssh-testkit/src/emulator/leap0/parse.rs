//! What requests have to look like.

use serde_json::Value;

use super::reply::{failure, invalid};
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// Headers that come once or not at all.
const SINGLE: &[&str] = &["authorization", "leap0-authorization", "content-type", "accept"];

/// The names that a list's query may have: with hyphens, which one official SDK gets wrong.
const LIST: &[&str] = &["state", "sort", "order-by", "page", "page-size"];

/// Who asks: both headers are fine, with `Bearer` or the bare key, and each one that is sent has to be right.
pub(super) fn check_key(request: &Request, api_key: &str) -> Result<(), Answer> {
    if request.count("host") != 1 {
        return Err(failure(400, "HTTP/1.1 wants one header host"));
    }
    if let Some(name) = SINGLE.iter().find(|name| request.count(name) > 1) {
        return Err(failure(400, &format!("more than one header {name}")));
    }
    let keys = [request.header("authorization"), request.header("leap0-authorization")];
    let is_right = |value: &&str| value.strip_prefix("Bearer ").unwrap_or(value) == api_key;
    if keys.iter().flatten().count() > 0 && keys.iter().flatten().all(is_right) {
        return Ok(());
    }
    Err(failure(401, "Unauthorized"))
}

/// What holds for every request but validate and list: neither body nor query.
pub(super) fn check_empty(request: &Request) -> Result<(), Answer> {
    if !request.body.is_empty() {
        return Err(invalid("body", "this request takes none"));
    }
    no_query(request)
}

pub(super) fn no_query(request: &Request) -> Result<(), Answer> {
    match &request.query {
        None => Ok(()),
        Some(_) => Err(invalid("query", "this request takes none")),
    }
}

/// The strings in the body of validate: exactly these.
pub(super) fn body<const N: usize>(request: &Request, names: [&str; N]) -> Result<[String; N], Answer> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(invalid("content-type", "expected application/json"));
    }
    let Ok(Value::Object(mut body)) = serde_json::from_slice(&request.body) else {
        return Err(invalid("body", "expected a JSON object"));
    };
    let mut found = [const { String::new() }; N];
    for (name, place) in names.iter().zip(&mut found) {
        match body.remove(*name) {
            Some(Value::String(text)) if !text.is_empty() => *place = text,
            _ => return Err(invalid(name, "expected a string that is not empty")),
        }
    }
    match body.keys().next() {
        None => Ok(found),
        Some(name) => Err(invalid(name, "unknown")),
    }
}

/// What is asked of the list of sandboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) state: Option<String>,
    pub(super) by_state: bool,
    pub(super) ascending: bool,
    /// From 1 on.
    pub(super) page: usize,
    pub(super) page_size: usize,
}

/// The query of a list.
pub(super) fn list(request: &Request) -> Result<List, Answer> {
    let given = request.parameters(LIST).map_err(|(name, why)| invalid(&name, why))?;
    let choice = |name: &str, choices: [&str; 2]| match given.get(name) {
        None => Ok(false),
        Some(value) if value == choices[0] => Ok(false),
        Some(value) if value == choices[1] => Ok(true),
        Some(_) => Err(invalid(name, "expected one of two words")),
    };
    let number = |name: &str, usual: usize, most: usize| match given.get(name) {
        None => Ok(usual),
        Some(text) => {
            let number = text.parse().ok().filter(|number| (1..=most).contains(number));
            number.ok_or_else(|| invalid(name, "out of range"))
        }
    };
    Ok(List {
        state: given.get("state").cloned(),
        by_state: choice("sort", ["created_at", "state"])?,
        ascending: choice("order-by", ["desc", "asc"])?,
        page: number("page", 1, usize::MAX)?,
        page_size: number("page-size", 20, 100)?,
    })
}
