//! Secrets inside an answer.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Reads a string field as a secret: `#[serde(deserialize_with = "anyssh_http::secret")]`.
///
/// The field's type is then [`SecretString`], so that the wire struct can derive `Debug` (K6).
///
/// # Errors
/// When the field is not a string; the error does not hold the value.
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}
