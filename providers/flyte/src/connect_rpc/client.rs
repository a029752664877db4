//! Unary RPCs: one JSON message out, one in.

use std::sync::Arc;

use anyssh_core::Deadline;
use anyssh_http::{Answer, Call, Header, HttpClient, RetryPolicy};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::RpcError;
use super::request_id;
use crate::auth::{Freshness, Gateway, Token, TokenSource};

/// The largest answer that is passed on, in bytes: the inputs and outputs of an action, or its task.
pub(crate) const LARGEST_BULK: usize = 64 * 1024 * 1024;

/// One method of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Procedure {
    /// With its package: `flyteidl2.workflow.RunService`.
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    /// Whether a second arrival changes nothing.
    pub(crate) repeatable: bool,
}

impl Procedure {
    /// A method that may be sent again.
    pub(crate) const fn repeatable(service: &'static str, method: &'static str) -> Self {
        Self { service, method, repeatable: true }
    }

    /// A method that would act twice.
    pub(crate) const fn once(service: &'static str, method: &'static str) -> Self {
        Self { service, method, repeatable: false }
    }
}

/// A client for the services of one origin.
#[derive(Clone, Debug)]
pub(crate) struct ConnectClient {
    http: HttpClient,
    tokens: Option<Arc<dyn TokenSource>>,
    /// In front of this origin, and of no other.
    gateway: Option<Arc<Gateway>>,
}

/// What a call shows: to the control plane, and to a gateway in front of it.
#[derive(Debug)]
pub(super) struct Credentials {
    token: Option<Token>,
    gateway: Option<SecretString>,
}

impl ConnectClient {
    /// A client that sends no token: for the RPCs that say how to get one, and for plain HTTP.
    pub(crate) fn anonymous(http: HttpClient) -> Self {
        Self { http, tokens: None, gateway: None }
    }

    /// A client that sends the tokens of this source.
    pub(crate) fn new(http: HttpClient, tokens: Option<Arc<dyn TokenSource>>) -> Self {
        Self { http, tokens, gateway: None }
    }

    /// The same with the same tokens, to another origin.
    pub(crate) fn to(&self, http: HttpClient) -> Self {
        Self { http, tokens: self.tokens.clone(), gateway: None }
    }

    /// The same, where a gateway stands in front of the control plane.
    pub(crate) fn behind(self, gateway: Option<Arc<Gateway>>) -> Self {
        Self { gateway, ..self }
    }

    /// Calls a method. A token that is refused is replaced by a new one, once.
    ///
    /// # Errors
    /// By `deadline` at the latest.
    pub(crate) async fn unary<T: DeserializeOwned>(
        &self,
        procedure: Procedure,
        request: &impl Serialize,
        deadline: Deadline,
    ) -> Result<T, RpcError> {
        Ok(self.answer(procedure, request, deadline, |call| call).await?.json()?)
    }

    /// Calls a method whose answer is passed on and not read: as it came, up to [`LARGEST_BULK`].
    ///
    /// # Errors
    /// By `deadline` at the latest.
    pub(crate) async fn bulk(
        &self,
        procedure: Procedure,
        request: &impl Serialize,
        deadline: Deadline,
    ) -> Result<Answer, RpcError> {
        self.answer(procedure, request, deadline, |call| call.with_largest_answer(LARGEST_BULK)).await
    }

    async fn answer(
        &self,
        procedure: Procedure,
        request: &impl Serialize,
        deadline: Deadline,
        change: impl Fn(Call) -> Call,
    ) -> Result<Answer, RpcError> {
        let attempt = async |freshness| -> Result<Answer, RpcError> {
            let credentials = self.credentials(deadline, freshness).await?;
            let call = self.call(procedure, &credentials, deadline)?;
            Ok(change(call.with_json(request)).send(&[200]).await?)
        };
        // What opens a gateway can be over, too, also where nothing else is sent.
        let has_another = self.tokens.is_some() || self.gateway.is_some();
        match attempt(Freshness::Kept).await {
            Err(error) if has_another && error.wants_another_token() => attempt(Freshness::New).await,
            other => other,
        }
    }

    pub(super) async fn credentials(&self, deadline: Deadline, freshness: Freshness) -> Result<Credentials, RpcError> {
        let gateway = match &self.gateway {
            Some(gateway) => Some(gateway.token(deadline, freshness).await?),
            None => None,
        };
        let token = match &self.tokens {
            Some(tokens) => Some(tokens.token(deadline, freshness).await?),
            None => None,
        };
        Ok(Credentials { token, gateway })
    }

    pub(super) fn call(
        &self,
        procedure: Procedure,
        credentials: &Credentials,
        deadline: Deadline,
    ) -> Result<Call, RpcError> {
        let policy = if procedure.repeatable { RetryPolicy::Safe } else { RetryPolicy::OnlyIfNotSent };
        let call = self.http.post(&[procedure.service, procedure.method], policy, deadline);
        let call = call.with_header(header("connect-protocol-version", "1")?);
        let call = call.with_header(header("x-request-id", &request_id::random())?);
        let call = match &credentials.gateway {
            Some(token) => call.with_header(gateway_header(token)?),
            None => call,
        };
        match &credentials.token {
            Some(token) => Ok(call.with_header(bearer(token)?)),
            None => Ok(call),
        }
    }
}

fn gateway_header(token: &SecretString) -> Result<Header, RpcError> {
    Header::proxy_bearer("admin.proxyCommand", token).map_err(RpcError::answered_wrongly)
}

fn header(name: &'static str, value: &str) -> Result<Header, RpcError> {
    Header::parse(name, name, value).map_err(RpcError::answered_wrongly)
}

fn bearer(token: &Token) -> Result<Header, RpcError> {
    let value = format!("Bearer {}", token.secret.expose_secret());
    Header::secret("authorization_metadata_key", &token.rpc_header, value.into()).map_err(RpcError::answered_wrongly)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use anyssh_core::{ErrorKind, async_trait};
    use anyssh_http::{BaseUrl, Value};
    use serde_json::json;
    use wiremock::matchers::{body_json, header, header_exists, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::auth::AuthError;
    use crate::connect_rpc::Code;

    const METHOD: Procedure = Procedure::repeatable("a.b.Service", "Method");
    const ONCE: Procedure = Procedure::once("a.b.Service", "Method");

    /// Tokens `token-1`, `token-2`, …: a new one each time that a new one is asked for.
    #[derive(Debug, Default)]
    struct Numbered(AtomicUsize);

    #[async_trait]
    impl TokenSource for Numbered {
        async fn token(&self, _: Deadline, freshness: Freshness) -> Result<Token, AuthError> {
            let step = if freshness == Freshness::New { 1 } else { 0 };
            let number = self.0.fetch_add(step, Ordering::SeqCst) + step + 1;
            let rpc_header = "flyte-authorization".to_owned();
            Ok(Token { secret: format!("token-{number}").into(), expires_at: None, rpc_header })
        }
    }

    fn client(server: &MockServer) -> ConnectClient {
        let http = HttpClient::new(BaseUrl::parse("endpoint", &server.uri()).unwrap());
        ConnectClient::new(http, Some(Arc::new(Numbered::default())))
    }

    fn soon() -> Deadline {
        Deadline::at(Instant::now() + Duration::from_secs(20))
    }

    async fn answered(status: u16, body: &str, content_type: &str) -> RpcError {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_raw(body.as_bytes().to_vec(), content_type);
        Mock::given(path("/a.b.Service/Method")).respond_with(answer).mount(&server).await;
        client(&server).unary::<Value>(ONCE, &json!({}), soon()).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_call_is_a_post_of_json_with_the_headers_of_the_protocol() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/a.b.Service/Method"))
            .and(header("content-type", "application/json"))
            .and(header("connect-protocol-version", "1"))
            .and(header("flyte-authorization", "Bearer token-1"))
            .and(header_exists("x-request-id"))
            .and(body_json(json!({"runId": {"name": "r1"}})))
            .respond_with(
                ResponseTemplate::new(200)
                    .set_body_raw(br#"{"a": 1, "new": {}}"#.to_vec(), "application/json; charset=utf-8"),
            )
            .expect(1)
            .mount(&server)
            .await;
        let request = json!({"runId": {"name": "r1"}});
        let answer: Value = client(&server).unary(METHOD, &request, soon()).await.unwrap();
        assert_eq!(answer["a"], 1);
    }

    #[tokio::test]
    async fn each_form_of_an_error_has_its_code_and_its_words() {
        let json = "application/json";
        let not_found =
            answered(404, r#"{"code":"not_found","message":"no run r1","details":[{"type":"t","value":"e"}]}"#, json);
        let error = not_found.await;
        assert_eq!((error.code(), error.kind()), (Some(Code::NotFound), ErrorKind::NotFound));
        assert_eq!(error.to_string(), "POST /a.b.Service/Method: HTTP 404: not_found: no run r1");
        // The word decides, not the status; a word that is not known leaves it to the status.
        let cases = [
            (400, r#"{"code":"failed_precondition"}"#, Code::FailedPrecondition),
            (500, r#"{"code":"already_exists"}"#, Code::AlreadyExists),
            (503, r#"{"code":"teapot"}"#, Code::Unavailable),
            (404, "", Code::Unimplemented),
            (415, "", Code::Unimplemented),
            (501, r#"{"code":"unimplemented"}"#, Code::Unimplemented),
            (403, "<html>no</html>", Code::PermissionDenied),
            (429, "slow", Code::Unavailable),
            (418, "", Code::Unknown),
        ];
        for (status, body, code) in cases {
            assert_eq!(answered(status, body, json).await.code(), Some(code), "{status} {body}");
        }
    }

    /// An answer without a word of the protocol is what its status is in HTTP, and not "try again later".
    #[tokio::test]
    async fn a_bare_status_keeps_its_meaning() {
        for (status, kind) in [
            (400, ErrorKind::Protocol),
            (404, ErrorKind::Protocol),
            (407, ErrorKind::Unauthenticated),
            (409, ErrorKind::Conflict),
            (413, ErrorKind::Protocol),
            (418, ErrorKind::Protocol),
            (500, ErrorKind::Unavailable),
        ] {
            assert_eq!(answered(status, "", "text/plain").await.kind(), kind, "{status}");
        }
        let told = answered(500, r#"{"code":"unknown"}"#, "application/json").await;
        assert_eq!(told.kind(), ErrorKind::Unavailable);
    }

    /// N1: a page, a redirect to a login and another content type say that this is no API.
    #[tokio::test]
    async fn what_is_no_api_says_so() {
        let page = answered(200, "<html>log in</html>", "text/html").await;
        assert!(page.to_string().contains("HTML") && page.kind() == ErrorKind::Protocol, "{page}");
        let other = answered(200, "x", "application/grpc").await;
        assert!(other.to_string().contains("content type"), "{other}");
        let redirect = answered(302, "", "text/plain").await;
        assert!(redirect.to_string().contains("redirect") && redirect.kind() == ErrorKind::Protocol, "{redirect}");
        assert!(!redirect.is_unimplemented());
    }

    /// N7: a refused token is replaced once; a second refusal is the answer.
    #[tokio::test]
    async fn a_refused_token_is_replaced_once() {
        let server = MockServer::start().await;
        Mock::given(header("flyte-authorization", "Bearer token-2"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"ok": true})))
            .expect(1)
            .mount(&server)
            .await;
        // The open-source backend answers a bare 401.
        Mock::given(header("flyte-authorization", "Bearer token-1"))
            .respond_with(ResponseTemplate::new(401))
            .expect(1)
            .mount(&server)
            .await;
        let answer: Value = client(&server).unary(METHOD, &json!({}), soon()).await.unwrap();
        assert_eq!(answer["ok"], true);

        let refusing = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(
                ResponseTemplate::new(401)
                    .set_body_json(json!({"code": "unauthenticated", "message": "Bearer token-2 has expired"})),
            )
            .expect(2)
            .mount(&refusing)
            .await;
        let error = client(&refusing).unary::<Value>(METHOD, &json!({}), soon()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        assert!(error.to_string().ends_with("unauthenticated: *** has expired"), "{error}");
    }

    /// N4: what would act twice is not repeated after an answer that says nothing about the first.
    #[tokio::test]
    async fn what_would_act_twice_is_sent_once() {
        for (procedure, times) in [(ONCE, 1), (METHOD, 4)] {
            let server = MockServer::start().await;
            Mock::given(method("POST"))
                .respond_with(ResponseTemplate::new(503).append_header("retry-after-ms", "1"))
                .expect(times)
                .mount(&server)
                .await;
            let error = client(&server).unary::<Value>(procedure, &json!({}), soon()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
    }
}
