//! The opening handshake (RFC 6455 §4.1), on top of an HTTP upgrade.

use anyssh_core::secrecy::SecretString;
use anyssh_core::{Deadline, ErrorKind, FieldError, ProviderError, WebSocketUrl, escape};
use anyssh_http::{Header, Upgraded, Upgrader};
use base64ct::{Base64, Encoding as _};
use sha1::{Digest as _, Sha1};

/// Asks once for a WebSocket at `url` with these headers.
pub(crate) async fn upgrade(
    upgrader: &Upgrader,
    url: &WebSocketUrl,
    headers: &[(String, SecretString)],
    deadline: Deadline,
) -> Result<Upgraded, ProviderError> {
    let key = Base64::encode_string(&rand::random::<[u8; 16]>());
    let headers = with_own(headers, &key).map_err(ProviderError::config)?;
    let upgraded = upgrader.upgrade(url, "websocket", &headers, deadline).await.map_err(passing)?;
    check(&upgraded, &key).map_err(|why| {
        ProviderError::new(ErrorKind::Protocol, format!("{url}: the upgrade to a WebSocket is not sound: {why}"))
    })?;
    Ok(upgraded)
}

fn with_own(headers: &[(String, SecretString)], key: &str) -> Result<Vec<Header>, FieldError> {
    let mut all = Vec::with_capacity(headers.len() + 2);
    for (name, value) in headers {
        if name.to_ascii_lowercase().starts_with("sec-websocket-") {
            return Err(FieldError::new("headers", "a header that is not the handshake's own", name));
        }
        all.push(Header::secret("headers", name, value.clone())?);
    }
    all.push(Header::parse("headers", "sec-websocket-version", "13")?);
    all.push(Header::parse("headers", "sec-websocket-key", key)?);
    Ok(all)
}

/// A route that is not there yet answers 404, and one that hangs may answer the next time.
fn passing(error: anyssh_http::HttpError) -> ProviderError {
    let soon = error.status() == Some(404) || error.kind() == ErrorKind::TimedOut;
    let retryable = soon || error.is_retryable();
    ProviderError::from(error).with_retryable(retryable)
}

/// What the server has to say, and may not say (requirement N5).
fn check(upgraded: &Upgraded, key: &str) -> Result<(), String> {
    let said = |name| upgraded.header(name).unwrap_or_default();
    let upgrade = said("upgrade");
    if !upgrade.eq_ignore_ascii_case("websocket") {
        return Err(format!("header upgrade is {}", escape::quoted(&upgrade)));
    }
    let connection = said("connection");
    if !connection.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade")) {
        return Err(format!("header connection is {}", escape::quoted(&connection)));
    }
    if said("sec-websocket-accept") != accept(key) {
        return Err("header sec-websocket-accept does not answer our key".to_owned());
    }
    for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
        if let Some(value) = upgraded.header(name) {
            return Err(format!("header {name} names what was not asked for: {}", escape::quoted(&value)));
        }
    }
    Ok(())
}

/// What a server answers to `key` (RFC 6455 §4.2.2, point 5.4).
fn accept(key: &str) -> String {
    Base64::encode_string(&Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_has_the_answer_of_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_header_of_the_handshake_cannot_be_brought_along() {
        let extension = ("Sec-WebSocket-Extensions".to_owned(), SecretString::from("permessage-deflate"));
        assert!(with_own(&[extension], "k").is_err());
        let host = ("Host".to_owned(), SecretString::from("evil.example"));
        assert!(with_own(&[host], "k").is_err());
    }
}
