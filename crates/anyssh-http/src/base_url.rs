//! Where a provider's API is: an origin and perhaps a path before every request's own path.

use std::fmt;

use anyssh_core::FieldError;
use url::{Host, Url};

const EXPECTED: &str = "an https:// URL (http:// to loopback only) with a host, without user info, query or fragment";

const EXPECTED_PLAIN_TOO: &str = "an https:// or http:// URL with a host, without user info, query or fragment";

/// The base of all requests of one client.
///
/// Keys go to this origin and nowhere else (requirement K5), so it is parsed once, and every request
/// is built from it. A path prefix is kept, with or without its final slash. Plain `http` is for
/// loopback addresses and the name `localhost` only: tests and local stand-ins (N2).
///
/// ```
/// use anyssh_http::BaseUrl;
/// assert_eq!(BaseUrl::parse("X_BASE_URL", "https://API.example.org/eu/")?.to_string(), "https://api.example.org/eu");
/// assert!(BaseUrl::parse("X_BASE_URL", "http://api.example.org").is_err());
/// # Ok::<(), anyssh_core::FieldError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Parses a base URL; the error names `field` and does not show the value, which may hold a password.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let refused = || FieldError::secret(field, EXPECTED);
        Self::parse_plain_too(field, text).ok().filter(Self::keeps_secrets).ok_or_else(refused)
    }

    /// The same, where the user chose plain `http` beyond loopback for a server without TLS. A client for
    /// such a base sends no secret: a call with one is an error before anything leaves (N2, K5).
    pub fn parse_plain_too(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let refused = || FieldError::secret(field, EXPECTED_PLAIN_TOO);
        // The URL parser drops blanks, tabs and newlines silently and reads `\` as `/`.
        if text.len() > 2048 || text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(refused());
        }
        let url = Url::parse(text).map_err(|_| refused())?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && !text.contains('@');
        let scheme_fits = matches!(url.scheme(), "https" | "http") && url.host().is_some();
        if plain && scheme_fits { Ok(Self(url)) } else { Err(refused()) }
    }

    /// The host to compare with others, IDNA-mapped and lower case; IPv6 in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Scheme, host and port, as a browser would call the origin: `https://api.example.org`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether a secret may be sent there: `https`, or loopback.
    pub fn keeps_secrets(&self) -> bool {
        self.is_https() || is_loopback(&self.0)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of `path`, which starts with `/`, below this base. `None` if the URL parser would read
    /// another path out of it than the one that was built.
    pub(crate) fn at(&self, path: &str) -> Option<Url> {
        let whole = format!("{}{path}", self.0.path().trim_end_matches('/'));
        let mut url = self.0.clone();
        url.set_path(&whole);
        (url.path() == whole).then_some(url)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// N2, N10: the table of what may be a base URL and what may not.
    #[test]
    fn only_https_or_loopback_and_nothing_hidden_in_it() {
        for good in [
            "https://api.example.org",
            "https://api.example.org:8443/prefix/",
            "http://127.0.0.1:8080",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://localhost:3000/x",
        ] {
            assert!(BaseUrl::parse("u", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.example.org",
            "http://api.example.org",
            "http://10.0.0.1",
            "http://localhost.example.org",
            "http://[::2]",
            "ftp://127.0.0.1",
            "https://user@api.example.org",
            "https://user:hunter22@api.example.org",
            "https://@api.example.org",
            "https://api.example.org\\@evil.example",
            "https://api.example.org?x=1",
            "https://api.example.org/#x",
            " https://api.example.org",
            "https://api.exa\nmple.org",
            "https://",
            "data:text/plain,x",
        ] {
            let error = BaseUrl::parse("u", bad).expect_err(bad);
            assert!(!error.to_string().contains("hunter22"));
        }
    }

    #[test]
    fn plain_http_beyond_loopback_is_for_those_who_say_so_and_keeps_no_secret() {
        let plain = BaseUrl::parse_plain_too("u", "http://api.example.org:8089").unwrap();
        assert!(!plain.keeps_secrets() && plain.origin() == "http://api.example.org:8089");
        for keeps in ["https://api.example.org", "http://127.0.0.1:1", "http://localhost"] {
            assert!(BaseUrl::parse_plain_too("u", keeps).unwrap().keeps_secrets(), "{keeps}");
        }
        for bad in ["ftp://api.example.org", "http://u@api.example.org", "http://", "http://a?b"] {
            assert!(BaseUrl::parse_plain_too("u", bad).is_err(), "{bad}");
        }
    }

    /// N10: hosts are compared after parsing, so look-alike spellings are one host.
    #[test]
    fn hosts_are_mapped_before_they_are_compared() {
        for text in ["https://BÜCHER.example", "https://xn--bcher-kva.example", "https://bücher.example:443"] {
            assert_eq!(BaseUrl::parse("u", text).unwrap().origin(), "https://xn--bcher-kva.example");
        }
    }

    #[test]
    fn a_prefix_stays_before_every_path() {
        let base = BaseUrl::parse("u", "https://a.example/eu/").unwrap();
        assert_eq!(base.at("/v1/x").unwrap().as_str(), "https://a.example/eu/v1/x");
        assert_eq!(base.at("/v1/../x"), None);
        assert_eq!(
            BaseUrl::parse("u", "https://a.example").unwrap().at("/v1/").unwrap().as_str(),
            "https://a.example/v1/"
        );
    }
}
