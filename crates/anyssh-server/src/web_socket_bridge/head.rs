//! The head of an upgrade request, and the answer to it (RFC 6455 §4.2).

use std::io;

use anyssh_core::secrecy::{ExposeSecret as _, SecretString};
use base64ct::{Base64, Encoding as _};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// The longest head that is read, in bytes.
const LONGEST_HEAD: u64 = 64 * 1024;

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct RequestHead {
    /// Method and path, without the query, which may hold a token.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl RequestHead {
    /// Reads a head; what comes after it stays in `stream`.
    pub(crate) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let mut limited = stream.take(LONGEST_HEAD);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            limited.read_line(&mut line).await?;
            if !line.ends_with('\n') {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match line.trim_end() {
                "" => break,
                text => lines.push(text.to_owned()),
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let line = format!("{method} {}", path.split('?').next().unwrap_or_default());
        let header = |line: String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Ok(Self { line, headers: lines.filter_map(header).collect() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether this token, if any is asked for, is shown.
    pub(crate) fn is_allowed(&self, bearer: Option<&SecretString>) -> bool {
        let Some(token) = bearer else { return true };
        let shown = self.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        shown == Some(token.expose_secret())
    }

    /// The answer that switches, or the status of a request that cannot be switched.
    pub(crate) fn switch(&self, more: Option<&str>) -> Result<String, u16> {
        let is = |name, word: &str| {
            let words = self.header(name).unwrap_or_default().split(',');
            words.map(str::trim).any(|found| found.eq_ignore_ascii_case(word))
        };
        let key = self.header("sec-websocket-key").filter(|key| key.len() == 24);
        let (true, true, Some(key)) = (is("upgrade", "websocket"), is("connection", "upgrade"), key) else {
            return Err(400);
        };
        if self.header("sec-websocket-version") != Some("13") {
            return Err(426);
        }
        let more = more.map(|line| format!("{line}\r\n")).unwrap_or_default();
        Ok(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{more}Sec-WebSocket-Accept: {}\r\n\r\n",
            accept(key)
        ))
    }
}

/// A whole answer without a switch.
pub(crate) fn refusal(status: u16, more: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} -\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

fn accept(key: &str) -> String {
    Base64::encode_string(&Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
