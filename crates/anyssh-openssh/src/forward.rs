//! Port and socket forwardings: the values of `-L`, `-R` and `-D`, parsed and written back.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;

use crate::flag_error::FlagError;

/// The longest path of a Unix socket on Linux, in bytes (unix(7)).
const LONGEST_SOCKET: usize = 107;

const LOCAL: &str = "[ADDRESS:]PORT:HOST:PORT, [ADDRESS:]PORT:SOCKET, SOCKET:HOST:PORT or SOCKET:SOCKET";
const REMOTE: &str =
    "[ADDRESS:]PORT[:HOST:PORT], [ADDRESS:]PORT:SOCKET, SOCKET:HOST:PORT or SOCKET:SOCKET (PORT may be 0)";
const DYNAMIC: &str = "[ADDRESS:]PORT";

/// One forwarding, as ssh(1) describes it under `-L`, `-R` and `-D`.
///
/// It is read and written back, never passed through: ports are plain numbers, IPv6 addresses stand in
/// brackets, and a socket's path is one that no version of ssh expands (no `%`, no `${`, no backslash).
///
/// ```
/// use anyssh_openssh::Forward;
/// # fn main() -> Result<(), anyssh_openssh::FlagError> {
/// let forward = Forward::parse_local(":8080:db.internal:5432")?;
/// assert_eq!((forward.flag(), forward.to_string().as_str()), ("-L", "*:8080:db.internal:5432"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    direction: Direction,
    listen: Listen,
    /// `None` where ssh itself speaks SOCKS.
    to: Option<Connect>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Local,
    Remote,
    Dynamic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Listen {
    Port { address: Option<Address>, port: u16 },
    Socket(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Connect {
    Port { host: Address, port: NonZeroU16 },
    Socket(String),
}

/// A host as the far end resolves it, or `*` for all addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address(String);

impl Forward {
    /// Reads the value of `-L`.
    pub fn parse_local(text: &str) -> Result<Self, FlagError> {
        Self::parse(Direction::Local, text).ok_or_else(|| FlagError::value("-L", LOCAL, text))
    }

    /// Reads the value of `-R`. Without a destination, ssh speaks SOCKS; port 0 lets the server choose.
    pub fn parse_remote(text: &str) -> Result<Self, FlagError> {
        Self::parse(Direction::Remote, text).ok_or_else(|| FlagError::value("-R", REMOTE, text))
    }

    /// Reads the value of `-D`.
    pub fn parse_dynamic(text: &str) -> Result<Self, FlagError> {
        Self::parse(Direction::Dynamic, text).ok_or_else(|| FlagError::value("-D", DYNAMIC, text))
    }

    /// The flag that the value belongs to: `-L`, `-R` or `-D`.
    pub fn flag(&self) -> &'static str {
        match self.direction {
            Direction::Local => "-L",
            Direction::Remote => "-R",
            Direction::Dynamic => "-D",
        }
    }

    fn parse(direction: Direction, text: &str) -> Option<Self> {
        let fields = split_fields(text)?;
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let socks = direction != Direction::Local;
        let (listen, to) = match fields.as_slice() {
            [port] if socks => (listen_port(None, port)?, None),
            [socket, to] if is_socket(socket) => (Listen::Socket(path(socket)?), Some(Connect::Socket(path(to)?))),
            [port, socket] if is_socket(socket) => (listen_port(None, port)?, Some(Connect::Socket(path(socket)?))),
            [address, port] if socks => (listen_port(Some(address), port)?, None),
            [socket, host, port] if is_socket(socket) => (Listen::Socket(path(socket)?), Some(connect(host, port)?)),
            [address, port, socket] if is_socket(socket) => {
                (listen_port(Some(address), port)?, Some(Connect::Socket(path(socket)?)))
            }
            [port, host, to] => (listen_port(None, port)?, Some(connect(host, to)?)),
            [address, port, host, to] => (listen_port(Some(address), port)?, Some(connect(host, to)?)),
            _ => return None,
        };
        let server_chooses = direction == Direction::Remote;
        let listen_fits = server_chooses || !matches!(listen, Listen::Port { port: 0, .. });
        let to_fits = direction != Direction::Dynamic || to.is_none();
        (listen_fits && to_fits).then_some(Self { direction, listen, to })
    }
}

impl fmt::Display for Forward {
    /// The value in its canonical spelling.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listen {
            Listen::Port { address: Some(address), port } => write!(f, "{address}:{port}")?,
            Listen::Port { address: None, port } => write!(f, "{port}")?,
            Listen::Socket(path) => f.write_str(path)?,
        }
        match &self.to {
            Some(Connect::Port { host, port }) => write!(f, ":{host}:{port}"),
            Some(Connect::Socket(path)) => write!(f, ":{path}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') { write!(f, "[{}]", self.0) } else { f.write_str(&self.0) }
    }
}

/// Splits at colons that are not inside brackets. A bracketed field keeps its brackets.
fn split_fields(text: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut bracketed = false;
    for c in text.chars() {
        match c {
            '[' if !bracketed && fields.last().is_some_and(String::is_empty) => bracketed = true,
            ']' if bracketed => bracketed = false,
            ':' if !bracketed => {
                fields.push(String::new());
                continue;
            }
            _ => {}
        }
        fields.last_mut()?.push(c);
    }
    (!bracketed).then_some(fields)
}

/// ssh takes a field with a slash for a socket's path.
fn is_socket(field: &str) -> bool {
    field.contains('/')
}

fn path(field: &str) -> Option<String> {
    let fits = is_socket(field)
        && field.len() <= LONGEST_SOCKET
        && !field.starts_with(['-', ' ', '['])
        && !field.ends_with(' ')
        && !field.contains("${")
        && !field.contains(|c: char| c.is_control() || c == '%' || c == '\\');
    fits.then(|| field.to_owned())
}

fn listen_port(address: Option<&str>, port: &str) -> Option<Listen> {
    let address = match address {
        None => None,
        // ssh reads an empty address and `*` alike: all interfaces.
        Some("" | "*") => Some(Address("*".to_owned())),
        Some(text) => Some(host(text)?),
    };
    Some(Listen::Port { address, port: number(port)? })
}

fn connect(to: &str, port: &str) -> Option<Connect> {
    Some(Connect::Port { host: host(to)?, port: NonZeroU16::new(number(port)?)? })
}

/// A name (wider than DNS: whoever resolves it decides) or an address; brackets are for addresses.
fn host(text: &str) -> Option<Address> {
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<IpAddr>().ok().map(|address| Address(address.to_string()));
    }
    let byte_fits = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=253).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(byte_fits);
    fits.then(|| Address(text.to_owned()))
}

fn number(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
