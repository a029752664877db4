//! Request headers that a caller adds.

use std::fmt;

use anyssh_core::FieldError;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

const NAME: &str = "a header name (RFC 9110 token) that is not one of the connection's own";
const VALUE: &str = "a header value of visible ASCII and inner blanks, at most 8192 bytes";

/// Names that belong to the connection or the body; setting them could change what is sent to whom.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A checked header. A secret one is never shown, and its value is replaced by `***` in every error.
#[derive(Clone)]
pub struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    pub(crate) secret: Option<SecretString>,
}

impl Header {
    /// A header that anybody may see; the error names `field`, the setting that it came from.
    pub fn parse(field: &'static str, name: &str, value: &str) -> Result<Self, FieldError> {
        let parsed = parse_value(value).ok_or_else(|| FieldError::new(field, VALUE, value))?;
        Ok(Self { name: parse_name(field, name)?, value: parsed, secret: None })
    }

    /// A header whose value is a secret: an API key, a bearer token.
    ///
    /// ```
    /// use anyssh_http::Header;
    /// let header = Header::secret("X_API_KEY", "authorization", "Bearer sk-123456789".into())?;
    /// assert!(!format!("{header:?}").contains("123456789"));
    /// assert!(Header::secret("X_API_KEY", "authorization", "a\r\nhost: evil".into()).is_err());
    /// # Ok::<(), anyssh_core::FieldError>(())
    /// ```
    pub fn secret(field: &'static str, name: &str, value: SecretString) -> Result<Self, FieldError> {
        let mut parsed = parse_value(value.expose_secret()).ok_or(FieldError::secret(field, VALUE))?;
        parsed.set_sensitive(true);
        Ok(Self { name: parse_name(field, name)?, value: parsed, secret: Some(value) })
    }

    /// `Proxy-Authorization: Bearer TOKEN` for a gateway that stands in front of the API and reads it from
    /// the request itself (RFC 9110 §11.7.2).
    ///
    /// # Errors
    /// Names `field`, where the token came from, and does not show it.
    pub fn proxy_bearer(field: &'static str, token: &SecretString) -> Result<Self, FieldError> {
        let value = SecretString::from(format!("Bearer {}", token.expose_secret()));
        let mut parsed = parse_value(value.expose_secret()).ok_or(FieldError::secret(field, VALUE))?;
        parsed.set_sensitive(true);
        Ok(Self { name: reqwest::header::PROXY_AUTHORIZATION, value: parsed, secret: Some(value) })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secret {
            Some(_) => write!(f, "Header({}: ***)", self.name),
            None => write!(f, "Header({}: {:?})", self.name, self.value),
        }
    }
}

fn parse_name(field: &'static str, name: &str) -> Result<HeaderName, FieldError> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| FieldError::new(field, NAME, name))?;
    if OURS.contains(&parsed.as_str()) { Err(FieldError::new(field, NAME, name)) } else { Ok(parsed) }
}

fn parse_value(value: &str) -> Option<HeaderValue> {
    let fits = value.len() <= 8192
        && value.trim_matches(' ') == value
        && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if fits { HeaderValue::from_str(value).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_cannot_end_early_or_take_over_the_connection() {
        for (name, value) in [
            ("x", "a\r\nb: c"),
            ("x", "a\nb"),
            ("x", "a\0"),
            ("x", "grüße"),
            ("x", " a"),
            ("x y", "a"),
            ("", "a"),
            ("x:", "a"),
            ("Host", "evil.example"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert!(Header::parse("f", name, value).is_err(), "{name}: {value}");
        }
        assert!(Header::parse("f", "X-Dedalus-Org-Id", "a b").is_ok());
    }

    /// K6: a refused secret is not shown either.
    #[test]
    fn a_refused_secret_is_not_in_the_error() {
        let error = Header::secret("X_API_KEY", "x-api-key", "hunter22\n".into()).unwrap_err();
        assert!(error.to_string().starts_with("X_API_KEY: expected") && !error.to_string().contains("hunter22"));
    }
}
