//! The spellings of an endpoint.

use anyssh_core::{FieldError, Host};
use anyssh_http::BaseUrl;

const EXPECTED: &str = "host[:port], dns:///host[:port] or https://host[:port]";

const PLAIN: &str =
    "an https:// endpoint; http:// beyond loopback only with admin.insecure: true, and without credentials";

/// Whether `admin.insecure` asks for plain HTTP where the endpoint does not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Asked,
    NotAsked,
}

/// An endpoint as a base URL: a scheme that is written stays, and so does the port.
///
/// `https://` is never turned into `http`, whatever else is set. `http://` to loopback needs no
/// further word; beyond it, it needs [`Plain::Asked`], and then no secret is ever sent there.
pub(crate) fn parse(field: &'static str, text: &str, plain: Plain) -> Result<BaseUrl, FieldError> {
    let refused = || FieldError::secret(field, EXPECTED);
    let (scheme, rest) = match text.split_once("://") {
        Some(("https", rest)) => ("https", rest),
        Some(("http", rest)) => ("http", rest),
        Some(("dns", rest)) => (without_scheme(plain), rest.strip_prefix('/').ok_or_else(refused)?),
        Some(_) => return Err(refused()),
        None => (without_scheme(plain), text),
    };
    if rest.starts_with('/') {
        return Err(refused());
    }
    let url = BaseUrl::parse_plain_too(field, &format!("{scheme}://{rest}")).map_err(|_| refused())?;
    if scheme == "http" && plain == Plain::NotAsked && !url.keeps_secrets() {
        return Err(FieldError::secret(field, PLAIN));
    }
    Ok(url)
}

/// An endpoint without its scheme and its last slash: what is left of it in an API key.
pub(crate) fn bare_endpoint(text: &str) -> &str {
    let schemes = ["https://", "http://", "dns:///"];
    let bare = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    bare.strip_suffix('/').unwrap_or(bare)
}

fn without_scheme(plain: Plain) -> &'static str {
    match plain {
        Plain::Asked => "http",
        Plain::NotAsked => "https",
    }
}

/// The organisation that an endpoint's name stands for: the first of more than two labels.
pub(crate) fn organisation(endpoint: &BaseUrl) -> Option<&str> {
    match Host::parse("endpoint", endpoint.host()) {
        Ok(Host::Name(_)) if endpoint.host().split('.').count() > 2 => endpoint.host().split('.').next(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_keeps_its_scheme_and_port() {
        use Plain::{Asked, NotAsked};
        for (text, plain, url) in [
            ("acme.hosted.example", NotAsked, "https://acme.hosted.example"),
            ("acme.hosted.example:8443", NotAsked, "https://acme.hosted.example:8443"),
            ("dns:///acme.hosted.example", NotAsked, "https://acme.hosted.example"),
            ("dns:///acme.hosted.example:8443", NotAsked, "https://acme.hosted.example:8443"),
            ("https://acme.hosted.example/", NotAsked, "https://acme.hosted.example"),
            ("https://acme.hosted.example", Asked, "https://acme.hosted.example"),
            ("localhost:8090", NotAsked, "https://localhost:8090"),
            ("localhost:8090", Asked, "http://localhost:8090"),
            ("dns:///127.0.0.1:8090", Asked, "http://127.0.0.1:8090"),
            ("http://127.0.0.1:8090", NotAsked, "http://127.0.0.1:8090"),
            ("flyte.internal:8089", Asked, "http://flyte.internal:8089"),
            ("http://flyte.internal:8089", Asked, "http://flyte.internal:8089"),
        ] {
            assert_eq!(parse("e", text, plain).map(|url| url.to_string()).as_deref(), Ok(url), "{text}");
        }
    }

    /// N2: plain http beyond loopback is never a slip.
    #[test]
    fn what_is_no_endpoint_or_silently_plain_is_refused() {
        for text in [
            "",
            "http://flyte.internal",
            "grpc://a",
            "dns://a",
            "dns:////a",
            "https:///a",
            "a b",
            "user@a",
            "a?x",
            "a#b",
        ] {
            let error = parse("admin.endpoint", text, Plain::NotAsked).expect_err(text);
            assert_eq!(error.field(), "admin.endpoint");
        }
        let error = parse("e", "http://flyte.internal", Plain::NotAsked).unwrap_err();
        assert!(error.to_string().contains("admin.insecure"), "{error}");
    }

    #[test]
    fn only_a_name_of_three_labels_names_an_organisation() {
        for (text, organisation_) in [
            ("acme.hosted.example", Some("acme")),
            ("a.b.c.d:81", Some("a")),
            ("hosted.example", None),
            ("localhost", None),
            ("127.0.0.1:8090", None),
            ("[::1]:8090", None),
        ] {
            assert_eq!(organisation(&parse("e", text, Plain::NotAsked).unwrap()), organisation_, "{text}");
        }
    }
}
