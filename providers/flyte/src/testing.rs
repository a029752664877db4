//! A control plane for the tests of this crate: each request is answered as the test says, byte by byte if it likes.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, Settings, Surroundings, async_trait};
use anyssh_http::{BaseUrl, HttpClient};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::api::{ControlPlane, Scope};
use crate::auth::{AuthError, Freshness, Token, TokenSource};
use crate::config::Config;
use crate::connect_rpc::ConnectClient;
use crate::flyte::Flyte;
use crate::target::ActionName;

/// One request, and the way to answer it.
pub(crate) struct Exchange {
    /// The method alone: `GetActionDetails`.
    pub(crate) method: String,
    /// How many requests for this method came before.
    pub(crate) number: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    stream: TcpStream,
}

/// A server on loopback.
pub(crate) struct Server {
    pub(crate) uri: String,
    methods: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start<F>(answer: impl Fn(Exchange) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let methods = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), Arc::clone(&methods));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                tokio::spawn(async move {
                    if let Some(exchange) = read(stream, &seen).await {
                        answer(exchange).await;
                    }
                });
            }
        });
        Self { uri, methods }
    }

    /// How many requests for this method came.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.methods.lock().unwrap().iter().filter(|seen| *seen == method).count()
    }

    pub(crate) fn control_plane(&self) -> ControlPlane {
        let http = HttpClient::new(BaseUrl::parse("endpoint", &self.uri).unwrap());
        let rpc = ConnectClient::new(http.clone(), Some(Arc::new(FixedToken)));
        ControlPlane::new(rpc, ConnectClient::anonymous(http), scope())
    }
}

async fn read(stream: TcpStream, seen: &Mutex<Vec<String>>) -> Option<Exchange> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    let method = head.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
    let mut seen = seen.lock().unwrap();
    let number = seen.iter().filter(|other| **other == method).count();
    seen.push(method.clone());
    Some(Exchange { method, number, head, body, stream: reader.into_inner() })
}

impl Exchange {
    pub(crate) async fn json(mut self, status: u16, body: &Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        self.write(format!("{head}{body}").as_bytes()).await;
    }

    /// Answers with this text, byte by byte.
    pub(crate) async fn text(self, body: &str) {
        self.beginning(body.len(), body).await;
    }

    /// Promises an answer of this length, of which only the beginning comes.
    pub(crate) async fn beginning(mut self, length: usize, body: &str) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
        self.write(format!("{head} {length}\r\n\r\n{body}").as_bytes()).await;
    }

    /// Begins a stream of messages.
    pub(crate) async fn stream(&mut self) {
        self.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/connect+json\r\nconnection: close\r\n\r\n").await;
    }

    pub(crate) async fn message(&mut self, message: &Value) {
        self.envelope(0, message).await;
    }

    pub(crate) async fn end(mut self, end: &Value) {
        self.envelope(2, end).await;
    }

    async fn envelope(&mut self, flags: u8, payload: &Value) {
        let payload = payload.to_string();
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.write(&[&[flags], length.as_slice(), payload.as_bytes()].concat()).await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        // The client may be gone: what it then did is for the test to see.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Keeps the connection open until the client closes it.
    pub(crate) async fn hold(mut self) {
        let _ = self.stream.read(&mut [0; 16]).await;
    }
}

/// One token for ever.
#[derive(Debug)]
pub(crate) struct FixedToken;

#[async_trait]
impl TokenSource for FixedToken {
    async fn token(&self, _: Deadline, _: Freshness) -> Result<Token, AuthError> {
        Ok(Token { secret: "token-of-the-tests".into(), expires_at: None, rpc_header: "authorization".to_owned() })
    }
}

pub(crate) fn scope() -> Scope {
    Scope { org: "acme".to_owned(), project: "flytesnacks".to_owned(), domain: "development".to_owned() }
}

pub(crate) fn action() -> ActionName {
    ActionName::new("target", "r1", "a0").unwrap()
}

pub(crate) fn within(seconds: u64) -> Deadline {
    Deadline::at(Instant::now() + Duration::from_secs(seconds))
}

/// The details of `r1/a0` in this phase, with a link if there is one.
pub(crate) fn details(phase: &str, link: Option<&str>) -> Value {
    let run = json!({"org": "acme", "project": "flytesnacks", "domain": "development", "name": "r1"});
    let logs: Vec<Value> = link.iter().map(|uri| json!({"uri": uri, "linkType": "IDE"})).collect();
    json!({"details": {
        "id": {"run": run, "name": "a0"},
        "status": {"phase": format!("ACTION_PHASE_{phase}"), "newField": 1},
        "attempts": [{"attempt": 1, "phase": format!("ACTION_PHASE_{phase}"), "logInfo": logs}],
    }})
}

/// What a user of this control plane without a home has.
pub(crate) fn flyte(server: &Server) -> Flyte {
    flyte_with(server, Surroundings::none())
}

/// What a user of this control plane with this home has.
pub(crate) fn flyte_in(server: &Server, home: &Path) -> Flyte {
    flyte_with(server, Surroundings::none().with_home(home))
}

fn flyte_with(server: &Server, surroundings: Surroundings) -> Flyte {
    flyte_at(&server.uri, surroundings, &[])
}

/// What a user of the control plane at `endpoint` has, with more variables.
pub(crate) fn flyte_at(endpoint: &str, surroundings: Surroundings, more: &[(&str, &str)]) -> Flyte {
    let set = |settings: Settings, (name, value): (&str, &str)| settings.with_setting(name, value.into());
    let values = [
        ("FLYTE_ADMIN_ENDPOINT", endpoint),
        ("FLYTE_TASK_ORG", "acme"),
        ("FLYTE_TASK_PROJECT", "flytesnacks"),
        ("FLYTE_TASK_DOMAIN", "development"),
        ("FLYTE_AUTH_TYPE", "Passthrough"),
    ];
    let values = values.iter().chain(more).copied();
    let config = Config::read(&values.fold(Settings::new().with_surroundings(surroundings), set)).unwrap();
    Flyte::over(config, Some(Arc::new(FixedToken))).unwrap()
}
