//! What a token says about its own end. Nobody checks the signature here, so it is a hint (K8).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::Deserialize;

/// The part of a JWT's payload that is read (RFC 7519 §4.1.4): seconds since 1970, perhaps with a fraction.
#[derive(Deserialize)]
struct Payload {
    exp: f64,
}

/// The `exp` of a token that looks like a JWT; `None` for one that does not.
pub(crate) fn expiry(token: &str) -> Option<SystemTime> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let bytes = Base64UrlUnpadded::decode_vec(payload.trim_end_matches('=')).ok()?;
    let Payload { exp } = serde_json::from_slice(&bytes).ok()?;
    // Beyond the year 9999 it is no time that anybody meant.
    let seconds = (0.0..253_402_300_800.0).contains(&exp).then_some(exp)?;
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(payload: &str) -> String {
        format!("e30.{}.c2ln", Base64UrlUnpadded::encode_string(payload.as_bytes()))
    }

    #[test]
    fn the_end_of_a_jwt_is_read_and_nothing_else_has_one() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(expiry(&token(r#"{"exp": 1700000000, "sub": "me"}"#)), at(1_700_000_000));
        assert_eq!(expiry(&token(r#"{"exp": 1700000000.0}"#)), at(1_700_000_000));
        for payload in [r#"{"exp": -1}"#, r#"{"exp": "1"}"#, r#"{"exp": 1e300}"#, r#"{"exp": null}"#, "{}", "[]", "x"] {
            assert_eq!(expiry(&token(payload)), None, "{payload}");
        }
        for opaque in ["", "opaque", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é"] {
            assert_eq!(expiry(opaque), None, "{opaque}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_with_or_without_an_end(text in any::<String>(), payload in "[{}a-z\":0-9.e+-]{0,30}") {
            let _either = (expiry(&text), expiry(&token(&payload)));
        }
    }
}
