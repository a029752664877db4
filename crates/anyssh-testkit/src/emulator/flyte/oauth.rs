//! The endpoints of OAuth 2.0 (RFC 6749, RFC 7636, RFC 8628): who is given tokens.

use std::collections::{BTreeMap, HashMap};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::device::{DeviceFlow, Poll, Polls};
use super::token::Tokens;
use crate::emulator::http::Answer;
use crate::emulator::request::Request;

/// What the authorization server knows.
#[derive(Debug)]
pub(super) struct OAuth {
    pub(super) tokens: Tokens,
    /// Secrets of the clients that have one, by their id.
    pub(super) clients: HashMap<String, String>,
    pub(super) public: PublicClient,
    pub(super) device: DeviceFlow,
    /// Whether whoever sits at the browser says no.
    pub(super) denied: bool,
    codes: HashMap<String, Parameters>,
    devices: HashMap<String, Polls>,
}

/// What `GetPublicClientConfig` says.
#[derive(Clone, Debug)]
pub(super) struct PublicClient {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scopes: Vec<String>,
    pub(super) metadata_key: String,
    pub(super) audience: String,
    pub(super) dataplane_domain: String,
}

type Parameters = BTreeMap<String, String>;

/// The grant of RFC 8628 §3.4.
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What an authorization request may have; the code is exchanged with the same values.
const AUTHORIZATION: &[&str] = &[
    "client_id",
    "response_type",
    "scope",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "audience",
];

impl OAuth {
    pub(super) fn new(
        tokens: Tokens,
        clients: HashMap<String, String>,
        public: PublicClient,
        device: DeviceFlow,
    ) -> Self {
        Self { tokens, clients, public, device, denied: false, codes: HashMap::new(), devices: HashMap::new() }
    }

    /// Answers a request to one of the endpoints; `None` if it is for none of them.
    pub(super) fn answer(&mut self, request: &Request, base_url: &str, now: u64) -> Option<Answer> {
        let done = match request.line().as_str() {
            "POST /oauth2/token" => posted(request).and_then(|form| self.token(request, &form, now)),
            "POST /oauth2/device" => posted(request).and_then(|form| self.device_code(&form, base_url)),
            "GET /oauth2/authorize" => return Some(self.authorize(request).unwrap_or_else(|refusal| refusal)),
            _ => return None,
        };
        Some(done.map_or_else(|refusal| refusal, |body| Answer::json(200, &body)))
    }

    fn token(&mut self, request: &Request, form: &Parameters, now: u64) -> Result<Value, Answer> {
        match value(form, "grant_type")? {
            "client_credentials" => self.client_credentials(request, form, now),
            "refresh_token" => self.refresh(form, now),
            "authorization_code" => self.code(request, form, now),
            DEVICE_GRANT => self.poll(form, now),
            other => Err(refusal(400, "unsupported_grant_type", other)),
        }
    }

    fn client_credentials(&mut self, request: &Request, form: &Parameters, now: u64) -> Result<Value, Answer> {
        only(form, &["grant_type", "scope", "audience"])?;
        let (id, secret) =
            basic(request).ok_or_else(|| refusal(401, "invalid_client", "HTTP Basic is what is expected"))?;
        if self.clients.get(&id) != Some(&secret) {
            return Err(refusal(401, "invalid_client", "unknown client, or another secret"));
        }
        self.check_audience(form)?;
        Ok(self.tokens.reply(&id, now, false))
    }

    fn refresh(&mut self, form: &Parameters, now: u64) -> Result<Value, Answer> {
        only(form, &["grant_type", "refresh_token", "client_id", "scope", "audience"])?;
        self.check_client(form)?;
        if !self.tokens.take_refresh(value(form, "refresh_token")?, &self.public.client_id) {
            return Err(refusal(400, "invalid_grant", "the refresh token is not known, or was used"));
        }
        Ok(self.tokens.reply(&self.public.client_id, now, true))
    }

    /// The page where a user says yes: who gets here has said so, or has said no.
    fn authorize(&mut self, request: &Request) -> Result<Answer, Answer> {
        let asked = parse(request.query.as_deref().unwrap_or_default())?;
        only(&asked, AUTHORIZATION)?;
        self.check_client(&asked)?;
        self.check_audience(&asked)?;
        let redirect = value(&asked, "redirect_uri")?;
        if redirect != self.public.redirect_uri {
            return Err(refusal(400, "invalid_request", "another redirect_uri than the registered one"));
        }
        let (kind, method) = (value(&asked, "response_type")?, value(&asked, "code_challenge_method")?);
        if (kind, method) != ("code", "S256") || value(&asked, "code_challenge")?.len() != 43 {
            return Err(refusal(400, "invalid_request", "a code with an S256 challenge is what is given"));
        }
        let (name, text) = if self.denied {
            ("error", "access_denied".to_owned())
        } else {
            ("code", format!("code-{:04}", self.codes.len() + 1))
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, &text).append_pair("state", value(&asked, "state")?);
        let location = format!("{redirect}?{}", query.finish());
        self.codes.insert(text, asked);
        Ok(Answer { headers: vec![("location".into(), location)], ..Answer::empty(302) })
    }

    fn code(&mut self, request: &Request, form: &Parameters, now: u64) -> Result<Value, Answer> {
        only(form, &[AUTHORIZATION, &["grant_type", "code", "code_verifier"]].concat())?;
        if request.header("authorization").is_some() {
            return Err(refusal(400, "invalid_request", "a public client has nothing for Authorization"));
        }
        let (verifier, redirect) = (value(form, "code_verifier")?, value(form, "redirect_uri")?);
        // A code is good once.
        let asked = self.codes.remove(value(form, "code")?);
        let asked = asked.ok_or_else(|| refusal(400, "invalid_grant", "the code is not known, or was used"))?;
        let differs =
            AUTHORIZATION.iter().find(|name| form.get(**name).is_some_and(|it| asked.get(**name) != Some(it)));
        if let Some(name) = differs {
            return Err(refusal(400, "invalid_grant", &format!("{name} is not what it was")));
        }
        let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(verifier.as_bytes()));
        if asked.get("code_challenge") != Some(&challenge)
            || !(43..=128).contains(&verifier.len())
            || redirect.is_empty()
        {
            return Err(refusal(400, "invalid_grant", "the verifier does not fit the challenge"));
        }
        self.check_client(form)?;
        Ok(self.tokens.reply(&self.public.client_id, now, true))
    }

    fn device_code(&mut self, form: &Parameters, base_url: &str) -> Result<Value, Answer> {
        only(form, &["client_id", "scope", "audience"])?;
        self.check_client(form)?;
        self.check_audience(form)?;
        let code = format!("device-{:04}", self.devices.len() + 1);
        let body = self.device.codes(&code, &format!("{base_url}/activate"));
        self.devices.insert(code, Polls::new(self.device.clone()));
        Ok(body)
    }

    fn poll(&mut self, form: &Parameters, now: u64) -> Result<Value, Answer> {
        only(form, &["grant_type", "client_id", "device_code", "scope", "audience"])?;
        self.check_client(form)?;
        let polls = self.devices.get_mut(value(form, "device_code")?);
        let poll = polls.ok_or_else(|| refusal(400, "invalid_grant", "the device code is not known"))?.next();
        match poll {
            Poll::Approved => Ok(self.tokens.reply(&self.public.client_id, now, true)),
            other => Err(refusal(400, other.error(), "as scripted")),
        }
    }

    fn check_client(&self, form: &Parameters) -> Result<(), Answer> {
        if value(form, "client_id")? == self.public.client_id {
            return Ok(());
        }
        Err(refusal(401, "invalid_client", "not the public client"))
    }

    fn check_audience(&self, form: &Parameters) -> Result<(), Answer> {
        if form.get("audience").map_or("", String::as_str) == self.public.audience {
            return Ok(());
        }
        Err(refusal(400, "invalid_request", "another audience than the server's"))
    }
}

/// RFC 6749 §5.2.
fn refusal(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "error_description": description}))
}

fn posted(request: &Request) -> Result<Parameters, Answer> {
    let kind = request.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if kind.trim() != "application/x-www-form-urlencoded" || request.query.is_some() {
        return Err(refusal(400, "invalid_request", "a form is what is expected"));
    }
    parse(std::str::from_utf8(&request.body).unwrap_or_default())
}

fn parse(text: &str) -> Result<Parameters, Answer> {
    let mut found = Parameters::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if found.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(refusal(400, "invalid_request", &format!("{name} is there twice")));
        }
    }
    Ok(found)
}

fn only(form: &Parameters, names: &[&str]) -> Result<(), Answer> {
    match form.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(refusal(400, "invalid_request", &format!("{name} has no place here"))),
    }
}

fn value<'a>(form: &'a Parameters, name: &str) -> Result<&'a str, Answer> {
    let value = form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    value.ok_or_else(|| refusal(400, "invalid_request", &format!("{name} is missing")))
}

/// RFC 6749 §2.3.1, with the difference that the id is not form-encoded.
fn basic(request: &Request) -> Option<(String, String)> {
    let text = Base64::decode_vec(request.header("authorization")?.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (id, secret) = text.split_once(':')?;
    let secret = form_urlencoded::parse(format!("={secret}").as_bytes()).next()?.1.into_owned();
    Some((id.to_owned(), secret))
}
