//! Certificates that must not be used, each with one thing wrong (S5).

use std::time::{Duration, SystemTime};

use anyssh_core::ErrorKind;
use anyssh_core::ssh_key::certificate::CertType;
use anyssh_core::ssh_key::{Certificate, PublicKey};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::kit::{
    Minted, OURS, USER, answer, count, create, ok, over, public_line, ready, server_creating, session_path,
    sessions_path, with,
};

const POINTER: &str = "/connection/user_certificate";

/// The refusal of a session with this certificate; the session is deleted.
async fn refusal(line: &str) -> String {
    let server = server_creating(&with(ready(), POINTER, Some(json!(line)))).await;
    let error = create(&server).await.expect_err(line);
    assert_eq!((error.kind(), error.field()), (ErrorKind::Protocol, Some("user_certificate")), "{error}");
    assert_eq!((count(&server, "DELETE").await, error.left_behind()), (1, None), "{error}");
    assert!(error.to_string().starts_with("user_certificate: "), "{error}");
    error.to_string()
}

/// S5: one row for each property.
#[tokio::test]
async fn a_certificate_with_one_thing_wrong_is_refused_and_the_session_deleted() {
    let rows = [
        (Minted { subject: 9, ..Minted::default() }, "it is for another key"),
        (Minted { kind: CertType::Host, ..Minted::default() }, "of type user"),
        (Minted { from: -600, to: -1, ..Minted::default() }, "it has expired"),
        (Minted { from: 3600, to: 7200, ..Minted::default() }, "it is not valid yet"),
        (Minted { principals: vec![], ..Minted::default() }, "names no principal"),
        (Minted { principals: vec!["root", "wssh-2"], ..Minted::default() }, "its principals are \"root,wssh-2\""),
        (Minted { principals: vec!["*", "a\u{1b}b"], ..Minted::default() }, r"its principals are"),
        (Minted { critical: vec![("force-command", "id")], ..Minted::default() }, "force-command"),
        (Minted { critical: vec![("new@example.com", "x")], ..Minted::default() }, "\"new@example.com\" is not known"),
    ];
    for (minted, why) in rows {
        let message = refusal(&minted.line()).await;
        assert!(message.contains(why) && !message.contains('\u{1b}'), "{why}: {message}");
    }
}

/// S5: what the text may be.
#[tokio::test]
async fn a_text_that_is_no_certificate_on_one_line_is_refused() {
    let good = Minted::default().line();
    let host_ca = public_line(crate::kit::HOST_CA);
    for line in [
        format!("{good}\n{good}"),
        format!("{good}\n@cert-authority * {host_ca}"),
        format!("{good}\r"),
        format!("{good}\0"),
        format!(" {good}"),
        format!("-{good}"),
        good.replacen(' ', "\t", 1),
        good.replace("ssh-ed25519-cert", "ecdsa-sha2-nistp256-cert"),
        good[..good.len() / 2].to_owned(),
        public_line(OURS),
        "x".repeat(20_000),
        String::new(),
        " ".to_owned(),
    ] {
        refusal(&line).await;
    }
}

/// S5: a signature that does not fit, and an authority that is itself a certificate.
#[tokio::test]
async fn a_changed_certificate_and_a_nested_authority_are_refused() {
    let mut certificate = Certificate::from_openssh(&Minted::default().line()).unwrap();
    let mut bytes = certificate.to_bytes().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    certificate = Certificate::from_bytes(&bytes).unwrap();
    assert!(refusal(&certificate.to_openssh().unwrap()).await.contains("signature"));

    // What the authority signed, with another user name in it: the same length, so the form stays whole.
    let bytes = Certificate::from_openssh(&Minted { principals: vec!["wssh-1-logon"], ..Minted::default() }.line());
    let mut bytes = bytes.unwrap().to_bytes().unwrap();
    let place = bytes.windows(12).position(|window| window == b"wssh-1-logon").unwrap();
    bytes[place..place + 12].copy_from_slice(USER.as_bytes());
    let forged = Certificate::from_bytes(&bytes).unwrap();
    assert!(refusal(&forged.to_openssh().unwrap()).await.contains("signature"));

    // A certificate type in the blob a second time: here as the authority's key type.
    let mut bytes = Certificate::from_openssh(&Minted::default().line()).unwrap().to_bytes().unwrap();
    let name = b"\0\0\0\x0bssh-ed25519";
    let place = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    let nested = b"\0\0\0\x20ssh-ed25519-cert-v01@openssh.com";
    bytes.splice(place..place + name.len(), nested.iter().copied());
    let line = format!("ssh-ed25519-cert-v01@openssh.com {}", base64(&bytes));
    refusal(&line).await;
}

/// S5: options that only narrow what it is good for are let through.
#[tokio::test]
async fn options_that_narrow_a_certificate_pass() {
    let critical = vec![("source-address", "10.0.0.0/8"), ("verify-required", "")];
    for minted in [
        Minted { critical, ..Minted::default() },
        Minted { principals: vec!["other", USER], ..Minted::default() },
        Minted { from: 30, ..Minted::default() },
    ] {
        let server = server_creating(&with(ready(), POINTER, Some(json!(minted.line())))).await;
        create(&server).await.unwrap();
    }
    let server = server_creating(&with(ready(), POINTER, Some(json!(Minted::default().line() + "\n")))).await;
    create(&server).await.unwrap();
}

/// S12: a server whose clock is a year away from ours is named beside both times.
#[tokio::test]
async fn a_clock_that_is_a_year_off_is_in_the_refusal() {
    // And a minute, since the header has no fractions.
    let year = Duration::from_secs(365 * 24 * 3600 + 60);
    for (server_time, problem, side) in [
        (SystemTime::now() - year, "it is not valid yet", "ahead of"),
        (SystemTime::now() + year, "it has expired", "behind"),
    ] {
        let date = ok(&ready()).insert_header("date", http_date(server_time));
        let server = MockServer::start().await;
        answer(&server, "POST", &sessions_path(), 1, date).await;
        answer(&server, "DELETE", &session_path(), 1, ok(&over("closed"))).await;
        let message = create(&server).await.unwrap_err().to_string();
        assert!(message.contains(problem), "{message}");
        assert!(message.contains(&format!("the local clock is 365d 0h {side} the server's")), "{message}");
    }
}

/// S12: a session that is good at the server and over by our clock: this machine is to be mended.
#[tokio::test]
async fn a_session_that_only_our_clock_calls_expired_is_a_local_fault() {
    let hour = Duration::from_secs(3600);
    let line = Minted { from: -2 * 3600, to: -600, ..Minted::default() }.line();
    let body = with(with(ready(), POINTER, Some(json!(line))), "/expires_at", None);
    let server = MockServer::start().await;
    let response: ResponseTemplate = ok(&body).insert_header("date", http_date(SystemTime::now() - hour));
    answer(&server, "POST", &sessions_path(), 1, response).await;
    answer(&server, "DELETE", &session_path(), 1, ok(&over("closed"))).await;
    let error = create(&server).await.unwrap_err();
    assert_eq!((error.kind(), error.field()), (ErrorKind::Local, Some("expires_at")));
    assert!(error.to_string().contains("the local clock is 1h 0m ahead of the server's"), "{error}");
    assert_eq!(count(&server, "DELETE").await, 1);
}

fn http_date(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A blob as base64; ssh-key has no such function for bytes that are no key, so it goes by an alphabet.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().enumerate().fold(0u32, |group, (place, byte)| group | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let letter = char::from(ALPHABET[(group >> (18 - 6 * place) & 63) as usize]);
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[test]
fn the_blob_of_a_key_comes_out_as_ssh_writes_it() {
    let line = public_line(OURS);
    let key = PublicKey::from_openssh(&line).unwrap();
    assert_eq!(line, format!("ssh-ed25519 {}", base64(&key.to_bytes().unwrap())));
}
