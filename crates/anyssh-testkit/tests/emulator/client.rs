//! A client that sends exactly what it is told to, one connection for each request.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyssh_testkit::emulator::{DedalusEmulator, Leap0Emulator, Machine};
use anyssh_testkit::key;
use serde_json::{Value, json};

/// An emulator, whichever it is.
pub(crate) trait ControlPlane {
    fn base_url(&self) -> String;
    fn api_key(&self) -> &str;
}

impl ControlPlane for DedalusEmulator {
    fn base_url(&self) -> String {
        self.base_url()
    }

    fn api_key(&self) -> &str {
        self.api_key()
    }
}

impl ControlPlane for Leap0Emulator {
    fn base_url(&self) -> String {
        self.base_url()
    }

    fn api_key(&self) -> &str {
        self.api_key()
    }
}

/// The default machine.
pub(crate) fn machine() -> String {
    Machine::default().id().to_owned()
}

/// The path of the machine's sessions.
pub(crate) fn sessions_path() -> String {
    format!("/v1/machines/{}/ssh", machine())
}

/// A good idempotency key, another one for each number.
pub(crate) fn idempotency_key(number: u32) -> String {
    format!("0199b1c200007000800000000000{number:04x}")
}

/// What `key(1)` sends to create.
pub(crate) fn create_body() -> String {
    json!({"public_key": key(1).public_key().to_openssh().unwrap()}).to_string()
}

/// A request that is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// `GET /path`, with the emulator's key.
    pub(crate) fn new(emulator: &impl ControlPlane, line: &str) -> Self {
        Self { line: line.to_owned(), headers: Vec::new(), body: String::new() }
            .header("authorization", &format!("Bearer {}", emulator.api_key()))
    }

    /// A good create with the key of this number.
    pub(crate) fn create(emulator: &DedalusEmulator, number: u32) -> Self {
        Self::new(emulator, &format!("POST {}", sessions_path()))
            .header("idempotency-key", &idempotency_key(number))
            .json(&create_body())
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn json(self, body: &str) -> Self {
        Self { body: body.to_owned(), ..self.without("content-type").header("content-type", "application/json") }
    }

    pub(crate) fn line(mut self, line: &str) -> Self {
        self.line = line.to_owned();
        self
    }

    /// Sends it and reads until the connection ends.
    pub(crate) fn try_send(&self, emulator: &impl ControlPlane) -> io::Result<Reply> {
        read(self.start(emulator)?)
    }

    pub(crate) fn send(&self, emulator: &impl ControlPlane) -> Reply {
        self.try_send(emulator).unwrap()
    }

    /// Sends it and leaves the answer to the caller.
    pub(crate) fn start(&self, emulator: &impl ControlPlane) -> io::Result<TcpStream> {
        let url = emulator.base_url();
        let (address, prefix) = match url.strip_prefix("http://").unwrap().split_once('/') {
            Some((address, prefix)) => (address.to_owned(), format!("/{prefix}")),
            None => (url.strip_prefix("http://").unwrap().to_owned(), String::new()),
        };
        let (method, path) = self.line.split_once(' ').unwrap();
        let mut text = format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        let mut stream = TcpStream::connect(&address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(format!("{text}\r\n{}", self.body).as_bytes())?;
        Ok(stream)
    }
}

fn read(mut stream: TcpStream) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Reply { status, head, body: bytes[end + 4..].to_vec() })
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// `status` and `error_code` (or the title of a problem document).
    pub(crate) fn failure(&self) -> (u16, String) {
        let body = self.json();
        let word = body["error_code"].as_str().or(body["title"].as_str()).unwrap_or_default();
        let kind = if body["error_code"].is_string() { "application/json" } else { "application/problem+json" };
        assert!(self.head.contains(&format!("content-type: {kind}\r\n")), "{}", self.head);
        (self.status, word.to_owned())
    }
}

/// Makes a session and asks until it is ready.
pub(crate) fn ready(emulator: &DedalusEmulator, number: u32) -> Value {
    let mut session = Call::create(emulator, number).send(emulator).json();
    for _ in 0..20 {
        if session["status"] == "ready" {
            return session;
        }
        session = get(emulator, session["session_id"].as_str().unwrap()).json();
    }
    panic!("never ready: {session}");
}

pub(crate) fn get(emulator: &DedalusEmulator, id: &str) -> Reply {
    Call::new(emulator, &format!("GET {}/{id}", sessions_path())).send(emulator)
}

pub(crate) fn delete(emulator: &DedalusEmulator, id: &str, number: u32) -> Reply {
    Call::new(emulator, &format!("DELETE {}/{id}", sessions_path()))
        .header("idempotency-key", &idempotency_key(number))
        .send(emulator)
}
