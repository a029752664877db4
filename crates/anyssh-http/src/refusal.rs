//! The body of an error answer, read leniently: the status has already said what it is.

use std::time::Duration;

use serde_json::Value;

use crate::RetryHint;

/// What an error body says, in the words that every vendor has for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// A sentence for people.
    pub message: Option<String>,
    /// A word for programs.
    pub code: Option<String>,
    /// Whether and when to try again.
    pub hint: RetryHint,
}

/// Reads a vendor's error body. A field that is missing or of another type is simply not there.
pub type ReadRefusal = fn(&Value) -> Refusal;

impl Refusal {
    /// The shapes that most vendors use: `message` or `error` (text, or an object with a `message`),
    /// `code` or `error_code`, OAuth's `error_description` (RFC 6749 §5.2), and RFC 9457 problem details (`detail`, `title`). It reads no hint.
    ///
    /// ```
    /// # use anyssh_http::Refusal;
    /// let body = serde_json::json!({"title": "Bad Request", "detail": "no such field"});
    /// assert_eq!(Refusal::common(&body).message.as_deref(), Some("no such field"));
    /// ```
    pub fn common(body: &Value) -> Self {
        let inner = body.get("error").filter(|error| error.is_object()).unwrap_or(body);
        Self {
            message: first_text(inner, &["message", "error_description", "error", "detail", "title"]),
            code: first_text(inner, &["code", "error_code"]),
            hint: RetryHint::default(),
        }
    }

    /// The same with the hints of a body that has `retryable` and `retry_after_ms`.
    #[must_use]
    pub fn with_hint_from(mut self, body: &Value, retryable: &str, retry_after_ms: &str) -> Self {
        self.hint = RetryHint {
            wait: body.get(retry_after_ms).and_then(Value::as_u64).map(Duration::from_millis),
            repeat: body.get(retryable).and_then(Value::as_bool),
        };
        self
    }
}

fn first_text(body: &Value, names: &[&str]) -> Option<String> {
    let texts = names.iter().filter_map(|name| body.get(name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_common_shapes_give_their_message() {
        for (body, message) in [
            (json!({"message": "a"}), Some("a")),
            (json!({"error": "a"}), Some("a")),
            (json!({"error": {"message": "a", "code": "c"}}), Some("a")),
            (json!({"title": "a"}), Some("a")),
            (json!({"error": "slow_down", "error_description": "a"}), Some("a")),
            (json!({"message": 1, "detail": " ", "title": "a"}), Some("a")),
            (json!({}), None),
            (json!("text"), None),
            (json!([1]), None),
        ] {
            assert_eq!(Refusal::common(&body).message.as_deref(), message, "{body}");
        }
    }

    #[test]
    fn hints_of_another_type_are_not_there() {
        let hint = |body| Refusal::default().with_hint_from(&body, "retryable", "retry_after_ms").hint;
        let said = hint(json!({"retryable": false, "retry_after_ms": 250}));
        assert_eq!(said, RetryHint { wait: Some(Duration::from_millis(250)), repeat: Some(false) });
        assert_eq!(hint(json!({"retryable": "no", "retry_after_ms": -1})), RetryHint::default());
    }
}
