//! The caller's own key pair, of which only the public half is known here.

use anyssh_core::{Attempt, CallerKey, CreateRequest, Credential, ErrorKind, KeyPair, SessionRef, SshProvider as _};
use serde_json::json;

use crate::kit::{
    LONG, Minted, count, key, provider, public_line, ready, request, requests, server_creating, target, with, within,
};

const MINE: u8 = 8;

/// A request whose key pair is the caller's.
fn mine(kept: CallerKey) -> CreateRequest {
    let mut request = request(LONG);
    request.attempt = Attempt { public_key: key(MINE).public_key().clone(), ..request.attempt };
    request.key_pair = KeyPair::Caller { public_key: request.attempt.public_key.clone(), key: kept };
    request
}

/// K7: the public half is what is certified, also when only the attempt is known.
#[tokio::test]
async fn the_public_half_is_sent_and_ssh_gets_the_file_or_the_agent() {
    let line = Minted { subject: MINE, ..Minted::default() }.line();
    let server = server_creating(&with(ready(), "/connection/user_certificate", Some(json!(line)))).await;
    for kept in [CallerKey::Agent, CallerKey::File("/home/me/.ssh/id_ed25519".into())] {
        let (provider, request) = (provider(&server), mine(kept.clone()));
        let session = provider.create(&request).await.unwrap();
        let Credential::CertificateOnly { key, .. } = session.login.credential else { panic!("not the caller's") };
        assert_eq!(key, kept);
        provider.revoke(&SessionRef::by_attempt(target(), request.attempt), within(LONG)).await.unwrap();
    }
    for sent in requests(&server).await.iter().filter(|sent| sent.method.as_str() == "POST") {
        assert_eq!(sent.body_json::<serde_json::Value>().unwrap(), json!({"public_key": public_line(MINE)}));
    }
    assert_eq!(count(&server, "POST").await, 4);
}

#[tokio::test]
async fn a_certificate_for_another_key_than_the_callers_is_refused() {
    let server = server_creating(&ready()).await;
    let error = provider(&server).create(&mine(CallerKey::Agent)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("user_certificate")));
}
