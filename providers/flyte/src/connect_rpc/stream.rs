//! Server streams: one JSON message out, many in, and a last one that says how it ended.

use std::marker::PhantomData;

use anyssh_core::Deadline;
use anyssh_http::{AnswerStream, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{ConnectClient, Procedure};
use super::envelope::{self, Envelope, Unwrapper};
use super::error::{Code, RpcError};
use crate::auth::Freshness;

const CONTENT_TYPE: &str = "application/connect+json";

/// The messages of one server stream, in order.
#[derive(Debug)]
pub(crate) struct Messages<T> {
    answer: AnswerStream,
    unwrapper: Unwrapper,
    message: PhantomData<fn() -> T>,
}

impl ConnectClient {
    /// Starts a server stream. Its messages may be minutes apart, so no bound is set on the wait for one:
    /// the caller has its own. Nothing is repeated.
    ///
    /// # Errors
    /// When there is no stream; that of a method that fails at once comes with the first message.
    pub(crate) async fn server_stream<T: DeserializeOwned>(
        &self,
        procedure: Procedure,
        request: &impl Serialize,
        deadline: Deadline,
        freshness: Freshness,
    ) -> Result<Messages<T>, RpcError> {
        let credentials = self.credentials(deadline, freshness).await?;
        let call = self.call(procedure, &credentials, deadline)?;
        // Our own request types always can be written.
        let message = serde_json::to_vec(request).unwrap_or_default();
        let answer = call.with_body(CONTENT_TYPE, envelope::wrap(&message)).open(&[200]).await?;
        match answer.content_type().map(media_type) {
            Some(media_type) if media_type.eq_ignore_ascii_case(CONTENT_TYPE) => {
                Ok(Messages { answer, unwrapper: Unwrapper::default(), message: PhantomData })
            }
            other => {
                let shown = anyssh_core::escape::quoted(other.unwrap_or_default());
                Err(answer.unreadable(&format!("the content type is {shown}, not {CONTENT_TYPE}")).into())
            }
        }
    }
}

impl<T: DeserializeOwned> Messages<T> {
    /// The next message, or `None` when the server ended the stream. Dropped while it waits, it loses nothing.
    ///
    /// # Errors
    /// What the server told at the end, or why the stream cannot be read further.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, RpcError> {
        loop {
            match self.unwrapper.next().map_err(|why| self.answer.unreadable(&why))? {
                Some(Envelope::Message(payload)) => return Ok(Some(self.answer.json(&payload)?)),
                Some(Envelope::End(payload)) => return self.ended(&payload).map(|()| None),
                None => {}
            }
            match self.answer.piece().await? {
                Some(piece) => self.unwrapper.push(&piece),
                None => return Err(self.broken_off()),
            }
        }
    }

    fn ended(&self, payload: &[u8]) -> Result<(), RpcError> {
        let end: Value = self.answer.json(payload)?;
        let Some(error) = end.get("error").filter(|error| !error.is_null()) else { return Ok(()) };
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let code = Code::from_word(text("code")).unwrap_or(Code::Unknown);
        let (word, message) = (self.answer.shown(text("code")), self.answer.shown(text("message")));
        Err(RpcError::told(self.answer.call(), code, &word, &message))
    }

    /// A stream without its last message was cut by something on the way.
    fn broken_off(&self) -> RpcError {
        let place = if self.unwrapper.is_within_a_message() { "within a message" } else { "without its last message" };
        let message = format!("the stream broke off {place}");
        RpcError::told(self.answer.call(), Code::Unavailable, "unavailable", &message)
    }
}

fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use anyssh_core::ErrorKind;
    use anyssh_http::{BaseUrl, HttpClient};
    use serde_json::json;
    use wiremock::matchers::{body_bytes, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const METHOD: Procedure = Procedure::repeatable("a.b.Service", "Watch");

    async fn stream_of(body: &[u8], content_type: &str) -> Result<Messages<Value>, RpcError> {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_raw(body.to_vec(), content_type);
        Mock::given(method("POST"))
            .and(path("/a.b.Service/Watch"))
            .and(header("content-type", "application/connect+json"))
            .and(header("connect-protocol-version", "1"))
            .and(body_bytes(b"\0\0\0\0\x0a{\"id\":\"a\"}".to_vec()))
            .respond_with(answer)
            .mount(&server)
            .await;
        let client = ConnectClient::anonymous(HttpClient::new(BaseUrl::parse("endpoint", &server.uri()).unwrap()));
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(20));
        client.server_stream(METHOD, &json!({"id": "a"}), deadline, Freshness::Kept).await
    }

    async fn error_after(body: &[u8]) -> RpcError {
        let mut messages = stream_of(body, "application/connect+json").await.unwrap();
        loop {
            match messages.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended cleanly"),
                Err(error) => return error,
            }
        }
    }

    #[tokio::test]
    async fn messages_come_in_order_and_a_clean_end_is_no_error() {
        let body = [envelope::wrap(b"{\"a\":1}"), envelope::wrap(b"{\"a\":2}"), b"\x02\0\0\0\x02{}".to_vec()].concat();
        let mut messages = stream_of(&body, "application/connect+json; charset=utf-8").await.unwrap();
        assert_eq!(messages.next().await.unwrap().unwrap(), json!({"a": 1}));
        assert_eq!(messages.next().await.unwrap().unwrap(), json!({"a": 2}));
        assert!(messages.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn the_error_at_the_end_has_its_code_and_escaped_words() {
        let payload = br#"{"error":{"code":"not_found","message":"no \u001b run"},"metadata":{"x":["y"]}}"#;
        let mut body = envelope::wrap(payload);
        body[0] = 2;
        let error = error_after(&body).await;
        assert_eq!((error.code(), error.kind()), (Some(Code::NotFound), ErrorKind::NotFound));
        assert_eq!(error.to_string(), r"POST /a.b.Service/Watch: not_found: no \x1b run");
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_is_unavailable_and_says_where() {
        let within = error_after(b"\0\0\0\0\x09{\"a\":1").await;
        assert!(within.to_string().ends_with("broke off within a message"), "{within}");
        let between = error_after(&envelope::wrap(b"{}")).await;
        assert!(between.to_string().ends_with("broke off without its last message"), "{between}");
        assert_eq!((within.kind(), between.kind()), (ErrorKind::Unavailable, ErrorKind::Unavailable));
    }

    /// S9: a message that is no JSON, one that is too large, and a body that is no stream.
    #[tokio::test]
    async fn what_is_no_message_is_refused() {
        for (body, word) in
            [(envelope::wrap(b"{\"a\":1,\"a\":2}"), "duplicate"), (b"\0\xff\0\0\0".to_vec(), "too large")]
        {
            let error = error_after(&body).await;
            assert!(error.kind() == ErrorKind::Protocol && error.to_string().contains(word), "{error}");
        }
        let error = stream_of(b"<html>", "text/html").await.unwrap_err();
        assert!(error.to_string().contains("the content type is \"text/html\""), "{error}");
    }
}
