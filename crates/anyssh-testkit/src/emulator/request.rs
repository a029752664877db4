//! What an emulator was asked.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request as it arrived, and the status that it was answered with.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `DELETE`, …
    pub method: String,
    /// The path as it was sent, after the prefix of the base URL: nothing in it is decoded.
    pub path: String,
    /// What follows the `?`, as it was sent.
    pub query: Option<String>,
    /// Names in lower case, in the order of arrival. They hold the API key.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// The status of the answer; `None` as long as there is none, or if the connection was cut instead.
    pub status: Option<u16>,
}

impl Request {
    /// The value of a header that came once. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        values.next().filter(|_| values.next().is_none()).map(|(_, value)| value.as_str())
    }

    /// How often a header came.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(known, _)| known == name).count()
    }

    /// What the query says, nothing in it decoded; or the name that is not in `names` or came twice.
    pub(crate) fn parameters(&self, names: &[&str]) -> Result<BTreeMap<String, String>, (String, &'static str)> {
        let mut given = BTreeMap::new();
        for pair in self.query.iter().flat_map(|query| query.split('&')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !names.contains(&name) {
                return Err((name.to_owned(), "unknown"));
            }
            if given.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err((name.to_owned(), "given twice"));
            }
        }
        Ok(given)
    }

    /// The body as JSON, `Null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Method and path, as assertions like to have them: `POST /v1/machines`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Without the values of headers and without the body: failing assertions print this, and keys are no
/// part of a test's output.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Request")
            .field("line", &self.line())
            .field("query", &self.query)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("status", &self.status)
            .finish()
    }
}
