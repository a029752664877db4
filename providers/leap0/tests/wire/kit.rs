//! What the tests share: one good answer to change one thing in, and servers of both generations.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyssh_core::ssh_key::PrivateKey;
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::{
    CreateRequest, Deadline, IdempotencyKey, KeyPair, ProviderError, Session, SessionId, SessionRef, Settings,
    SshProvider as _, Target,
};
use anyssh_leap0::{Generation, Leap0Provider};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const SANDBOX: &str = "sbx-abc123";
pub(crate) const ID: &str = "ssh-bb961077616ff86f";
/// Everything that a shell, a prompt or an encoding could trip over.
pub(crate) const PASSWORD: &str = " p'w\"d $HOME `id` \\ % grüße ";
pub(crate) const API_KEY: &str = "l0-test-0123456789";

/// Long enough for anything that is not waiting for something.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// The path below a sandbox.
pub(crate) fn at(rest: &str) -> String {
    format!("/v1/sandbox/{SANDBOX}/{rest}")
}

pub(crate) fn settings(uri: &str) -> Settings {
    Settings::new().with_setting("LEAP0_API_KEY", API_KEY.into()).with_setting("LEAP0_BASE_URL", uri.into())
}

pub(crate) fn provider(server: &MockServer) -> Leap0Provider {
    Leap0Provider::new(&settings(&server.uri())).unwrap()
}

/// A provider that was told the generation.
pub(crate) fn fixed(server: &MockServer, generation: &str) -> Leap0Provider {
    Leap0Provider::new(&settings(&server.uri()).with_setting("ANYSSH_LEAP0_API", generation.into())).unwrap()
}

pub(crate) fn within(duration: Duration) -> Deadline {
    Deadline::at(Instant::now() + duration)
}

pub(crate) fn target() -> Target {
    Target::parse("target", SANDBOX).unwrap()
}

pub(crate) fn request(timeout: Duration) -> CreateRequest {
    let idempotency_key = IdempotencyKey::parse("key", "0190a5b0c0de7000a000000000000001").unwrap();
    let pair = KeyPair::Fresh(Arc::new(PrivateKey::from(Ed25519Keypair::from_seed(&[1; 32]))));
    CreateRequest::new(target(), pair, idempotency_key, SystemTime::now(), within(timeout))
}

pub(crate) fn by_id(id: &str) -> SessionRef {
    SessionRef::by_id(target(), SessionId::parse("id", id).unwrap())
}

pub(crate) fn with_password(id: &str) -> SessionRef {
    by_id(id).with_password(PASSWORD.into())
}

pub(crate) fn by_attempt() -> SessionRef {
    SessionRef::by_attempt(target(), request(LONG).attempt)
}

/// RFC 3339, so many seconds from now.
pub(crate) fn time(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    jiff::Timestamp::from_second(now + seconds).unwrap().to_string()
}

/// A credential in which everything fits.
pub(crate) fn access() -> Value {
    json!({
        "id": ID,
        "sandbox_id": SANDBOX,
        "password": PASSWORD,
        "expires_at": time(3600),
        "created_at": time(0),
        "updated_at": time(0),
        "ssh_command": format!("ssh -o StrictHostKeyChecking=accept-new {ID}@{SANDBOX}.sandbox.leap0.dev"),
    })
}

pub(crate) fn sandbox(state: &str) -> Value {
    json!({"id": SANDBOX, "template_id": "tpl-1", "vcpu": 1, "memory": 512, "disk": 10240, "timeout": 300,
        "state": state, "auto_pause": false, "created_at": time(-10)})
}

pub(crate) fn validation(valid: bool) -> Value {
    json!({"valid": valid, "sandbox_id": SANDBOX})
}

/// `answer` with one field changed; `None` takes it out.
pub(crate) fn with(mut answer: Value, field: &str, value: Option<Value>) -> Value {
    let object = answer.as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(field.to_owned(), value),
        None => object.remove(field),
    };
    answer
}

pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) fn made(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(201).set_body_json(body)
}

pub(crate) fn refusal(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"message": message}))
}

/// Answers `verb path`, the first `times` times.
pub(crate) async fn answer(server: &MockServer, verb: &str, at: &str, times: u64, response: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(response).up_to_n_times(times).mount(server).await;
}

/// A server with a running sandbox that answers a create with `created`, in one generation. What is not
/// mounted is 404, as with the real ones.
pub(crate) async fn server(generation: Generation, created: &Value) -> MockServer {
    let server = MockServer::start().await;
    answer(&server, "GET", &at(""), u64::MAX, ok(&sandbox("running"))).await;
    answer(&server, "POST", &at("ssh/access"), u64::MAX, made(created)).await;
    let id = created["id"].as_str().unwrap_or_default();
    let (validate, delete) = match generation {
        Generation::One => (at("ssh/validate"), at("ssh/access")),
        Generation::Two => (at(&format!("ssh/{id}/validate")), at(&format!("ssh/{id}"))),
    };
    answer(&server, "POST", &validate, u64::MAX, ok(&validation(true))).await;
    answer(&server, "DELETE", &delete, u64::MAX, ResponseTemplate::new(204)).await;
    server
}

pub(crate) async fn create(server: &MockServer) -> Result<Session, ProviderError> {
    provider(server).create(&request(LONG)).await
}

/// The requests that came, as `VERB rest`, where the rest is below the sandbox.
pub(crate) async fn calls(server: &MockServer) -> Vec<String> {
    let shorten = |path: &str| path.strip_prefix(&at("")).unwrap_or(path).to_owned();
    requests(server).await.iter().map(|sent| format!("{} {}", sent.method, shorten(sent.url.path()))).collect()
}

pub(crate) async fn requests(server: &MockServer) -> Vec<Request> {
    server.received_requests().await.unwrap()
}

pub(crate) async fn count(server: &MockServer, call: &str) -> usize {
    calls(server).await.iter().filter(|found| *found == call).count()
}

pub(crate) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

/// S10: fit for a terminal, and without our key or the password.
pub(crate) fn check_message(error: &ProviderError) {
    let shown = format!("{error} {error:?}");
    assert!(!error.to_string().contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown}");
    assert!(error.to_string().len() < 2500, "{shown}");
    assert!(!shown.contains(API_KEY) && !shown.contains(PASSWORD) && !shown.contains("grüße"), "{shown}");
}
