//! Calls without a usable answer: what went wrong below HTTP, and whether the request was sent.

use std::error::Error;
use std::io;

use anyssh_core::{ErrorKind, escape};

use crate::about::About;
use crate::body::Broken;
use crate::error::Repeat;
use crate::{Call, HttpError};

/// The attempt's time was over before a status line came.
pub(crate) fn no_answer(about: &About) -> HttpError {
    timed_out(about, "no answer before the timeout")
}

/// The attempt's time was over in the middle of the body.
pub(crate) fn unfinished_answer(call: &Call) -> HttpError {
    timed_out(&call.about, "the answer did not end before the timeout")
}

fn timed_out(about: &About, text: &str) -> HttpError {
    // Whether the connection was there yet cannot be known here, so the worse is assumed.
    about.error(ErrorKind::TimedOut, text).with_repeat(Repeat::IfHarmless).with_arrival(true)
}

/// An answer came, but it cannot be read; another would not differ.
pub(crate) fn unreadable(about: &About, text: &str) -> HttpError {
    about.error(ErrorKind::Protocol, text).with_arrival(true)
}

/// The body broke off or is not acceptable.
pub(crate) fn within_the_answer(call: &Call, broken: Broken) -> HttpError {
    let error = match broken {
        Broken::TooLarge => {
            let cap = call.largest_answer;
            let text = format!("the answer is too large: more than {cap} bytes");
            return unreadable(&call.about, &text).with_too_large();
        }
        Broken::Lost(error) => error.without_url(),
    };
    if find::<io::Error>(&error).is_some_and(is_bad_framing) {
        return unreadable(&call.about, "the answer's body is not well-formed HTTP").with_source(error);
    }
    unreadable(&call.about, "the answer is truncated: the connection was lost before its end")
        .with_repeat(Repeat::IfHarmless)
        .with_source(error)
}

fn is_bad_framing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
}

/// No answer: the connection was not made, broke, or carried something that is not HTTP.
pub(crate) fn before_the_answer(about: &About, host: &str, error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    if error.is_connect() { never_connected(about, host, error) } else { lost_on_the_way(about, host, error) }
}

/// The request never left: TCP, TLS or the proxy's CONNECT failed.
fn never_connected(about: &About, host: &str, error: reqwest::Error) -> HttpError {
    if let Some(tls) = find::<rustls::Error>(&error) {
        return tls_failed(about, host, tls).with_source(error);
    }
    let (kind, text) = if error.is_timeout() {
        (ErrorKind::TimedOut, format!("no connection to {host} before the timeout"))
    } else {
        (ErrorKind::Unavailable, format!("no connection to {host}{}", why_not_connected(&error)))
    };
    about.error(kind, &text).with_repeat(Repeat::NeverSent).with_source(error)
}

/// The request, or a part of it, was sent.
fn lost_on_the_way(about: &About, host: &str, error: reqwest::Error) -> HttpError {
    if let Some(hyper) = find::<hyper::Error>(&error).filter(|hyper| hyper.is_parse()) {
        let text =
            if hyper.is_parse_too_large() { "the header section is too large" } else { "the answer is not HTTP" };
        return unreadable(about, text).with_source(error);
    }
    let text = format!("{host} closed the connection without an answer");
    let lost = about.error(ErrorKind::Unavailable, &text);
    lost.with_repeat(Repeat::IfHarmless).with_arrival(true).with_source(error)
}

/// Nothing was sent, and the server will show the same certificate again: no repeat.
fn tls_failed(about: &About, host: &str, error: &rustls::Error) -> HttpError {
    let why = escape::printable(&error.to_string(), escape::MESSAGE_CAP);
    let text = match error {
        rustls::Error::InvalidCertificate(_) => format!("TLS: the certificate of {host} is not accepted: {why}"),
        _ => format!("TLS with {host} failed: {why}"),
    };
    about.error(ErrorKind::Unavailable, &text)
}

/// `: Connection refused (os error 111)`, or what the proxy on the way there did.
fn why_not_connected(error: &reqwest::Error) -> String {
    let mut through_proxy = "";
    let mut deepest: &(dyn Error + 'static) = error;
    while let Some(source) = deepest.source() {
        deepest = source;
        // hyper-util's type for a failed CONNECT is private, so its text has to tell.
        if deepest.to_string().starts_with("tunnel error") {
            through_proxy = " through the proxy";
        }
    }
    format!("{through_proxy}: {}", escape::printable(&deepest.to_string(), 120))
}

/// The first cause of type `T`. An [`io::Error`] hides what it wraps from `source`, so it is opened.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
