//! What the tests share: one good answer to change one thing in, certificates to mint, servers.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::ssh_key::{PrivateKey, PublicKey};
use anyssh_core::{
    CreateRequest, Deadline, IdempotencyKey, KeyPair, ProviderError, Session, SessionId, SessionRef, Settings,
    SshProvider as _, Target,
};
use anyssh_dedalus::DedalusProvider;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const MACHINE: &str = "0190f3c2-7b1a-7c3e-8f00-1234567890ab";
pub(crate) const SESSION: &str = "wssh-1";
pub(crate) const USER: &str = "wssh-1-login";
pub(crate) const ENDPOINT: &str = "ssh.dedalus.example";
pub(crate) const API_KEY: &str = "dsk-test-0123456789";
pub(crate) const X_API_KEY: &str = "dsk-x-9876543210";
pub(crate) const ATTEMPT_KEY: &str = "0190a5b0c0de7000a000000000000001";

/// The seeds of the keys in the tests.
pub(crate) const OURS: u8 = 1;
pub(crate) const USER_CA: u8 = 2;
pub(crate) const HOST_CA: u8 = 3;

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

pub(crate) fn public_line(seed: u8) -> String {
    PublicKey::new(key(seed).public_key().key_data().clone(), "").to_openssh().unwrap().trim_end().to_owned()
}

pub(crate) fn sessions_path() -> String {
    format!("/v1/machines/{MACHINE}/ssh")
}

pub(crate) fn session_path() -> String {
    format!("/v1/machines/{MACHINE}/ssh/{SESSION}")
}

pub(crate) fn settings(uri: &str) -> Settings {
    Settings::new()
        .with_setting("DEDALUS_API_KEY", API_KEY.into())
        .with_setting("DEDALUS_X_API_KEY", X_API_KEY.into())
        .with_setting("DEDALUS_BASE_URL", uri.into())
}

pub(crate) fn provider(server: &MockServer) -> DedalusProvider {
    DedalusProvider::new(&settings(&server.uri())).unwrap()
}

pub(crate) fn within(duration: Duration) -> Deadline {
    Deadline::at(Instant::now() + duration)
}

/// Long enough for anything that is not waiting for something.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) fn target() -> Target {
    Target::parse("target", MACHINE).unwrap()
}

pub(crate) fn request(timeout: Duration) -> CreateRequest {
    let idempotency_key = IdempotencyKey::parse("key", ATTEMPT_KEY).unwrap();
    let pair = KeyPair::Fresh(Arc::new(key(OURS)));
    CreateRequest::new(target(), pair, idempotency_key, SystemTime::now(), within(timeout))
}

pub(crate) fn by_id(id: &str) -> SessionRef {
    SessionRef::by_id(target(), SessionId::parse("id", id).unwrap())
}

pub(crate) fn by_attempt() -> SessionRef {
    SessionRef::by_attempt(target(), request(LONG).attempt)
}

/// What a certificate says; the default is a good one.
pub(crate) struct Minted {
    pub(crate) kind: CertType,
    pub(crate) subject: u8,
    pub(crate) principals: Vec<&'static str>,
    /// Seconds from now.
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) critical: Vec<(&'static str, &'static str)>,
}

impl Default for Minted {
    fn default() -> Self {
        Self { kind: CertType::User, subject: OURS, principals: vec![USER], from: -60, to: 600, critical: Vec::new() }
    }
}

impl Minted {
    pub(crate) fn line(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let subject = key(self.subject);
        let (from, to) = ((now + self.from) as u64, (now + self.to) as u64);
        let mut builder = Builder::new(vec![7; 16], subject.public_key().key_data().clone(), from, to).unwrap();
        builder.cert_type(self.kind).unwrap();
        builder.key_id(SESSION).unwrap();
        match self.principals.as_slice() {
            [] => {
                builder.all_principals_valid().unwrap();
            }
            some => some.iter().for_each(|principal| {
                builder.valid_principal(*principal).unwrap();
            }),
        }
        for (name, value) in &self.critical {
            builder.critical_option(*name, *value).unwrap();
        }
        builder.extension("permit-pty", "").unwrap();
        builder.sign(&key(USER_CA)).unwrap().to_openssh().unwrap().trim_end().to_owned()
    }
}

/// Made once, since a debug build takes its time to sign.
static GOOD_CERTIFICATE: LazyLock<String> = LazyLock::new(|| Minted::default().line());

/// RFC 3339, so many seconds from now.
pub(crate) fn time(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    jiff::Timestamp::from_second(now + seconds).unwrap().to_string()
}

/// A ready session in which everything fits.
pub(crate) fn ready() -> Value {
    json!({
        "session_id": SESSION,
        "machine_id": MACHINE,
        "status": "ready",
        "created_at": time(-1),
        "ready_at": time(0),
        "expires_at": time(300),
        "connection": {
            "endpoint": ENDPOINT,
            "port": 2222,
            "ssh_username": USER,
            "user_certificate": *GOOD_CERTIFICATE,
            "host_trust": {
                "kind": "cert_authority",
                "host_pattern": "*.dedalus.example",
                "public_key": public_line(HOST_CA),
            },
        },
    })
}

/// A session on its way.
pub(crate) fn pending(status: &str) -> Value {
    json!({"session_id": SESSION, "machine_id": MACHINE, "status": status, "created_at": time(-1), "retry_after_ms": 100})
}

/// A session that is over.
pub(crate) fn over(status: &str) -> Value {
    json!({"session_id": SESSION, "machine_id": MACHINE, "status": status, "created_at": time(-1),
        "error_code": "GUEST_BOOT_FAILED", "error_message": "no\u{1b}[2J luck"})
}

/// `answer` with one thing changed; `None` takes it out.
pub(crate) fn with(mut answer: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = answer.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    answer
}

pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Answers `verb path`, the first `times` times.
pub(crate) async fn answer(server: &MockServer, verb: &str, at: &str, times: u64, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(response).up_to_n_times(times).mount(server).await;
}

/// A server that answers a create with `created` and a delete as it should.
pub(crate) async fn server_creating(created: &Value) -> MockServer {
    let server = MockServer::start().await;
    answer(&server, "POST", &sessions_path(), u64::MAX, ok(created)).await;
    answer(&server, "DELETE", &session_path(), u64::MAX, ok(&over("closed"))).await;
    server
}

pub(crate) async fn create(server: &MockServer) -> Result<Session, ProviderError> {
    provider(server).create(&request(LONG)).await
}

/// The requests that came, as `VERB path`.
pub(crate) async fn calls(server: &MockServer) -> Vec<String> {
    requests(server).await.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}

pub(crate) async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

pub(crate) async fn count(server: &MockServer, verb: &str) -> usize {
    requests(server).await.iter().filter(|request| request.method.as_str() == verb).count()
}

pub(crate) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}
