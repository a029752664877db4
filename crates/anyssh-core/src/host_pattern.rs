//! The host pattern that comes with a host CA: checked, then narrowed to the endpoint in use.

use crate::{FieldError, Host, Port};

const EXPECTED: &str = "one positive host pattern (letters, digits, '.', '-', ':', '*', '?', or \"[HOST]:PORT\")";

/// One positive pattern of known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
///
/// Lists, negations, hashes and markers are refused: the pattern only has to prove that the provider
/// means the endpoint it handed out, and the line that we write names that endpoint alone (S3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Parses one pattern; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-:*?[]".contains(&b);
        let fits = (1..=300).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-');
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(FieldError::new(field, EXPECTED, text)) }
    }

    /// Whether `ssh` would apply this pattern to `host` and `port`: it looks up `[host]:port` first
    /// and, if that is unknown, the host alone.
    pub fn covers(&self, host: &Host, port: Port) -> bool {
        let host = host.to_string();
        matches(self.0.as_bytes(), host.as_bytes()) || matches(self.0.as_bytes(), format!("[{host}]:{port}").as_bytes())
    }
}

/// `*` for any run, `?` for one byte, in time linear in `text` for each star.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, host: &str, port: &str) -> bool {
        let (host, port) = (Host::parse("h", host).unwrap(), Port::parse("p", port).unwrap());
        HostPattern::parse("host_pattern", pattern).unwrap().covers(&host, port)
    }

    #[test]
    fn patterns_cover_what_openssh_says_they_cover() {
        for pattern in ["127.0.0.1", "[127.0.0.1]:22001", "*", "127.0.0.?", "[127.0.0.1]:*"] {
            assert!(covers(pattern, "127.0.0.1", "22001"), "{pattern}");
        }
        assert!(covers("*.Example.org", "ssh.example.org", "22"));
        for pattern in ["127.0.0.2", "[127.0.0.1]:22002", "*.example.org", "127.0.0.??", "example.org.*"] {
            assert!(!covers(pattern, "127.0.0.1", "22001"), "{pattern}");
        }
    }

    #[test]
    fn lists_negations_hashes_markers_and_blanks_are_refused() {
        for text in ["", "a,b", "!a", "|1|a|b", "@cert-authority", "a b", "a\nb", "a\tb", "#a", "-a", "a\0"] {
            assert_eq!(HostPattern::parse("host_pattern", text).unwrap_err().field(), "host_pattern", "{text:?}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!covers(&"*a".repeat(150), &format!("{}b", "a".repeat(60)), "22"));
    }
}
