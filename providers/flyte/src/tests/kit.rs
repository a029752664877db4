//! A pod: a server that says an SSH banner, behind a bridge that asks for a token.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyssh_core::{Deadline, async_trait};
use anyssh_server::{BridgeConfig, Script, WebSocketBridge};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::auth::{AuthError, Freshness, Token, TokenSource};
use crate::testing::{Exchange, Server, details};

/// The token that every bridge asks for: the second one of [`Numbered`].
pub(crate) const GOOD: &str = "token-2";

/// A pod whose bridge behaves as the script says.
pub(crate) async fn pod(script: Script) -> WebSocketBridge {
    let config = BridgeConfig::new(banner_server().await).with_bearer(GOOD.into());
    WebSocketBridge::start(config.with_script(script)).unwrap()
}

/// Says who it is to everybody, and no more.
async fn banner_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(b"SSH-2.0-AsyncSSH_2.22.0\r\n").await;
                let _ = stream.read(&mut [0; 64]).await;
            });
        }
    });
    address
}

/// The link to a pod, as the control plane tells it.
pub(crate) fn link(pod: &WebSocketBridge) -> String {
    pod.url("/pod/6060/?target_port=6060").replacen("ws://", "http://", 1)
}

/// Tokens `token-1`, `token-2`, …: a new one each time that a new one is asked for.
#[derive(Debug)]
pub(crate) struct Numbered(pub(crate) AtomicUsize);

impl Numbered {
    pub(crate) fn beginning_at(number: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(number)))
    }
}

#[async_trait]
impl TokenSource for Numbered {
    async fn token(&self, _: Deadline, freshness: Freshness) -> Result<Token, AuthError> {
        let number = match freshness {
            Freshness::New => self.0.fetch_add(1, Ordering::SeqCst) + 1,
            Freshness::Kept => self.0.load(Ordering::SeqCst),
        };
        let rpc_header = "flyte-authorization".to_owned();
        Ok(Token { secret: format!("token-{number}").into(), expires_at: None, rpc_header })
    }
}

/// What the run is, until the test says otherwise.
#[derive(Clone)]
pub(crate) struct Run(Arc<Mutex<Value>>);

impl Run {
    pub(crate) fn new(phase: &str, link: Option<&str>) -> Self {
        Self(Arc::new(Mutex::new(details(phase, link))))
    }

    pub(crate) fn becomes(&self, phase: &str, link: Option<&str>) {
        *self.0.lock().unwrap() = details(phase, link);
    }

    pub(crate) fn now(&self) -> Value {
        self.0.lock().unwrap().clone()
    }
}

/// A control plane that knows this run, has no streams, and takes its abortion.
pub(crate) async fn control_plane(run: &Run) -> Server {
    let run = run.clone();
    Server::start(move |exchange: Exchange| {
        let run = run.clone();
        async move {
            let body: Value = serde_json::from_slice(&exchange.body).unwrap();
            let asked = body.pointer("/actionId/run/name").or(body.pointer("/runId/name")).cloned();
            match exchange.method.as_str() {
                "GetActionDetails" | "AbortRun" if asked != Some(json!("r1")) => {
                    exchange.json(404, &json!({"code": "not_found", "message": "no such run"})).await;
                }
                "GetActionDetails" => exchange.json(200, &run.now()).await,
                "AbortRun" => {
                    run.becomes("ABORTED", None);
                    exchange.json(200, &json!({})).await;
                }
                "ListRuns" => exchange.json(200, &runs(body.pointer("/request/token"))).await,
                _ => exchange.json(404, &Value::Null).await,
            }
        }
    })
    .await
}

/// Two pages of runs.
fn runs(token: Option<&Value>) -> Value {
    let run = |name: &str, phase: &str| {
        let metadata = json!({"task": {"shortName": "main\u{1b}"}});
        json!({"action": {"id": {"run": {"name": name}, "name": "a0"}, "status": {"phase": phase}, "metadata": metadata}})
    };
    match token {
        None => json!({"runs": [run("r1", "ACTION_PHASE_RUNNING"), run("r2", "ACTION_PHASE_FAILED")], "token": "t"}),
        Some(_) => json!({"runs": [{"action": {"id": {"run": {"name": "r3"}, "name": "a0"}}}]}),
    }
}
