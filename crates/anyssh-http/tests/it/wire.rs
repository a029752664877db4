//! What goes over the wire.

use anyssh_core::ErrorKind;
use anyssh_http::{BaseUrl, Header, HttpClient, Method, RetryPolicy};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use wiremock::matchers::{body_json, body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::kit::{KEY, RawServer, client, key, read_head, within};

#[tokio::test]
async fn a_call_carries_its_path_query_headers_and_body() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/prefix/v1/machines/m1/ssh/"))
        .and(query_param("cursor", "a+b&c=d"))
        .and(header("authorization", format!("Bearer {KEY}")))
        .and(header("x-org", "o1"))
        .and(header("idempotency-key", key().as_str()))
        .and(header("content-type", "application/json"))
        .and(header("accept", "application/json"))
        .and(header("user-agent", "mine/1"))
        .and(body_json(json!({"public_key": "k"})))
        .respond_with(ResponseTemplate::new(201).set_body_json(json!({"id": 7})))
        .expect(1)
        .mount(&server)
        .await;
    let answer = client(&format!("{}/prefix/", server.uri()))
        .with_header(Header::parse("ua", "user-agent", "mine/1").unwrap())
        .post(&["v1", "machines", "m1", "ssh"], RetryPolicy::SameKey(key()), within(5000))
        .with_final_slash()
        .with_query("cursor", "a+b&c=d")
        .with_header(Header::parse("org", "x-org", "o1").unwrap())
        .with_json(&json!({"public_key": "k"}))
        .send(&[201])
        .await
        .unwrap();
    assert_eq!((answer.status(), answer.json::<Value>().unwrap()), (201, json!({"id": 7})));
}

/// The Python SDK of Leap0 does the same: `content-length: 0` and no content type.
#[tokio::test]
async fn a_post_without_a_body_says_that_it_has_none() {
    let (heads, mut seen) = mpsc::unbounded_channel();
    let server = RawServer::start(move |_, mut stream| {
        let heads = heads.clone();
        async move {
            heads.send(read_head(&mut stream).await.to_lowercase()).unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    })
    .await;
    let client = client(&server.uri());
    client.post(&["a"], RetryPolicy::OnlyIfNotSent, within(5000)).send(&[204]).await.unwrap();
    let post = seen.recv().await.unwrap();
    assert_eq!(post.matches("content-length: 0\r\n").count(), 1, "{post}");
    assert!(post.starts_with("post /a http/1.1\r\n") && !post.contains("content-type"), "{post}");
    client.get(&["a"], within(5000)).send(&[204]).await.unwrap();
    let get = seen.recv().await.unwrap();
    assert!(!get.contains("content-length") && !get.contains("accept-encoding"), "{get}");
}

#[tokio::test]
async fn a_form_is_encoded_and_its_secret_hidden() {
    let server = MockServer::start().await;
    Mock::given(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string("grant_type=device&code=a%2Bb%26c"))
        .respond_with(ResponseTemplate::new(400).set_body_json(json!({"error_description": "code a+b&c-long is old"})))
        .expect(1)
        .mount(&server)
        .await;
    let call = client(&server.uri()).post(&["token"], RetryPolicy::OnlyIfNotSent, within(5000));
    let call = call.with_form(&[("grant_type", "device"), ("code", "a+b&c")]).hiding(&"a+b&c-long".into());
    assert_eq!(call.send(&[200]).await.unwrap_err().to_string(), "POST /token: HTTP 400: code *** is old");
}

/// S7: an id never becomes more or less than one segment, whatever is in it.
#[tokio::test]
async fn an_id_stays_one_segment() {
    let server = MockServer::start().await;
    Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let client = client(&server.uri());
    for id in ["a/../b", "..%2f", "?x", "#x", "\\", "//evil.example", " "] {
        client.delete(&["v1", "sandbox", id, "ssh"], within(5000)).send(&[204]).await.unwrap();
    }
    for request in server.received_requests().await.unwrap() {
        let segments: Vec<_> = request.url.path_segments().unwrap().collect();
        assert_eq!(segments.len(), 4, "{}", request.url);
        assert_eq!((segments[1], segments[3], request.url.query()), ("sandbox", "ssh", None));
    }
    for id in ["", ".", ".."] {
        let error = client.delete(&["v1", "sandbox", id, "ssh"], within(5000)).send(&[204]).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Usage, 0), "{error}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 7);
}

/// N1: a redirect is an error, and where it points to hears nothing: neither key nor body.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let evil = RawServer::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
    for status in [301, 302, 303, 307, 308] {
        let server = MockServer::start().await;
        let there = ResponseTemplate::new(status).insert_header("location", evil.uri());
        Mock::given(method("POST")).respond_with(there).expect(1).mount(&server).await;
        let call = client(&server.uri()).post(&["a"], RetryPolicy::SameKey(key()), within(5000));
        let error = call.with_json(&json!({"password": "p"})).send(&[200]).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Protocol, Some(status)));
        assert!(error.to_string().contains(&format!("redirect to {}", evil.uri())), "{error}");
        assert!(!error.may_have_arrived(), "{error}");
    }
    assert_eq!(evil.connections(), 0);
}

/// N2, K5: where plain http was chosen for a server beyond loopback, no secret is sent: not in a header,
/// not in a body. The name resolves nowhere, so what is refused here never left.
#[tokio::test]
async fn no_secret_goes_over_plain_http_beyond_loopback() {
    let base = BaseUrl::parse_plain_too("base", "http://flyte.invalid:8089").unwrap();
    let plain = HttpClient::new(base);
    let header = Header::secret("key", "x-api-key", "k".into()).unwrap();
    for call in [
        plain.clone().with_header(header.clone()).get(&["a"], within(5000)),
        plain.get(&["a"], within(5000)).with_header(header),
        plain.post(&["a"], RetryPolicy::Safe, within(5000)).with_form(&[("s", "short")]).hiding(&"short".into()),
    ] {
        let error = call.send(&[200]).await.unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Config, 0), "{error}");
        assert!(error.to_string().contains("plain http beyond loopback"), "{error}");
    }
    let error = plain.get(&["a"], within(300)).send(&[200]).await.unwrap_err();
    assert!(error.attempts() > 0, "a call without a secret is sent: {error}");
}

/// K6: neither a client nor a call nor an answer shows a secret.
#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let server = MockServer::start().await;
    let body = ResponseTemplate::new(200).set_body_json(json!({"password": "hunter22"}));
    Mock::given(method("GET")).respond_with(body).mount(&server).await;
    let client = client(&server.uri());
    let call = client.get(&["a"], within(5000));
    let shown = format!("{client:?} {call:?}");
    let answer = call.send(&[200]).await.unwrap();
    let shown = format!("{shown} {answer:?} {answer:#?}");
    assert!(!shown.contains(KEY) && !shown.contains("hunter22"), "{shown}");
    assert!(shown.contains("authorization"), "the names may be seen: {shown}");
}

#[tokio::test]
async fn any_method_can_be_called_and_a_changed_clone_is_another_client() {
    let server = MockServer::start().await;
    Mock::given(method("PUT")).and(header("x-a", "1")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let plain = HttpClient::new(BaseUrl::parse("base", &server.uri()).unwrap());
    let changed = plain.clone().with_header(Header::parse("a", "x-a", "1").unwrap());
    assert!(plain.call(Method::PUT, &["a"], RetryPolicy::Safe, within(5000)).send(&[200]).await.is_err());
    assert!(changed.call(Method::PUT, &["a"], RetryPolicy::Safe, within(5000)).send(&[200]).await.is_ok());
}

/// Providers send inside `async_trait` methods, whose futures must be `Send`.
#[test]
fn sending_can_be_done_inside_the_trait() {
    fn check(_: impl Future + Send) {}
    check(client("http://127.0.0.1:1").get(&["a"], within(0)).send(&[200]));
}
