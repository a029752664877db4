//! One request, one effect, however often it is sent.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::json;

use super::reply::{failure_with_details, in_flight, problem};
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// The keys that were used, for ever.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    request: u64,
    /// `None` as long as the request runs.
    answer: Option<Answer>,
}

impl Idempotency {
    /// Begins a request with this key, or says what to answer instead of doing it.
    pub(super) fn begin(&mut self, key: &str, request: &Request) -> Result<(), Answer> {
        check_form(key)?;
        let provided = hash(request);
        let Some(entry) = self.entries.get(key) else {
            self.entries.insert(key.to_owned(), Entry { request: provided, answer: None });
            return Ok(());
        };
        if entry.request != provided {
            let details = json!({
                "expected_request_hash": format!("{:016x}", entry.request),
                "provided_request_hash": format!("{provided:016x}"),
            });
            let message = "the key was used for another request";
            return Err(failure_with_details(409, "IDEMPOTENCY_KEY_REUSED", message, details));
        }
        Err(entry.answer.clone().unwrap_or_else(in_flight))
    }

    /// What each further request with this key gets.
    pub(super) fn finish(&mut self, key: &str, answer: &Answer) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.answer = Some(answer.clone());
        }
    }
}

/// A compact UUIDv7 (RFC 9562 §5.7): 32 hex digits in lower case, no hyphens.
fn check_form(key: &str) -> Result<(), Answer> {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut digits = key.chars();
    let is_right = key.len() == 32
        && key.chars().all(is_hex)
        && digits.nth(12) == Some('7')
        && digits.nth(3).is_some_and(|variant| "89ab".contains(variant));
    if is_right {
        return Ok(());
    }
    Err(problem(400, "Bad Request", "Idempotency-Key has to be a compact UUIDv7"))
}

fn hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.method, &request.path, &request.query, &request.body).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_compact_version_7_uuid_is_a_key() {
        assert!(check_form("0199b1c2000070008000000000000001").is_ok());
        for key in [
            "",
            "0199b1c2-0000-7000-8000-000000000001",
            "0199B1C2000070008000000000000001",
            "0199b1c2000040008000000000000001",
            "0199b1c2000070007000000000000001",
            "0199b1c20000700080000000000000011",
            "scalar-python-retry-000000000001",
        ] {
            assert!(check_form(key).is_err(), "{key}");
        }
    }
}
