//! The other end of the tunnel's socket: in the helper that ssh runs as its ProxyCommand.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyssh_core::{ErrorKind, ProviderError, WebSocketUrl};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::helper::connect;
use crate::helper_program::TUNNEL_WORDS;
use crate::tunnel_failure::TunnelFailure;
use crate::tunnel_server::Headers;
use crate::tunnel_wire::{FAILED, HEADERS, NONE, ORDER, REFUSED, kind_of, kind_word, receive, send};

/// The variable with the path of the socket to ask on.
pub(crate) const SOCKET: &str = "ANYSSH_TUNNEL";

/// The variable with the nonce to show there.
pub(crate) const NONCE: &str = "ANYSSH_TUNNEL_NONCE";

/// What a helper is to dial.
#[derive(Debug)]
#[non_exhaustive]
pub struct TunnelOrder {
    /// Where to.
    pub url: WebSocketUrl,
    /// Header names with secret values.
    pub headers: Headers,
    /// A PEM file of authorities to trust besides the platform's roots.
    pub ca_file: Option<PathBuf>,
    /// How long it may take until the stream is there.
    pub within: Duration,
}

/// The helper's connection to the launcher that started its ssh.
#[derive(Debug)]
pub struct TunnelLink {
    stream: Mutex<UnixStream>,
}

/// What ssh's environment says to a helper that it runs as its ProxyCommand.
#[derive(Debug)]
pub(crate) struct Asked {
    socket: OsString,
    nonce: OsString,
}

impl Asked {
    /// If this process was started to carry ssh's bytes.
    #[allow(clippy::disallowed_methods, reason = "the environment is how ssh hands these to its ProxyCommand")]
    pub(crate) fn read() -> Option<Self> {
        let words: Vec<OsString> = std::env::args_os().skip(1).take(TUNNEL_WORDS.len() + 1).collect();
        let (socket, nonce) = (std::env::var_os(SOCKET)?, std::env::var_os(NONCE)?);
        (words == TUNNEL_WORDS).then_some(Self { socket, nonce })
    }

    /// Connects, before there is a runtime.
    pub(crate) fn connect(&self) -> io::Result<StdUnixStream> {
        let mut stream = connect(Path::new(&self.socket))?;
        stream.write_all(self.nonce.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }
}

impl TunnelLink {
    /// On a connection that was made. Needs a tokio runtime with I/O.
    pub(crate) fn new(stream: StdUnixStream) -> io::Result<Self> {
        Ok(Self { stream: Mutex::new(UnixStream::from_std(stream)?) })
    }

    /// Asks what to dial.
    ///
    /// # Errors
    /// Of kind `Local` when the launcher is gone.
    pub async fn order(&self) -> Result<TunnelOrder, ProviderError> {
        let answer = self.ask(ORDER).await.map_err(gone)?;
        let fields: Vec<&[u8]> = answer.iter().map(|field| field.as_slice()).collect();
        let [within, url, ca_file, headers @ ..] = &fields[..] else { return Err(gone(malformed())) };
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| gone(malformed()));
        let milliseconds = text(within)?.parse().map_err(|_| gone(malformed()))?;
        Ok(TunnelOrder {
            url: WebSocketUrl::parse("url", text(url)?).map_err(ProviderError::protocol)?,
            headers: read_headers(headers).ok_or_else(|| gone(malformed()))?,
            ca_file: (!ca_file.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(ca_file))),
            within: Duration::from_millis(milliseconds),
        })
    }

    /// Says that the headers were answered with 401 and asks for others; `None` if there are none.
    ///
    /// # Errors
    /// Why others could not be had.
    pub async fn other_headers(&self) -> Result<Option<Headers>, ProviderError> {
        let answer = self.ask(REFUSED).await.map_err(gone)?;
        let fields: Vec<&[u8]> = answer.iter().map(|field| field.as_slice()).collect();
        match &fields[..] {
            [NONE] => Ok(None),
            [HEADERS, headers @ ..] => read_headers(headers).map(Some).ok_or_else(|| gone(malformed())),
            [FAILED, kind, retryable, message] => {
                let message = String::from_utf8_lossy(message).into_owned();
                Err(ProviderError::new(kind_of(kind), message).with_retryable(*retryable == b"1"))
            }
            _ => Err(gone(malformed())),
        }
    }

    /// Tells why the tunnel failed. Without a launcher that listens it goes to stderr, where ssh's own words go.
    pub async fn failed(&self, failure: &TunnelFailure) {
        let retryable: &[u8] = if failure.retryable { b"1" } else { b"0" };
        let fields = [FAILED, kind_word(failure.kind).as_bytes(), retryable, failure.message.as_bytes()];
        if send(&mut *self.stream.lock().await, &fields).await.is_err() {
            say(&failure.message);
        }
    }

    async fn ask(&self, question: &[u8]) -> io::Result<Vec<Zeroizing<Vec<u8>>>> {
        let mut stream = self.stream.lock().await;
        send(&mut *stream, &[question]).await?;
        receive(&mut *stream).await?.ok_or(io::ErrorKind::UnexpectedEof.into())
    }
}

/// One line on stderr; ssh hands on its own.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "tunnel: {message}");
}

fn read_headers(fields: &[&[u8]]) -> Option<Headers> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned).ok();
    let pairs = fields.chunks(2).map(|pair| match pair {
        [name, value] => Some((text(name)?, text(value)?.into())),
        _ => None,
    });
    pairs.collect()
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn gone(error: io::Error) -> ProviderError {
    let message = format!("the program that started ssh does not say what to dial: {error}");
    ProviderError::new(ErrorKind::Local, message).with_source(error)
}
