//! Who may ask.

use super::reply::{failure, problem};
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// Headers that come once or not at all.
const SINGLE: &[&str] =
    &["authorization", "x-api-key", "x-dedalus-org-id", "idempotency-key", "content-type", "accept"];

/// The refusal, if there is one: both ways to send a key are fine, each one that is sent has to be right.
pub(super) fn check(request: &Request, api_key: &str, organisation: &str) -> Result<(), Answer> {
    if request.count("host") != 1 {
        return Err(problem(400, "Bad Request", "HTTP/1.1 wants one header host"));
    }
    if let Some(name) = SINGLE.iter().find(|name| request.count(name) > 1) {
        return Err(problem(400, "Bad Request", &format!("more than one header {name}")));
    }
    let bearer = request.header("authorization").map(|value| value.strip_prefix("Bearer ").unwrap_or_default());
    let keys = [bearer, request.header("x-api-key")];
    if keys.iter().all(Option::is_none) {
        return Err(failure(401, "AUTH_REQUIRED", "no credential was sent"));
    }
    if keys.iter().flatten().any(|key| *key != api_key) {
        return Err(failure(401, "AUTH_INVALID", "the credential is not known"));
    }
    if request.header("x-dedalus-org-id").is_some_and(|id| id != organisation) {
        return Err(failure(403, "AUTH_ORG_MISMATCH", "the credential belongs to another organisation"));
    }
    Ok(())
}
