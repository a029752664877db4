//! API keys: an endpoint, a client and its secret in one word.

use std::fmt;

use anyssh_core::FieldError;
use base64ct::{Base64, Base64Unpadded, Encoding as _};
use secrecy::{ExposeSecret as _, SecretString};

use super::endpoint_form::bare_endpoint;

const EXPECTED: &str = "an API key: base64 of endpoint:client id:client secret:organisation";

/// The longest key, in bytes. Real ones have about 200.
const LONGEST: usize = 8192;

/// What an API key holds.
#[derive(Clone)]
pub(crate) struct ApiKey {
    /// With its port and scheme, where the key has them.
    pub(crate) endpoint: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) org: Option<String>,
}

impl ApiKey {
    /// Reads a key, with or without the padding; the error names `field` and shows nothing.
    ///
    /// The parts are told apart from the right, since the endpoint is the only one that may hold a `:`
    /// (a port, a scheme).
    pub(crate) fn decode(field: &'static str, key: &SecretString) -> Result<Self, FieldError> {
        let refused = || FieldError::secret(field, EXPECTED);
        let encoded = key.expose_secret().trim();
        if encoded.len() > LONGEST {
            return Err(refused());
        }
        let bytes = Base64Unpadded::decode_vec(encoded.trim_end_matches('=')).map_err(|_| refused())?;
        let text = SecretString::from(String::from_utf8(bytes).map_err(|_| refused())?);
        let mut parts = text.expose_secret().rsplitn(4, ':');
        let mut next = || parts.next().ok_or_else(refused);
        let (org, secret, client_id, endpoint) = (next()?, next()?, next()?, next()?);
        let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        // Blanks are part of ids and secrets (RFC 6749, appendix A), and some servers make secrets of more.
        let is_text = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        if !is_plain(endpoint) || !is_text(client_id) || !is_text(secret) || !(org.is_empty() || is_plain(org)) {
            return Err(refused());
        }
        Ok(Self {
            endpoint: endpoint.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: secret.into(),
            org: Some(org).filter(|org| !matches!(*org, "" | "None")).map(str::to_owned),
        })
    }

    /// The key in the form that Flyte's own client reads, too: without the endpoint's scheme.
    pub(crate) fn encode(&self) -> SecretString {
        let (endpoint, org) = (bare_endpoint(&self.endpoint), self.org.as_deref().unwrap_or("None"));
        let text = format!("{endpoint}:{}:{}:{org}", self.client_id, self.client_secret.expose_secret());
        Base64::encode_string(text.as_bytes()).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("endpoint", &self.endpoint)
            .field("client_id", &self.client_id)
            .field("org", &self.org)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<ApiKey, FieldError> {
        ApiKey::decode("FLYTE_API_KEY", &Base64::encode_string(text.as_bytes()).into())
    }

    #[test]
    fn the_parts_are_told_apart_from_the_right() {
        for (text, endpoint, org) in [
            ("acme.hosted.example:id:hunter22:acme", "acme.hosted.example", Some("acme")),
            ("acme.hosted.example:8443:id:hunter22:None", "acme.hosted.example:8443", None),
            ("dns:///acme.hosted.example:8443:id:hunter22:", "dns:///acme.hosted.example:8443", None),
            ("https://acme.hosted.example:id:hunter22:o", "https://acme.hosted.example", Some("o")),
        ] {
            let key = decode(text).unwrap();
            assert_eq!((key.endpoint.as_str(), key.client_id.as_str(), key.org.as_deref()), (endpoint, "id", org));
            assert_eq!(key.client_secret.expose_secret(), "hunter22");
            assert!(!format!("{key:?}").contains("hunter22"));
            let unpadded = key.encode().expose_secret().trim_end_matches('=').to_owned();
            let again = ApiKey::decode("k", &format!(" {unpadded}\n").into()).unwrap();
            assert!(!again.endpoint.contains("//") && again.org == key.org && again.client_id == key.client_id);
        }
    }

    #[test]
    fn a_secret_is_any_text_on_one_line() {
        for secret in ["hunt er22 +%=", "s3cret +%/\u{fc}"] {
            let key = decode(&format!("acme.example:my id:{secret}:None")).unwrap();
            assert_eq!((key.client_id.as_str(), key.client_secret.expose_secret()), ("my id", secret));
            assert_eq!(ApiKey::decode("k", &key.encode()).unwrap().client_secret.expose_secret(), secret);
        }
    }

    /// K6: what is no key is not shown.
    #[test]
    fn what_is_no_key_is_refused_unseen() {
        for text in [
            "a:id:hunter22",
            ":id:hunter22:o",
            "a::hunter22:o",
            "a:id::o",
            "a b:id:hunter22:o",
            "a:id:hunter22\u{7}:o",
            "a:i\nd:hunter22:o",
            "a:id:hunter22:o o",
            "a:id:hunter22:o\n",
            "",
        ] {
            let error = decode(text).expect_err(text);
            assert!(error.field() == "FLYTE_API_KEY" && !error.to_string().contains("hunter22"), "{error}");
        }
        for key in ["hunter22!", "%%%", &"A".repeat(LONGEST + 4)] {
            let error = ApiKey::decode("k", &key.into()).expect_err(key);
            assert!(!error.to_string().contains("hunter22"), "{error}");
        }
    }
}
