//! A client that sends exactly what it is told to.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyssh_testkit::emulator::FlyteEmulator;
use serde_json::{Value, json};

/// The path of a call of the run service.
pub(crate) fn run_service(method: &str) -> String {
    format!("/flyteidl2.workflow.RunService/{method}")
}

/// A request that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(line: &str) -> Self {
        Self { line: line.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A unary call in JSON.
    pub(crate) fn call(path: &str, input: &Value) -> Self {
        Self::new(&format!("POST {path}")).typed("application/json", input.to_string().into_bytes())
    }

    /// A call of the run service.
    pub(crate) fn run(method: &str, input: &Value) -> Self {
        Self::call(&run_service(method), input)
    }

    pub(crate) fn form(path: &str, pairs: &[(&str, &str)]) -> Self {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        Self::new(&format!("POST {path}")).typed("application/x-www-form-urlencoded", text.join("&").into_bytes())
    }

    pub(crate) fn typed(self, kind: &str, body: Vec<u8>) -> Self {
        Self { body, ..self.without("content-type") }.header("content-type", kind)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Sends it and leaves the answer to the caller.
    pub(crate) fn start(&self, base_url: &str) -> TcpStream {
        let address = base_url.strip_prefix("http://").unwrap();
        let mut text = format!("{} HTTP/1.1\r\nhost: {address}\r\n", self.line);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let head = format!("{text}content-length: {}\r\n\r\n", self.body.len());
        stream.write_all(&[head.as_bytes(), &self.body].concat()).unwrap();
        stream
    }

    /// Sends it and reads until the connection ends.
    pub(crate) fn try_send(&self, base_url: &str) -> io::Result<Reply> {
        let mut stream = self.clone().header("connection", "close").start(base_url);
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Reply::read(&bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    pub(crate) fn send(&self, emulator: &FlyteEmulator) -> Reply {
        self.try_send(&emulator.base_url()).unwrap()
    }
}

/// Everything but letters and digits as `%XX`.
pub(crate) fn encoded(text: &str) -> String {
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

impl Reply {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = bytes[end + 4..].to_vec();
        let body = if head.contains("transfer-encoding: chunked") { unchunked(&body) } else { body };
        Some(Self { status, head, body })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The status and the code of a call that failed.
    pub(crate) fn failure(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The status and the error of a login that failed (RFC 6749 §5.2).
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    /// The envelopes of a stream: flags and messages. The last one may be cut.
    pub(crate) fn envelopes(&self) -> Vec<(u8, Value)> {
        let (mut found, mut rest) = (Vec::new(), self.body.as_slice());
        while let Some(([flags, length @ ..], after)) = rest.split_first_chunk::<5>() {
            let (message, after) = after.split_at(u32::from_be_bytes(*length) as usize);
            found.push((*flags, serde_json::from_slice(message).unwrap()));
            rest = after;
        }
        found
    }
}

/// RFC 9112 §7.1, up to where it was cut.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let Some(chunk) = body.get(end + 2..end + 2 + length) else { break };
        found.extend_from_slice(chunk);
        body = body.get(end + 4 + length..).unwrap_or_default();
    }
    found
}

/// `RunIdentifier` for the emulator's place.
pub(crate) fn run_id(name: &str) -> Value {
    json!({"org": "acme", "project": "pond", "domain": "development", "name": name})
}

/// `{"actionId": …}`.
pub(crate) fn by_action(run: &str, action: &str) -> Value {
    json!({"actionId": {"run": run_id(run), "name": action}})
}

/// `GetActionDetails` for `a0` of `pond-dbg`: its `details`.
pub(crate) fn details(emulator: &FlyteEmulator) -> Value {
    Ask::run("GetActionDetails", &by_action("pond-dbg", "a0")).send(emulator).json()["details"].take()
}
