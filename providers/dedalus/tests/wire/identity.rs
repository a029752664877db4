//! `--identity FILE`: the caller's own key.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyssh_core::{CallerKey, Credential, ErrorKind, SshProvider as _};
use serde_json::json;

use crate::kit::{
    LONG, Minted, by_attempt, count, provider_with_identity, public_line, ready, request, requests, server_creating,
    with, within,
};

const MINE: u8 = 8;

fn put(path: &Path, text: &str) {
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// K7: the private half is not read; the public half is what is certified, also when only the attempt is known.
#[tokio::test]
async fn the_public_half_is_sent_and_ssh_gets_the_file_or_the_agent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("id_ed25519");
    let public = directory.path().join("id_ed25519.pub");
    put(&public, &format!("{} me@box\n", public_line(MINE)));
    let line = Minted { subject: MINE, ..Minted::default() }.line();
    let server = server_creating(&with(ready(), "/connection/user_certificate", Some(json!(line)))).await;

    let mut rows = vec![(file.clone(), CallerKey::Agent), (public, CallerKey::Agent)];
    rows.push((file.clone(), CallerKey::File(file.clone())));
    for (index, (given, expected)) in rows.into_iter().enumerate() {
        if index == 2 {
            put(&file, "not looked at");
        }
        let provider = provider_with_identity(&server, given.to_str().unwrap()).unwrap();
        let session = provider.create(&request(LONG)).await.unwrap();
        let Credential::CertificateOnly { key, .. } = session.login.credential else { panic!("not ours") };
        assert_eq!(key, expected);
        provider.revoke(&by_attempt(), within(LONG)).await.unwrap();
    }
    for sent in requests(&server).await.iter().filter(|sent| sent.method.as_str() == "POST") {
        assert_eq!(sent.body_json::<serde_json::Value>().unwrap(), json!({"public_key": public_line(MINE)}));
    }
    assert_eq!(count(&server, "POST").await, 6);
}

#[tokio::test]
async fn a_certificate_for_the_fresh_key_is_refused_where_the_identity_was_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("key");
    put(&directory.path().join("key.pub"), &public_line(MINE));
    let server = server_creating(&ready()).await;
    let provider = provider_with_identity(&server, file.to_str().unwrap()).unwrap();
    let error = provider.create(&request(LONG)).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("user_certificate")));
}

/// F4, K6: what is no public key is refused by the option's name, and not shown.
#[tokio::test]
async fn a_file_that_is_no_public_key_is_a_usage_error() {
    let server = server_creating(&ready()).await;
    let directory = tempfile::tempdir().unwrap();
    let public = directory.path().join("key.pub");
    let refused = |path: &Path| {
        let error = provider_with_identity(&server, path.to_str().unwrap()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("identity")), "{error}");
        assert!(!error.to_string().contains("hunter22"), "{error}");
    };
    refused(&directory.path().join("missing"));
    refused(Path::new("/dev/zero"));
    refused(directory.path());
    let two = format!("{0}\n{0}\n", public_line(MINE));
    let certificate = Minted::default().line();
    let huge = format!("{} {}", public_line(MINE), "x".repeat(20_000));
    for text in ["-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22", "hunter22", "", &two, &certificate, &huge] {
        put(&public, text);
        refused(&public);
    }
    put(&public, "");
    File::options().write(true).open(&public).unwrap().write_all(b"\xff\xfe").unwrap();
    refused(&public);
}
