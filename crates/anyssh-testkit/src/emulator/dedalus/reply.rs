//! The bodies of answers.

use serde_json::{Value, json};

use crate::emulator::http::Answer;

/// A good answer.
pub(super) fn ok(body: &Value) -> Answer {
    Answer::json(200, body)
}

/// A failure with the vendor's own body: 401, 403, 409, 429 and 503 have it.
pub(super) fn failure(status: u16, error_code: &str, message: &str) -> Answer {
    Answer::json(status, &failure_body(error_code, message, false, None))
}

/// The same with `details`.
pub(super) fn failure_with_details(status: u16, error_code: &str, message: &str, details: Value) -> Answer {
    let mut body = failure_body(error_code, message, false, None);
    body["details"] = details;
    Answer::json(status, &body)
}

/// 429 for an idempotency key whose first request is still running.
pub(super) fn in_flight() -> Answer {
    let body = failure_body("RATE_LIMITED", "a request with this key is still running", true, Some(250));
    Answer::json(429, &body)
}

pub(super) fn failure_body(error_code: &str, message: &str, retryable: bool, retry_after_ms: Option<i64>) -> Value {
    let mut body = json!({"error_code": error_code, "message": message, "retryable": retryable});
    if let Some(milliseconds) = retry_after_ms {
        body["retry_after_ms"] = milliseconds.into();
    }
    body
}

/// Any other failure: a problem document (RFC 9457).
pub(super) fn problem(status: u16, title: &str, detail: &str) -> Answer {
    Answer::with_body(status, "application/problem+json", &json!({"title": title, "status": status, "detail": detail}))
}

/// 422, with the place in the request that is wrong.
pub(super) fn invalid(location: &str, message: &str) -> Answer {
    let body = json!({
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "validation failed",
        "errors": [{"location": location, "message": message}],
    });
    Answer::with_body(422, "application/problem+json", &body)
}

/// 405, with what is allowed.
pub(super) fn method_not_allowed(allowed: &str) -> Answer {
    let mut answer = problem(405, "Method Not Allowed", allowed);
    answer.headers.push(("allow".into(), allowed.into()));
    answer
}
