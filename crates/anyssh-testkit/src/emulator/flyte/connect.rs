//! The Connect protocol (<https://connectrpc.com/docs/protocol/>): how messages come out of requests
//! and go into answers.

use std::io::Read as _;

use base64ct::{Base64Url, Base64UrlUnpadded, Encoding as _};
use flate2::read::GzDecoder;
use serde_json::Value;

use super::failure::{Failure, RpcCode};
use super::rpc::{Manner, Method};
use super::schema::Message;
use super::{json, wire};
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Json,
    Proto,
}

/// Headers that come once or not at all.
const SINGLE: &[&str] = &[
    "authorization",
    "content-type",
    "content-encoding",
    "connect-protocol-version",
    "connect-timeout-ms",
    "connect-content-encoding",
    "x-request-id",
];

/// A message that is no larger when it is unpacked; more is refused.
const LARGEST_MESSAGE: u64 = 16 << 20;

/// The codec of a call and its message, or why there is none.
pub(super) fn read(method: &Method, request: &Request) -> Result<(Codec, Value), Answer> {
    let may_be_get = matches!(method.manner, Manner::Safe | Manner::Public);
    let invalid = |wrong: String| Failure::invalid(wrong).answer();
    check_headers(request).map_err(invalid)?;
    let (codec, bytes) = match request.method.as_str() {
        "POST" => posted(method, request)?,
        "GET" if may_be_get => in_query(request).map_err(invalid)?,
        _ => return Err(not_allowed(may_be_get)),
    };
    let input = codec.decode(method.input, &bytes).map_err(invalid)?;
    Ok((codec, input))
}

fn check_headers(request: &Request) -> Result<(), String> {
    if request.count("host") != 1 {
        return Err("HTTP/1.1 wants one header host".into());
    }
    if let Some(name) = SINGLE.iter().find(|name| request.count(name) > 1) {
        return Err(format!("more than one header {name}"));
    }
    if request.header("connect-protocol-version").is_some_and(|version| version != "1") {
        return Err("connect-protocol-version has to be 1".into());
    }
    let is_time = |text: &str| (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if request.header("connect-timeout-ms").is_some_and(|text| !is_time(text)) {
        return Err("connect-timeout-ms has at most 10 digits".into());
    }
    Ok(())
}

fn posted(method: &Method, request: &Request) -> Result<(Codec, Vec<u8>), Answer> {
    let is_stream = method.manner == Manner::Stream;
    let prefix = if is_stream { "application/connect+" } else { "application/" };
    let kind = request.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let codec = match kind.strip_prefix(prefix) {
        Some("json") => Codec::Json,
        Some("proto") => Codec::Proto,
        _ => return Err(unsupported_type(prefix)),
    };
    if request.query.is_some() {
        return Err(Failure::invalid("a POST has no query").answer());
    }
    let packed = packing(request, if is_stream { "connect-content-encoding" } else { "content-encoding" })?;
    let (packed, body) = if is_stream {
        let (flags, message) = envelope(&request.body).map_err(|wrong| Failure::invalid(wrong).answer())?;
        (packed && flags == 1, message)
    } else {
        (packed, request.body.as_slice())
    };
    let bytes = if packed { unpacked(body) } else { Ok(body.to_vec()) };
    Ok((codec, bytes.map_err(|wrong| Failure::invalid(wrong).answer())?))
}

/// Whether bodies may be packed. Another packing than gzip is not known.
fn packing(request: &Request, header: &str) -> Result<bool, Answer> {
    match request.header(header) {
        None | Some("identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(other) => {
            Err(Failure::new(RpcCode::Unimplemented, format!("{header} {other:?} is not supported")).answer())
        }
    }
}

fn unpacked(body: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = GzDecoder::new(body).take(LARGEST_MESSAGE).read_to_end(&mut bytes);
    read.map(|_| bytes).map_err(|error| format!("gzip: {error}"))
}

/// The only envelope of a request: flags, four bytes of length, message.
fn envelope(body: &[u8]) -> Result<(u8, &[u8]), String> {
    let ([flags, length @ ..], message) = body.split_first_chunk::<5>().ok_or("the envelope is cut")?;
    let length = u32::from_be_bytes(*length);
    if *flags > 1 || usize::try_from(length) != Ok(message.len()) {
        return Err("the request has to be exactly one envelope".into());
    }
    Ok((*flags, message))
}

/// `?connect=v1&encoding=json&message=…`, and `base64=1` if the message is written so.
fn in_query(request: &Request) -> Result<(Codec, Vec<u8>), String> {
    let pairs = url::form_urlencoded::parse(request.query.as_deref().unwrap_or_default().as_bytes());
    let (mut codec, mut message, mut is_base64) = (None, None, false);
    for (name, value) in pairs {
        match (name.as_ref(), value.as_ref()) {
            ("connect", "v1") => {}
            ("encoding", "json") => codec = Some(Codec::Json),
            ("encoding", "proto") => codec = Some(Codec::Proto),
            ("base64", "1") => is_base64 = true,
            ("message", text) => message = Some(text.to_owned()),
            (name, value) => return Err(format!("query: {name}={value} is not understood")),
        }
    }
    if !request.body.is_empty() {
        return Err("a GET has no body".into());
    }
    let (codec, message) = codec.zip(message).ok_or("query: encoding and message are needed")?;
    let decoded = || Base64UrlUnpadded::decode_vec(&message).or_else(|_| Base64Url::decode_vec(&message));
    let bytes = if is_base64 { decoded().map_err(|_| "message: not base64")? } else { message.clone().into_bytes() };
    Ok((codec, bytes))
}

impl Codec {
    fn decode(self, message: &Message, bytes: &[u8]) -> Result<Value, String> {
        match self {
            Self::Proto => wire::decode(message, bytes),
            Self::Json => {
                let value = serde_json::from_slice(bytes).map_err(|error| format!("the body is not JSON: {error}"))?;
                json::checked(message, value)
            }
        }
    }

    /// The value is as [`json::shown`] has it.
    fn encode(self, message: &Message, value: &Value) -> Vec<u8> {
        match self {
            Self::Proto => wire::encode(message, value),
            Self::Json => value.to_string().into_bytes(),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Proto => "proto",
        }
    }

    /// A good answer to a call that is no stream.
    pub(super) fn answer(self, message: &Message, value: &Value) -> Answer {
        let headers = vec![("content-type".to_owned(), format!("application/{}", self.name()))];
        Answer { status: 200, headers, body: self.encode(message, value) }
    }

    /// A message of a stream.
    pub(super) fn envelope(self, message: &Message, value: &Value) -> Vec<u8> {
        in_envelope(0, &self.encode(message, value))
    }
}

/// The last envelope of a stream: always JSON, empty or with an error.
pub(super) fn end_of_stream(failure: Option<&Failure>) -> Vec<u8> {
    let body = failure.map_or_else(|| serde_json::json!({}), |failure| serde_json::json!({"error": failure.body()}));
    in_envelope(2, body.to_string().as_bytes())
}

fn in_envelope(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[flags], &length.to_be_bytes()[..], message].concat()
}

fn not_allowed(may_be_get: bool) -> Answer {
    let mut answer = Answer::empty(405);
    answer.headers.push(("allow".into(), if may_be_get { "GET, POST" } else { "POST" }.into()));
    answer
}

fn unsupported_type(prefix: &str) -> Answer {
    let mut answer = Answer::empty(415);
    answer.headers.push(("accept-post".into(), format!("{prefix}json, {prefix}proto")));
    answer
}
