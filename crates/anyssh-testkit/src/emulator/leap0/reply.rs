//! The bodies of failures, which all have a message.

use serde_json::json;

use crate::emulator::http::Answer;

pub(super) fn failure(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({"message": message}))
}

/// 400, with the place in the request that is wrong.
pub(super) fn invalid(field: &str, error: &str) -> Answer {
    Answer::json(400, &json!({"message": "Invalid request", "errors": [{"field": field, "error": error}]}))
}

/// 405, with what is allowed.
pub(super) fn method_not_allowed(allowed: &str) -> Answer {
    let mut answer = failure(405, "Method not allowed");
    answer.headers.push(("allow".into(), allowed.into()));
    answer
}
