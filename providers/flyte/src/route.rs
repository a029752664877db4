//! Where the tunnel goes: from the link that a pod may have written to a URL that may get our token (K5).

use std::fmt;

use anyssh_core::{FieldError, Host, WebSocketUrl};
use anyssh_http::BaseUrl;
use url::Url;

/// The field in which the link comes.
pub(crate) const FIELD: &str = "log_info.uri";

const LINK: &str = "an https:// URL or an absolute path, without blanks, control characters, user info or fragment";
const SECURE: &str = "an https:// link (http:// only where the endpoint itself is plain loopback)";

/// The hosts that may get a token.
#[derive(Clone, Debug)]
pub(crate) struct TokenHosts {
    endpoint: Host,
    /// Hosts and the domains above hosts: what the control plane or the configuration names.
    domains: Vec<Host>,
    /// Hosts alone.
    hosts: Vec<Host>,
}

impl TokenHosts {
    /// The endpoint's own host, what is under its parent domain, and the hosts that the configuration lists.
    pub(crate) fn new(endpoint: &BaseUrl, listed: &[String]) -> Result<Self, FieldError> {
        let endpoint = host(endpoint.host())?;
        let domains = parent_domain(&endpoint).into_iter().collect();
        let hosts = listed.iter().map(|text| Host::parse("data_plane_hosts", text)).collect::<Result<_, _>>()?;
        Ok(Self { endpoint, domains, hosts })
    }

    /// Also what is equal to or under this domain, which the control plane named.
    pub(crate) fn and_under(&mut self, domain: &str) {
        // What is no name, or a suffix that strangers share, names nobody.
        if let Ok(Host::Name(name)) = Host::parse("dataplane_domain", domain.trim_end_matches('.'))
            && is_private(&name)
        {
            self.domains.push(Host::Name(name));
        }
    }

    /// Also this host, which the control plane named.
    pub(crate) fn and(&mut self, host: Host) {
        self.hosts.push(host);
    }

    /// Whether a token may be sent there. Addresses and `localhost` must be equal, names may be below.
    pub(crate) fn allows(&self, host: &Host) -> bool {
        let is_under = |domain: &Host| match (host, domain) {
            (Host::Name(name), Host::Name(domain)) => {
                name == domain || name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            _ => false,
        };
        *host == self.endpoint || self.hosts.contains(host) || self.domains.iter().any(is_under)
    }
}

/// Why a link leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// It is no link as they are.
    Field(FieldError),
    /// It leads to a host that may not get a token.
    OtherHost { host: Host, endpoint: Host },
}

impl From<FieldError> for RouteError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::OtherHost { host, endpoint } => write!(
                f,
                "{FIELD}: the link leads to {host}, which is not known to belong to {endpoint}, so it gets no token; \
                 if it is right, add data_plane_hosts = \"{host}\" under [flyte] in the configuration file"
            ),
        }
    }
}

impl std::error::Error for RouteError {}

/// The URL that a link means, if its host may get a token.
///
/// An absolute link keeps its host, and its query and percent signs as they are; one that is a path is below
/// the endpoint's own origin, scheme and port included. `https` becomes `wss`.
pub(crate) fn resolve(endpoint: &BaseUrl, link: &str, hosts: &TokenHosts) -> Result<WebSocketUrl, RouteError> {
    let url = parse(endpoint, link)?;
    let wss = match url.scheme() {
        "https" => format!("wss{}", &url.as_str()["https".len()..]),
        "http" if endpoint.origin().starts_with("http:") => format!("ws{}", &url.as_str()["http".len()..]),
        _ => return Err(refused(SECURE, link).into()),
    };
    // The type refuses what is plain beyond loopback, with user info or with a fragment.
    let url = WebSocketUrl::parse(FIELD, &wss).map_err(|_| refused(LINK, link))?;
    let host = host(url.host())?;
    if hosts.allows(&host) { Ok(url) } else { Err(RouteError::OtherHost { host, endpoint: hosts.endpoint.clone() }) }
}

fn parse(endpoint: &BaseUrl, link: &str) -> Result<Url, FieldError> {
    let refused = || refused(LINK, link);
    // The URL parser drops control characters silently, reads `\` as `/` and `//host` as another host.
    let unfit = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if link.is_empty() || link.len() > 4096 || link.contains(unfit) || link.starts_with("//") {
        return Err(refused());
    }
    let whole = if link.starts_with('/') { format!("{}{link}", endpoint.origin()) } else { link.to_owned() };
    Url::parse(&whole).map_err(|_| refused())
}

/// The error for a link, without its query: vendors put tokens there.
fn refused(expected: &'static str, link: &str) -> FieldError {
    FieldError::new(FIELD, expected, link.split('?').next().unwrap_or_default())
}

/// A host as URLs spell it: IPv6 in brackets.
fn host(text: &str) -> Result<Host, FieldError> {
    Host::parse(FIELD, text.trim_start_matches('[').trim_end_matches(']'))
}

/// The domain above a host, unless strangers share it: `hosted.example.org` for `acme.hosted.example.org`.
fn parent_domain(host: &Host) -> Option<Host> {
    let Host::Name(name) = host else { return None };
    let (_, parent) = name.split_once('.')?;
    is_private(parent).then(|| Host::Name(parent.to_owned()))
}

/// At least two labels, and not one of the suffixes below which anybody can have a name (publicsuffix.org).
fn is_private(domain: &str) -> bool {
    domain.contains('.') && psl::domain_str(domain).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(endpoint: &str, link: &str, listed: &[&str]) -> Result<String, RouteError> {
        let endpoint = BaseUrl::parse("endpoint", endpoint).unwrap();
        let listed: Vec<String> = listed.iter().map(|host| (*host).to_owned()).collect();
        let hosts = TokenHosts::new(&endpoint, &listed).unwrap();
        resolve(&endpoint, link, &hosts).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn links_keep_their_path_query_and_percent_signs() {
        let endpoint = "https://acme.hosted.example.org";
        for (link, url) in [
            ("https://acme.hosted.example.org/pod/x/6060/", "wss://acme.hosted.example.org/pod/x/6060/"),
            (
                "https://dp1.hosted.example.org:8443/a%2Fb?t=%20&u=1",
                "wss://dp1.hosted.example.org:8443/a%2Fb?t=%20&u=1",
            ),
            ("https://hosted.example.org/x", "wss://hosted.example.org/x"),
            ("HTTPS://DP1.Hosted.Example.org/x", "wss://dp1.hosted.example.org/x"),
            ("/pod/6060/?a=b", "wss://acme.hosted.example.org/pod/6060/?a=b"),
        ] {
            assert_eq!(resolved(endpoint, link, &[]).unwrap(), url);
        }
        // A path is below the endpoint's own origin, port and scheme included.
        assert_eq!(resolved("https://h.example.org:8443", "/x", &[]).unwrap(), "wss://h.example.org:8443/x");
        assert_eq!(resolved("http://127.0.0.1:8090", "/x", &[]).unwrap(), "ws://127.0.0.1:8090/x");
    }

    /// K5: a token goes to the endpoint, to its domain and to what was named, and nowhere else.
    #[test]
    fn a_token_goes_to_no_other_host() {
        let endpoint = "https://acme.hosted.example.org";
        for link in [
            "https://evil.example/",
            "https://example.org/",
            "https://evilhosted.example.org/",
            "https://192.0.2.1/",
            "https://hosted.example.org.evil.example/",
            "https://localhost/",
            "https://[::1]/",
        ] {
            let error = resolved(endpoint, link, &[]).unwrap_err();
            assert!(matches!(error, RouteError::OtherHost { .. }), "{link}: {error}");
        }
        let error = resolved(endpoint, "https://dp.other.example/x", &[]).unwrap_err().to_string();
        assert!(error.contains("add data_plane_hosts = \"dp.other.example\""), "{error}");
        assert!(resolved(endpoint, "https://dp.other.example/x", &["dp.other.example"]).is_ok());
        assert!(
            resolved(endpoint, "https://x.dp.other.example/", &["dp.other.example"]).is_err(),
            "a host is no domain"
        );
        // Addresses have to be equal, also on loopback.
        assert!(resolved("http://127.0.0.1:1", "http://127.0.0.1:2/", &[]).is_ok());
        for link in ["http://127.0.0.2:1/", "http://localhost:1/", "http://[::1]:1/"] {
            assert!(resolved("http://127.0.0.1:1", link, &[]).is_err(), "{link}");
        }
    }

    /// K5: what is above a host counts only where strangers cannot have a name beside it.
    #[test]
    fn a_suffix_that_strangers_share_is_no_domain_of_ours() {
        for (endpoint, link) in [
            ("https://flyte.co.uk", "https://evil.co.uk/"),
            ("https://flyte.com", "https://evil.com/"),
            ("https://me.github.io", "https://evil.github.io/"),
            ("https://x.s3.amazonaws.com", "https://evil.s3.amazonaws.com/"),
        ] {
            assert!(resolved(endpoint, link, &[]).is_err(), "{endpoint} {link}");
        }
        assert!(resolved("https://flyte.acme.co.uk", "https://dp.acme.co.uk/", &[]).is_ok());

        let endpoint = BaseUrl::parse("endpoint", "https://flyte.acme.org").unwrap();
        let mut hosts = TokenHosts::new(&endpoint, &[]).unwrap();
        for shared in ["com", "co.uk", "", "*", "x y", "192.0.2.1", "github.io"] {
            hosts.and_under(shared);
        }
        assert!(
            !["evil.com", "a.co.uk", "x.github.io", "192.0.2.1"].iter().any(|name| hosts.allows(&host(name).unwrap()))
        );
        hosts.and_under("dp.vendor.example");
        assert!(
            hosts.allows(&host("r1.dp.vendor.example").unwrap()) && hosts.allows(&host("dp.vendor.example").unwrap())
        );
        assert!(!hosts.allows(&host("evildp.vendor.example").unwrap()));
    }

    /// K6: what stands in a link's query may be a token.
    #[test]
    fn a_refused_link_is_shown_without_its_query() {
        for link in ["http://acme.hosted.example.org/p?t=hunter22", "/p q?t=hunter22", "wss://x/?t=hunter22"] {
            let error = resolved("https://acme.hosted.example.org", link, &[]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter22"), "{error:?}");
        }
    }

    /// S1, N10: what is no link, plain, or would be read as another host, is refused and shown escaped.
    #[test]
    fn what_is_no_link_is_refused() {
        for link in [
            "",
            " ",
            "x",
            "x/y",
            "//evil.example/x",
            "javascript:alert(1)",
            "ssh://acme.hosted.example.org/",
            "http://acme.hosted.example.org/",
            "ws://acme.hosted.example.org/",
            "wss://acme.hosted.example.org/",
            "https://u:p@acme.hosted.example.org/",
            "https://good@evil.example/",
            "https://acme.hosted.example.org/#f",
            "https://acme.hosted.example.org/\n",
            "https://acme.hosted\t.example.org/",
            "/x\u{1b}]0;",
            "/x y",
            "https://acme.hosted.example.org\\@evil.example/",
            "https://",
            "https:///x",
            "/\\evil.example",
            &format!("/{}", "x".repeat(5000)),
        ] {
            let error = resolved("https://acme.hosted.example.org", link, &[]).unwrap_err();
            let told = error.to_string();
            assert!(told.starts_with("log_info.uri: ") && !told.contains('\u{1b}'), "{link:?}: {told}");
            assert!(
                matches!(error, RouteError::Field(_)) || link.contains("evil") || link == "https:///x",
                "{link:?}: {told}"
            );
        }
    }
}
