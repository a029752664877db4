//! Who gets in.

use std::sync::Arc;
use std::time::Duration;

use anyssh_core::ssh_key::Certificate;
use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_server::{Account, CertificateLogin, PasswordLogin, Server, ServerConfig, SwitchedLogin};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::support::{PASSWORD, Pair, USER, certificate, certificate_between, key, output, text};

fn config() -> ServerConfig {
    ServerConfig::new(key(9), Arc::new(PasswordLogin::new(USER, PASSWORD.into())), Account::nobody())
}

fn for_user(builder: &mut Builder) {
    builder.valid_principal(USER).unwrap();
}

fn login() -> CertificateLogin {
    CertificateLogin::new(USER, key(2).public_key().clone())
}

#[tokio::test]
async fn the_password_logs_in_and_another_one_does_not() {
    assert_eq!(text(&Pair::with_password().await.run("echo hi").await.stdout), "hi\n");
    let wrong = Pair::password_client(PasswordLogin::new(USER, PASSWORD.into()), "wrong").await;
    let refused = wrong.run("echo hi").await;
    assert_eq!((refused.status.code(), text(&refused.stdout)), (Some(255), String::new()));
    assert!(text(&refused.stderr).contains("Permission denied"), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn the_password_logs_in_by_keyboard_interactive_too() {
    let pair = Pair::with_password().await;
    let result = output(pair.ssh(&["-oPasswordAuthentication=no"], &["echo hi"])).await;
    assert_eq!(text(&result.stdout), "hi\n", "{}", text(&result.stderr));
}

#[tokio::test]
async fn a_certificate_of_the_authority_logs_in() {
    let pair = Pair::certificate_client(login(), &certificate(2, for_user)).await;
    let result = pair.run("echo hi").await;
    assert_eq!(text(&result.stdout), "hi\n", "{}", text(&result.stderr));
}

/// S5, seen from the server: each property of a certificate on its own decides.
#[tokio::test]
async fn other_certificates_are_refused() {
    let other_principal = |builder: &mut Builder| {
        builder.valid_principal("you").unwrap();
    };
    let any_principal = |builder: &mut Builder| {
        builder.all_principals_valid().unwrap();
    };
    let forced = |builder: &mut Builder| {
        for_user(builder);
        builder.critical_option("force-command", "echo hi").unwrap();
    };
    for (what, certificate) in [
        ("another authority", certificate(3, for_user)),
        ("signed by itself", certificate(1, for_user)),
        ("another principal", certificate(2, other_principal)),
        ("no principal", certificate(2, any_principal)),
        ("a critical option", certificate(2, forced)),
        ("expired", certificate_between(2, 1_000_000, 1_000_001, for_user)),
        ("not yet valid", certificate_between(2, 33_000_000_000, 33_000_000_001, for_user)),
    ] {
        let result = Pair::certificate_client(login(), &certificate).await.run("echo hi").await;
        assert_eq!((result.status.code(), text(&result.stdout)), (Some(255), String::new()), "{what}");
    }
}

#[tokio::test]
async fn the_plain_key_of_a_certificate_is_refused() {
    let pair = Pair::certificate_client(login(), &certificate(2, for_user)).await;
    std::fs::remove_file(pair.path("key-cert.pub")).unwrap();
    assert_eq!(pair.run("echo hi").await.status.code(), Some(255));
}

#[tokio::test]
async fn a_login_that_is_switched_off_lets_nobody_in_any_more() {
    let (login, switch) = SwitchedLogin::new(PasswordLogin::new(USER, PASSWORD.into()));
    let pair = Pair::password_client(login, PASSWORD).await;
    assert_eq!(pair.run("exit 5").await.status.code(), Some(5));
    switch.turn_off();
    assert_eq!(pair.run("exit 5").await.status.code(), Some(255));
    let keyboard = output(pair.ssh(&["-oPasswordAuthentication=no"], &["exit 5"])).await;
    assert_eq!(keyboard.status.code(), Some(255));
}

/// A client that never logs in holds its place no longer than it is given.
#[tokio::test]
async fn a_connection_that_does_not_log_in_in_time_is_closed() {
    let server = Server::start(config().with_login_grace_time(Duration::from_millis(50))).await.unwrap();
    let mut silent = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let mut banner = Vec::new();
    let reading = silent.read_to_end(&mut banner);
    // A reset is an end too.
    let _end = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the connection stays open");
    assert!(banner.starts_with(b"SSH-2.0-"), "{banner:?}");
}

/// The real `ssh` trusts the server by its authority alone.
#[tokio::test]
async fn a_host_certificate_is_shown() {
    let host = key(9).public_key().key_data().clone();
    let mut builder = Builder::new(vec![7; 16], host, 0, 33_000_000_000).unwrap();
    builder.cert_type(CertType::Host).unwrap().valid_principal("127.0.0.1").unwrap();
    let certificate: Certificate = builder.sign(&key(4)).unwrap();
    let pair = Pair::with_server(config().with_host_certificate(certificate)).await;
    let authority = key(4).public_key().to_openssh().unwrap();
    pair.file("known_hosts", &format!("@cert-authority [127.0.0.1]:{} {authority}\n", pair.server.port()), 0o600);
    let result = pair.run("echo hi").await;
    assert_eq!(text(&result.stdout), "hi\n", "{}", text(&result.stderr));
}
