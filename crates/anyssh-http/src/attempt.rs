//! One attempt: a request out, an answer in, or the reason why not.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, LOCATION};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::about::About;
use crate::error::Repeat;
use crate::{Answer, Call, HttpError, RetryHint, body, clock, json, lost, status};

/// The largest header section that is read further, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// How long the body of an error may take: its status has said the most important thing already.
const REFUSAL_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends the request once and reads the answer to its end, all within `limit`.
pub(crate) async fn attempt(call: &Call, expected: &[u16], limit: Duration) -> Result<Answer, HttpError> {
    let end = Instant::now() + limit;
    let (response, received_at) = head(call, expected, end).await?;
    read_answer(call, response, received_at, end).await
}

/// Sends the request once and reads the head of an answer of an expected status, all before `end`.
pub(crate) async fn head(call: &Call, expected: &[u16], end: Instant) -> Result<(Response, SystemTime), HttpError> {
    let request = call.request()?;
    let client = call.client.reqwest()?;
    let response = match timeout_at(end, client.execute(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(lost::before_the_answer(&call.about, call.client.base_url().host(), error)),
        Err(_) => return Err(lost::no_answer(&call.about)),
    };
    let received_at = SystemTime::now();
    if !expected.contains(&response.status().as_u16()) {
        return Err(refusal(call, expected, response, received_at, end).await);
    }
    check_head(&call.about, response.headers())?;
    Ok((response, received_at))
}

async fn read_answer(
    call: &Call,
    response: Response,
    received_at: SystemTime,
    end: Instant,
) -> Result<Answer, HttpError> {
    let status = response.status().as_u16();
    let content_type = text(response.headers(), CONTENT_TYPE.as_str()).map(str::to_owned);
    let server_time = text(response.headers(), DATE.as_str()).and_then(clock::parse_date);
    let body = match timeout_at(end, body::read(response, call.largest_answer)).await {
        Ok(Ok(body)) => body,
        Ok(Err(broken)) => return Err(lost::within_the_answer(call, broken).with_status(status)),
        Err(_) => return Err(lost::unfinished_answer(call).with_status(status)),
    };
    Ok(Answer { status, content_type, server_time, received_at, body, attempts: 1, about: call.about.clone() })
}

/// The error for an answer that is not the expected one. The status decides; the body is read for its
/// words only, and whatever is wrong with it does not matter.
async fn refusal(
    call: &Call,
    expected: &[u16],
    response: Response,
    received_at: SystemTime,
    end: Instant,
) -> HttpError {
    let code = response.status().as_u16();
    let meaning = meaning(code, expected, response.headers());
    let from_headers = RetryHint::from_headers(response.headers(), received_at);
    let content_type = text(response.headers(), CONTENT_TYPE.as_str()).map(str::to_owned);
    let end = end.min(Instant::now() + REFUSAL_BODY_TIMEOUT);
    let mut body = Vec::new();
    // A body that is late or breaks off is taken as far as it came.
    timeout_at(end, body::read_start(response, &mut body, body::LARGEST_REFUSAL)).await.unwrap_or_default();
    let said = read_words(call, content_type.as_deref(), &body);
    let hint = from_headers.or(said.hint);
    let text = format!("HTTP {code}{meaning}{}", said.shown);
    call.about
        .error(status::error_kind(code), &text)
        .with_status(code)
        .with_server_words(said.code, said.message)
        .with_hint(hint)
        .with_repeat(repeat(code, hint))
        .with_arrival(status::is_ambiguous(code))
}

pub(crate) fn meaning(code: u16, expected: &[u16], headers: &HeaderMap) -> String {
    match code {
        200..=299 => {
            let expected: Vec<String> = expected.iter().map(u16::to_string).collect();
            format!(", but HTTP {} was expected", expected.join(" or "))
        }
        300..=399 => format!(", a redirect{}, which is not followed", target(headers)),
        _ => String::new(),
    }
}

/// Where a redirect leads, as far as it helps to mend a base URL: the origin, without path or query.
fn target(headers: &HeaderMap) -> String {
    let url = text(headers, LOCATION.as_str()).and_then(|text| Url::parse(text).ok());
    url.filter(Url::has_host).map(|url| format!(" to {}", url.origin().ascii_serialization())).unwrap_or_default()
}

pub(crate) fn repeat(code: u16, hint: RetryHint) -> Repeat {
    let worth_it = code >= 400 && hint.repeat.unwrap_or(status::is_passing(code));
    if worth_it { Repeat::IfHarmless } else { Repeat::Useless }
}

/// An error body's words, fit to be shown.
#[derive(Default)]
struct Words {
    shown: String,
    message: Option<String>,
    code: Option<String>,
    hint: RetryHint,
}

fn read_words(call: &Call, content_type: Option<&str>, body: &[u8]) -> Words {
    if json::looks_like_html(content_type, body) {
        return Words { shown: ", with an HTML page instead of the API's answer".to_owned(), ..Words::default() };
    }
    let Ok(tree) = json::tree(body) else { return Words::default() };
    let refusal = (call.client.read_refusal())(&tree);
    let message = refusal.message.map(|text| call.about.shown(&text)).filter(|text| !text.is_empty());
    let code = refusal.code.map(|text| call.about.shown(&text)).filter(|text| !text.is_empty());
    let shown = match (&code, &message) {
        (Some(code), Some(message)) => format!(": {code}: {message}"),
        (Some(words), None) | (None, Some(words)) => format!(": {words}"),
        (None, None) => String::new(),
    };
    Words { shown, message, code, hint: refusal.hint }
}

pub(crate) fn check_head(about: &About, headers: &HeaderMap) -> Result<(), HttpError> {
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > LARGEST_HEAD {
        return Err(lost::unreadable(about, "the header section is too large"));
    }
    match text(headers, CONTENT_ENCODING.as_str()) {
        None | Some("identity") => Ok(()),
        Some(_) => Err(lost::unreadable(about, "header content-encoding: a compressed answer was not asked for")),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
