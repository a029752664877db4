//! What requests have to look like.

use serde_json::Value;
use ssh_key::PublicKey;

use super::pages::Query;
use super::reply::{invalid, problem};
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// What a list gives without a limit, and at most. The vendor documents neither.
const USUAL_LIMIT: usize = 20;
const LARGEST_LIMIT: usize = 100;

/// What holds for every request: JSON is welcome, and only POST has a body.
pub(super) fn check_shape(request: &Request) -> Result<(), Answer> {
    let accepts = |value: &str| value.contains("application/json") || value.contains("*/*");
    if request.header("accept").is_some_and(|value| !accepts(value)) {
        return Err(problem(406, "Not Acceptable", "answers are application/json"));
    }
    if request.method != "POST" && !request.body.is_empty() {
        return Err(problem(400, "Bad Request", "this request takes no body"));
    }
    Ok(())
}

/// Nothing may follow the path.
pub(super) fn no_query(request: &Request) -> Result<(), Answer> {
    match &request.query {
        None => Ok(()),
        Some(_) => Err(problem(400, "Bad Request", "this request takes no query")),
    }
}

/// `limit` and `cursor`, each at most once.
pub(super) fn query(request: &Request) -> Result<Query, Answer> {
    let refuse = |(name, why): (String, &str)| invalid(&format!("query.{name}"), why);
    let mut given = request.parameters(&["limit", "cursor"]).map_err(refuse)?;
    let (limit, cursor) = (given.remove("limit"), given.remove("cursor"));
    let limit = match limit {
        None => USUAL_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=LARGEST_LIMIT).contains(limit))
            .ok_or_else(|| invalid("query.limit", "a number from 1 to 100"))?,
    };
    Ok(Query { limit, cursor })
}

/// The key in the body of create, which holds nothing else.
pub(super) fn public_key(request: &Request) -> Result<PublicKey, Answer> {
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(problem(415, "Unsupported Media Type", "the body has to be application/json"));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|_| problem(400, "Bad Request", "the body is not JSON"))?;
    let Value::Object(body) = body else { return Err(invalid("body", "expected object")) };
    if let Some(name) = body.keys().find(|name| *name != "public_key") {
        return Err(invalid(&format!("body.{name}"), "unexpected property"));
    }
    let Some(Value::String(line)) = body.get("public_key") else {
        return Err(invalid("body.public_key", "expected required string"));
    };
    // A final newline is part of what ssh-keygen writes; another one would be a second line.
    let line = line.strip_suffix('\n').unwrap_or(line);
    if line.contains(['\n', '\r', '\0']) {
        return Err(invalid("body.public_key", "expected one line"));
    }
    PublicKey::from_openssh(line).map_err(|_| invalid("body.public_key", "expected an OpenSSH public key"))
}
