//! The URL of a WebSocket transport.

use std::fmt;

use url::{Host as UrlHost, Url};

use crate::{FieldError, Port};

const EXPECTED: &str = "a wss:// URL (ws:// to loopback only) with a host, without user info or fragment";

/// A `wss://` URL, or `ws://` to a loopback address (RFC 6455 §3).
///
/// User info and fragments are refused. `Display` and `Debug` leave the query out, since vendors put
/// tokens there; [`as_str`](Self::as_str) has all of it for whoever dials.
#[derive(Clone, PartialEq, Eq)]
pub struct WebSocketUrl(Url);

impl WebSocketUrl {
    /// Parses a URL; the error names `field` and does not show the value, which may hold a token.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let refused = || FieldError::secret(field, EXPECTED);
        // The URL parser drops tabs and newlines silently; here they are a reason to refuse.
        if text.len() > 8192 || text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(refused());
        }
        let url = Url::parse(text).map_err(|_| refused())?;
        let scheme_fits = match url.scheme() {
            "wss" => true,
            "ws" => is_loopback(&url),
            _ => false,
        };
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if scheme_fits && plain && url.host().is_some() { Ok(Self(url)) } else { Err(refused()) }
    }

    /// The whole URL, query included: for the dialler, not for messages.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host to compare with others, IDNA-mapped and lower case; IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it is `wss`: TLS.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "wss"
    }

    /// The port, the scheme's own where none was given.
    pub fn port(&self) -> Port {
        self.0.port_or_known_default().and_then(|port| Port::from_number("port", port.into()).ok()).unwrap_or(Port::SSH)
    }
}

impl fmt::Display for WebSocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        shown.set_query(None);
        f.write_str(shown.as_str())
    }
}

impl fmt::Debug for WebSocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSocketUrl({self})")
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(UrlHost::Domain(name)) => name == "localhost",
        Some(UrlHost::Ipv4(address)) => address.is_loopback(),
        Some(UrlHost::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secure_urls_and_plain_loopback_are_accepted_and_the_query_is_not_shown() {
        let url = WebSocketUrl::parse("url", "wss://Pod.example.org/ssh?token=s3cret").unwrap();
        assert_eq!((url.host(), url.port().get()), ("pod.example.org", 443));
        assert_eq!(url.to_string(), "wss://pod.example.org/ssh");
        assert!(!format!("{url:?}").contains("s3cret") && url.as_str().contains("s3cret"));
        assert!(WebSocketUrl::parse("url", "ws://127.0.0.1:6060/").is_ok());
        assert!(WebSocketUrl::parse("url", "ws://[::1]:6060/").is_ok());
    }

    #[test]
    fn plain_remote_urls_user_info_and_other_schemes_are_refused_without_showing_them() {
        for text in [
            "ws://example.org/",
            "http://127.0.0.1/",
            "https://example.org/",
            "wss://u:p@example.org/",
            "wss://good@evil/",
            "wss://example.org/#f",
            "wss://example.org/\n",
            "wss://exa\tmple.org/",
            "wss://",
            "",
            "file:///etc/passwd",
            "ws://127.0.0.1.example.org/",
        ] {
            let error = WebSocketUrl::parse("url", text).unwrap_err();
            assert!(error.to_string().starts_with("url: expected"), "{text:?}");
            assert!(text.len() < 7 || !error.to_string().contains(text), "{text:?}");
        }
    }
}
