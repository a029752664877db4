//! The login in the browser, with a browser that does what a test wants.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use anyssh_core::{ErrorKind, ProviderError};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};
use wiremock::ResponseTemplate;

use super::kit::{Plane, User, granted, jwt, refused, soon, text, within};
use crate::auth::{AuthError, Freshness, TokenSource as _};

/// A port that nobody has right now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn plane(port: u16, answers: Vec<ResponseTemplate>) -> Plane {
    let client = json!({"redirectUri": format!("http://localhost:{port}/callback")});
    Plane::with(json!({}), client).await.tokens(answers).await
}

/// A GET on loopback; its status line.
fn get(port: u16, target: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn parameters(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// What a browser saw: the URLs that it was opened at, and what its requests were answered with.
#[derive(Clone, Default)]
struct Seen {
    opened: Arc<Mutex<Vec<Url>>>,
    answers: Arc<Mutex<Vec<String>>>,
}

/// A user whose browser follows these redirects, `STATE` in them being the right one.
fn user(plane: &Plane, port: u16, redirects: &[&str]) -> (User, Seen) {
    let seen = Seen::default();
    let (kept, redirects) = (seen.clone(), redirects.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    let mut user = User::of(plane, &[]);
    user.surroundings = user.surroundings.clone().with_browser(move |url| {
        let url = Url::parse(url).unwrap();
        kept.opened.lock().unwrap().push(url.clone());
        let (answers, redirects) = (Arc::clone(&kept.answers), redirects.clone());
        std::thread::spawn(move || {
            let state = parameters(url.query().unwrap())["state"].clone();
            for redirect in redirects {
                let answer = get(port, &redirect.replace("STATE", &state));
                answers.lock().unwrap().push(answer);
            }
        });
        Ok(())
    });
    (user, seen)
}

#[tokio::test]
async fn the_code_that_the_browser_brings_is_exchanged_with_the_verifier() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let (user, seen) = user(&plane, port, &["/favicon.ico", "/callback?code=c%26d&state=STATE"]);
    assert_eq!(text(&user.token().await.unwrap()), "tok.1");

    let opened = seen.opened.lock().unwrap()[0].clone();
    assert!(opened.as_str().starts_with(&format!(
        "{}/authorize?tenant=1&client_id=flytepropeller&response_type=code",
        plane.server.uri()
    )));
    let asked = parameters(opened.query().unwrap());
    let posted = plane.posted("/token").await;
    let form = parameters(&posted[0]);
    assert!(posted[0].starts_with("code=c%26d&grant_type=authorization_code&code_verifier="), "{posted:?}");
    let verifier = &form["code_verifier"];
    assert!((43..=128).contains(&verifier.len()));
    assert_eq!(asked["code_challenge"], Base64UrlUnpadded::encode_string(&Sha256::digest(verifier.as_bytes())));
    assert_eq!((asked["code_challenge_method"].as_str(), asked["scope"].as_str()), ("S256", "all offline"));
    assert_eq!(
        (&asked["redirect_uri"], asked["audience"].as_str()),
        (&format!("http://localhost:{port}/callback"), "https://acme.example")
    );
    assert!(asked["state"].len() >= 43 && !asked.contains_key("code_verifier"));
    for (name, value) in asked.iter().filter(|(name, _)| *name != "tenant") {
        assert_eq!(form.get(name), Some(value), "the exchange repeats {name}");
    }
    assert!(seen.answers.lock().unwrap()[0].contains("404"));
}

/// A redirect of another login is turned away, and ours is still waited for.
#[tokio::test]
async fn a_redirect_with_another_state_is_turned_away() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let forged = ["/callback?code=evil&state=other", "/callback?code=evil", "/callback?code=good&state=STATE"];
    let (user, seen) = user(&plane, port, &forged);
    user.token().await.unwrap();
    assert!(seen.answers.lock().unwrap()[..2].iter().all(|answer| answer.contains("400")));
    let posted = plane.posted("/token").await;
    assert!(posted.len() == 1 && posted[0].starts_with("code=good&"), "{posted:?}");
}

#[tokio::test]
async fn a_login_that_only_others_finish_ends_in_time_and_says_so() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let (user, _) = user(&plane, port, &["/callback?code=evil&state=other"]);
    let error = ProviderError::from(user.process().token(within(1500), Freshness::Kept).await.unwrap_err());
    assert!(error.kind() == ErrorKind::TimedOut && error.to_string().contains("another state"), "{error}");
    assert!(plane.posted("/token").await.is_empty());
}

/// S10: the words of a refusal are the authorization server's, and shown escaped.
#[tokio::test]
async fn a_login_that_is_refused_is_told_in_the_servers_words() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let (user, _) = user(&plane, port, &["/callback?error=access_denied&error_description=no%1b%5b2J&state=STATE"]);
    let error = user.token().await.unwrap_err();
    assert!(matches!(error, AuthError::Rejected(_)), "{error:?}");
    assert_eq!(error.to_string(), r"the login was refused: access_denied: no\x1b[2J");
}

/// Where nobody can log in, nothing waits.
#[tokio::test]
async fn without_a_browser_it_fails_at_once() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let begin = std::time::Instant::now();
    let error = ProviderError::from(User::of(&plane, &[]).token().await.unwrap_err());
    assert!(begin.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.to_string().contains("FLYTE_API_KEY") && error.to_string().contains("DeviceFlow"), "{error}");
    assert!(plane.posted("/token").await.is_empty());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let (user, seen) = user(&plane, port, &[]);
    let error = ProviderError::from(user.token().await.unwrap_err());
    assert!(error.kind() == ErrorKind::Local && error.to_string().contains(&port.to_string()), "{error}");
    assert!(seen.opened.lock().unwrap().is_empty(), "no browser is opened for nothing");
}

/// K5: the code comes back to this machine or nowhere.
#[tokio::test]
async fn a_redirect_to_elsewhere_is_refused() {
    for redirect in [
        "https://localhost:53593/callback",
        "http://localhost/callback",
        "http://evil.example:53593/callback",
        "http://0.0.0.0:53593/",
        "http://10.0.0.1:53593/",
        "urn:ietf:wg:oauth:2.0:oob",
        "",
    ] {
        let plane = Plane::with(json!({}), json!({"redirectUri": redirect})).await;
        let (user, seen) = user(&plane, 1, &[]);
        let error = ProviderError::from(user.token().await.unwrap_err());
        assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("redirect_uri")), "{redirect}");
        assert!(seen.opened.lock().unwrap().is_empty());
    }
}

/// A refresh token is used before a browser is; one that is over means another login.
#[tokio::test]
async fn a_refresh_token_comes_before_the_browser() {
    let port = free_port();
    let first = json!({"access_token": jwt("a", 60), "expires_in": 60, "refresh_token": "refresh-1"});
    let first = || ResponseTemplate::new(200).set_body_json(first.clone());
    let answers = vec![first(), granted(&jwt("b", 60), json!(60)), refused(400, "invalid_grant"), first()];
    let plane = plane(port, answers).await;
    let (user, seen) = user(&plane, port, &["/callback?code=c&state=STATE"]);
    user.token().await.unwrap();
    user.token().await.unwrap();
    let posted = plane.posted("/token").await;
    assert_eq!(posted[1], "grant_type=refresh_token&refresh_token=refresh-1&client_id=flytepropeller");
    assert_eq!(seen.opened.lock().unwrap().len(), 1);
    user.process().token(soon(), Freshness::New).await.unwrap();
    let posted = plane.posted("/token").await;
    assert!(
        posted[2].starts_with("grant_type=refresh_token&refresh_token=refresh-1&") && posted.len() == 4,
        "{posted:?}"
    );
    assert_eq!(seen.opened.lock().unwrap().len(), 2);
}

/// A refresh that fails for now opens no browser.
#[tokio::test]
async fn a_refresh_that_may_work_later_is_not_a_login() {
    let port = free_port();
    let first = json!({"access_token": jwt("a", 60), "expires_in": 60, "refresh_token": "refresh-1"});
    let answers = vec![ResponseTemplate::new(200).set_body_json(first), ResponseTemplate::new(503)];
    let plane = plane(port, answers).await;
    let (user, seen) = user(&plane, port, &["/callback?code=c&state=STATE"]);
    user.token().await.unwrap();
    let error = user.token().await.unwrap_err();
    assert!(matches!(error, AuthError::Transient(_)), "{error:?}");
    assert_eq!(plane.posted("/token").await.len(), 2);
    assert_eq!(seen.opened.lock().unwrap().len(), 1);
}

/// Browsers open connections ahead of need, and port scanners ask nonsense; neither stops the login.
#[tokio::test]
async fn silent_and_odd_connections_do_not_stop_the_login() {
    let port = free_port();
    let plane = plane(port, vec![granted("tok.1", json!(3600))]).await;
    let mut user = User::of(&plane, &[]);
    user.surroundings = user.surroundings.clone().with_browser(move |url| {
        let state = parameters(Url::parse(url).unwrap().query().unwrap())["state"].clone();
        std::thread::spawn(move || {
            let silent: Vec<_> = (0..5).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
            for odd in
                ["POST /callback HTTP/1.1\r\n\r\n", "\r\n\r\n", "GET http://evil/ HTTP/1.1\r\n\r\n", "\u{7f}\r\n\r\n"]
            {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                stream.write_all(odd.as_bytes()).unwrap();
                let _answer = stream.read_to_end(&mut Vec::new());
            }
            let mut flood = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let _cut = flood.write_all(&[b'x'; 64 * 1024]);
            get(port, &format!("/callback?code=c&state={state}"));
            drop(silent);
        });
        Ok(())
    });
    assert_eq!(text(&user.token().await.unwrap()), "tok.1");
}

/// N4: a code is good for one exchange (RFC 6749 §4.1.2), so it is not sent again after an answer that says nothing.
#[tokio::test]
async fn a_code_is_exchanged_once() {
    let port = free_port();
    let plane = plane(port, vec![ResponseTemplate::new(503), granted("tok.1", json!(3600))]).await;
    let (user, _) = user(&plane, port, &["/callback?code=c&state=STATE"]);
    let error = user.token().await.unwrap_err();
    assert!(matches!(error, AuthError::Transient(_)), "{error:?}");
    assert_eq!(plane.posted("/token").await.len(), 1);
}
