//! Tokens that are kept: for how long, for whom, and made once for all who ask.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kit::{Plane, User, granted, jwt, refused, soon, text};
use crate::auth::{Freshness, TokenSource as _};

/// The next process asks nobody, neither for the token nor for how to send it.
#[tokio::test]
async fn a_kept_token_is_used_by_the_next_process_without_a_question() {
    let plane = Plane::new().await.tokens(vec![granted(&jwt("a", 3600), json!(3600))]).await;
    let user = User::client(&plane);
    let first = user.token().await.unwrap();
    let second = user.token().await.unwrap();
    assert_eq!((text(&first), first.rpc_header.as_str()), (text(&second), second.rpc_header.as_str()));
    assert_eq!((plane.posted("/token").await.len(), plane.discoveries().await), (1, 1));
}

/// K8: what ends within two minutes, or ends nobody knows when, is made anew.
#[tokio::test]
async fn short_lived_and_opaque_tokens_are_not_taken_from_a_file() {
    let cases: [(String, Value); 5] = [
        (jwt("a", 100), Value::Null),
        (jwt("a", -5), json!(3600)),
        ("opaque".to_owned(), json!(60)),
        ("opaque".to_owned(), Value::Null),
        ("opaque".to_owned(), json!(0)),
    ];
    for (token, expires_in) in cases {
        let plane = Plane::new().await.tokens(vec![granted(&token, expires_in.clone())]).await;
        let user = User::client(&plane);
        user.token().await.unwrap();
        user.token().await.unwrap();
        assert_eq!(plane.posted("/token").await.len(), 2, "{token} {expires_in}");
    }
}

#[tokio::test]
async fn a_token_of_short_life_is_used_for_half_of_it_in_one_process() {
    for token in [granted("opaque", Value::Null), granted("opaque", json!(60))] {
        let plane = Plane::new().await.tokens(vec![token]).await;
        let process = User::client(&plane).process();
        for _ in 0..3 {
            process.token(soon(), Freshness::Kept).await.unwrap();
        }
        assert_eq!(plane.posted("/token").await.len(), 1);
    }
}

/// K8: a refused token is dropped from the file too, also when there is no other.
#[tokio::test]
async fn a_refused_token_is_dropped_everywhere() {
    let (one, two) = (jwt("one", 3600), jwt("two", 3600));
    let answers = vec![granted(&one, json!(3600)), granted(&two, json!(3600)), refused(400, "invalid_client")];
    let plane = Plane::new().await.tokens(answers).await;
    let user = User::client(&plane);
    let process = user.process();
    assert_eq!(text(&process.token(soon(), Freshness::Kept).await.unwrap()), one);
    assert_eq!(text(&process.token(soon(), Freshness::New).await.unwrap()), two);
    assert_eq!(text(&user.token().await.unwrap()), two);
    process.token(soon(), Freshness::New).await.unwrap_err();
    user.token().await.unwrap_err();
    process.token(soon(), Freshness::Kept).await.unwrap_err();
    assert_eq!(plane.posted("/token").await.len(), 5);
}

/// K8: another client, another login, other scopes and another audience have tokens of their own.
#[tokio::test]
async fn each_identity_has_its_own_token() {
    let answers = (1..=5).map(|number| granted(&jwt(&number.to_string(), 3600), json!(3600))).collect();
    let plane = Plane::new().await.tokens(answers).await;
    let mut user = User::client(&plane);
    let mine = text(&user.token().await.unwrap());
    for (name, value) in [("FLYTE_ADMIN_CLIENTID", "other"), ("FLYTE_ADMIN_SCOPES", "all")] {
        user = user.set(name, value);
        assert_ne!(text(&user.token().await.unwrap()), mine, "{name}");
        user.settings.pop();
    }
    assert_eq!(text(&user.token().await.unwrap()), mine);
    assert_eq!(plane.posted("/token").await.len(), 3);
}

/// K8: an audience that the control plane changed is another owner, so the old token is not the new one's.
#[tokio::test]
async fn a_changed_audience_is_another_owner() {
    let plane = Plane::new().await.tokens(vec![granted(&jwt("a", 3600), json!(3600))]).await;
    let user = User::client(&plane);
    user.token().await.unwrap();
    let directory = user.scratch.path().join("state/tokens");
    let names = |prefix: &str| {
        let all = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect::<Vec<_>>()
    };
    let (tokens, known) = (names("token-"), names("control-plane-"));
    assert_eq!((tokens.len(), known.len()), (1, 1));
    let text = std::fs::read_to_string(&known[0]).unwrap().replace("https://acme.example", "https://other.example");
    let private = anyssh_private_dir::PrivateDir::open(&directory).unwrap();
    private.replace_file(known[0].file_name().unwrap().to_str().unwrap(), text.as_bytes()).unwrap();
    // The control plane is asked again, and what is kept for its audience is used.
    user.token().await.unwrap();
    assert_eq!((plane.posted("/token").await.len(), plane.discoveries().await), (1, 2));
    std::fs::remove_file(&tokens[0]).unwrap();
    private.replace_file(known[0].file_name().unwrap().to_str().unwrap(), text.as_bytes()).unwrap();
    user.token().await.unwrap();
    assert_eq!(plane.posted("/token").await.len(), 2);
}

/// Many who ask at once, kept or new, get one token made once.
#[tokio::test]
async fn a_token_is_made_once_for_all_who_ask_at_once() {
    let slow = |number: usize| {
        granted(&jwt(&number.to_string(), 3600), json!(3600)).set_delay(std::time::Duration::from_millis(150))
    };
    let plane = Plane::new().await.tokens(vec![slow(1), slow(2), slow(3)]).await;
    let process = Arc::new(User::client(&plane).process());
    for (freshness, made) in [(Freshness::Kept, 1), (Freshness::New, 2)] {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let process = Arc::clone(&process);
                tokio::spawn(async move { text(&process.token(soon(), freshness).await.unwrap()) })
            })
            .collect();
        let mut tokens = Vec::new();
        for task in tasks {
            tokens.push(task.await.unwrap());
        }
        assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(plane.posted("/token").await.len(), made, "{freshness:?}");
    }
}

/// Whoever waits for a token that somebody else is making ends by their own deadline.
#[tokio::test]
async fn who_waits_for_anothers_token_ends_in_time() {
    let slow = granted("tok", json!(3600)).set_delay(std::time::Duration::from_secs(5));
    let plane = Plane::new().await.tokens(vec![slow]).await;
    let process = Arc::new(User::client(&plane).process());
    let first = Arc::clone(&process);
    let first = tokio::spawn(async move { first.token(soon(), Freshness::Kept).await });
    while plane.posted("/token").await.is_empty() {
        tokio::task::yield_now().await;
    }
    let error = process.token(super::kit::within(100), Freshness::Kept).await.unwrap_err();
    assert_eq!(anyssh_core::ProviderError::from(error).kind(), anyssh_core::ErrorKind::TimedOut);
    first.abort();
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_token_or_a_secret() {
    let plane = Plane::new().await.tokens(vec![granted("tok.very-secret", json!(3600))]).await;
    let user = User::client(&plane);
    let process = user.process();
    let token = process.token(soon(), Freshness::Kept).await.unwrap();
    let shown = format!("{process:?} {process:#?} {token:?} {:?}", user.config());
    assert!(!shown.contains("very-secret") && !shown.contains("hunter22"), "{shown}");
}
