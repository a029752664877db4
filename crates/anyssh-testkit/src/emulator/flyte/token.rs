//! Tokens: who was given one, until when.

use std::collections::HashMap;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};

/// What access tokens look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenForm {
    /// A JWT (RFC 7519) with `exp`, whose signature nobody can check.
    #[default]
    Jwt,
    /// Letters that say nothing, with `expires_in` beside them.
    Opaque,
    /// The same without `expires_in`.
    OpaqueForever,
}

/// All tokens that were given.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) form: TokenForm,
    pub(super) lifetime: Duration,
    access: HashMap<String, Grant>,
    refresh: HashMap<String, Grant>,
    given: u64,
}

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    /// Who asked for it.
    pub(super) client_id: String,
    /// Seconds since 1970.
    expires: u64,
}

impl Tokens {
    pub(super) fn new(form: TokenForm, lifetime: Duration) -> Self {
        Self { form, lifetime, access: HashMap::new(), refresh: HashMap::new(), given: 0 }
    }

    /// A new access token, good for this long.
    pub(super) fn access(&mut self, client_id: &str, now: u64, lifetime: Duration) -> String {
        self.given += 1;
        let expires = now.saturating_add(lifetime.as_secs());
        let token = match self.form {
            TokenForm::Jwt => jwt(self.given, client_id, now, expires),
            TokenForm::Opaque | TokenForm::OpaqueForever => format!("opaque-{:04}-Zm9vYmFy", self.given),
        };
        self.access.insert(token.clone(), Grant { client_id: client_id.to_owned(), expires });
        token
    }

    /// What the token endpoint answers.
    pub(super) fn reply(&mut self, client_id: &str, now: u64, with_refresh: bool) -> Value {
        let lifetime = self.lifetime;
        let mut reply = json!({"access_token": self.access(client_id, now, lifetime), "token_type": "Bearer"});
        if self.form != TokenForm::OpaqueForever {
            reply["expires_in"] = lifetime.as_secs().into();
        }
        if with_refresh {
            let token = format!("refresh-{:04}-bGV0bWVpbg", self.given);
            let grant = Grant { client_id: client_id.to_owned(), expires: u64::MAX };
            self.refresh.insert(token.clone(), grant);
            reply["refresh_token"] = token.into();
        }
        reply
    }

    /// Takes a refresh token, which is good once.
    pub(super) fn take_refresh(&mut self, token: &str, client_id: &str) -> bool {
        let fits = self.refresh.get(token).is_some_and(|grant| grant.client_id == client_id);
        fits && self.refresh.remove(token).is_some()
    }

    /// Whether an access token is good.
    pub(super) fn is_good(&self, token: &str, now: u64) -> bool {
        self.access.get(token).is_some_and(|grant| now < grant.expires)
    }

    pub(super) fn revoke_access(&mut self) {
        self.access.clear();
    }

    pub(super) fn revoke_refresh(&mut self) {
        self.refresh.clear();
    }

    /// Nothing that was given to this client is worth anything any more.
    pub(super) fn revoke_client(&mut self, client_id: &str) {
        self.access.retain(|_, grant| grant.client_id != client_id);
        self.refresh.retain(|_, grant| grant.client_id != client_id);
    }
}

fn jwt(number: u64, client_id: &str, now: u64, expires: u64) -> String {
    let part = |value: Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    let claims = json!({"sub": client_id, "iat": now, "exp": expires, "jti": number.to_string()});
    let signature = Base64UrlUnpadded::encode_string(&[7; 64]);
    format!("{}.{}.{signature}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_its_end_and_a_refresh_token_once_for_its_client() {
        let mut tokens = Tokens::new(TokenForm::Jwt, Duration::from_secs(60));
        let reply = tokens.reply("ci", 1000, true);
        let (access, refresh) = (reply["access_token"].as_str().unwrap(), reply["refresh_token"].as_str().unwrap());
        assert!(tokens.is_good(access, 1059) && !tokens.is_good(access, 1060) && !tokens.is_good("x", 1000));
        assert!(!tokens.take_refresh(refresh, "other"));
        assert!(tokens.take_refresh(refresh, "ci") && !tokens.take_refresh(refresh, "ci"));
        tokens.revoke_client("ci");
        assert!(!tokens.is_good(access, 1000));
    }
}
