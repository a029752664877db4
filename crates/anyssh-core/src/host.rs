//! Where an SSH server listens: a host and a port.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;

use crate::FieldError;

const HOST: &str =
    "a DNS name (letters, digits and '-' in labels of 1 to 63) or an IPv4 or IPv6 address without brackets";
const PORT: &str = "a port number from 1 to 65535";

/// A DNS name or an IP address.
///
/// Names are lower-cased, as `ssh` does. A name whose last label is a number (`127.1`, `0x7f.1`) is
/// refused: resolvers read such names as addresses that differ from how they look (the URL Standard,
/// "ends in a number checker", has the same rule). IPv6 stands without brackets; zone ids are refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to look up, lower case, without a final dot.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Parses a host; the error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        if text.len() <= 253 && text.split('.').all(is_label) && !ends_in_a_number(text) {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(FieldError::new(field, HOST, text))
    }

    /// Whether this is `localhost` or an address of the loopback network.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::Address(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    /// The form that `ssh` takes as a host word: IPv6 without brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({self})")
    }
}

/// A TCP port, 1 to 65535.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(NonZeroU16);

impl Port {
    /// 22, the port that SSH has at IANA.
    pub const SSH: Self = Self(NonZeroU16::new(22).unwrap());

    /// Parses decimal digits alone: no sign, blanks or service names. The error names `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let digits_only = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>()
            .ok()
            .filter(|_| digits_only)
            .and_then(NonZeroU16::new)
            .map(Self)
            .ok_or_else(|| FieldError::new(field, PORT, text))
    }

    /// A port from a number, as a JSON answer has it. The error names `field`.
    pub fn from_number(field: &'static str, number: i64) -> Result<Self, FieldError> {
        Self::parse(field, &number.to_string())
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0.get()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.0)
    }
}

/// RFC 952 and RFC 1123 §2.1: letters, digits and inner hyphens.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_lower_cased_and_addresses_are_read() {
        assert_eq!(Host::parse("endpoint", "SSH.Example.org").unwrap().to_string(), "ssh.example.org");
        assert_eq!(Host::parse("endpoint", "127.0.0.1").unwrap(), Host::Address([127, 0, 0, 1].into()));
        assert_eq!(Host::parse("endpoint", "::1").unwrap().to_string(), "::1");
    }

    #[test]
    fn what_ssh_or_a_resolver_would_read_differently_is_refused() {
        for text in [
            "",
            "-oProxyCommand=x",
            "a b",
            "a\nb",
            "a\0b",
            "[::1]",
            "fe80::1%eth0",
            "127.1",
            "2130706433",
            "0x7f.0x1",
            "0x7f000001",
            "a..b",
            ".a",
            "a.",
            "a_b",
            "a-",
            "*",
            "a,b",
            "!a",
            "user@host",
            "host:22",
            "a/b",
            "é.org",
            "a%h",
        ] {
            assert_eq!(Host::parse("endpoint", text).unwrap_err().field(), "endpoint", "{text:?}");
        }
        assert!(Host::parse("endpoint", &format!("{}.org", "a".repeat(64))).is_err());
    }

    #[test]
    fn ports_are_plain_numbers_from_1_to_65535() {
        assert_eq!(Port::parse("port", "65535").unwrap().get(), 65535);
        assert_eq!(Port::from_number("port", 22).unwrap(), Port::SSH);
        for text in ["", "0", "65536", "-1", "+22", " 22", "22 ", "ssh", "0x16", "2.2", "22\n"] {
            assert_eq!(Port::parse("port", text).unwrap_err().field(), "port", "{text:?}");
        }
        assert!(Port::from_number("port", -1).is_err() && Port::from_number("port", i64::MAX).is_err());
    }

    proptest! {
        /// S1: an accepted host prints only letters, digits, '.', '-' and, as an IPv6 address, ':'.
        #[test]
        fn accepted_hosts_hold_only_allowed_bytes(text in any::<String>()) {
            if let Ok(host) = Host::parse("endpoint", &text) {
                let shown = host.to_string();
                prop_assert!(shown.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b)) && !shown.starts_with('-'));
            }
        }

        #[test]
        fn every_nonzero_port_is_accepted(number in 1u16..) {
            prop_assert_eq!(Port::parse("port", &number.to_string()).unwrap().get(), number);
        }
    }
}
