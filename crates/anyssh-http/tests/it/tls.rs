//! N2: which certificates are accepted, and what is said about the others.

use std::io::Write as _;
use std::sync::Arc;

use anyssh_core::ErrorKind;
use anyssh_http::{BaseUrl, HttpClient, HttpError, RetryPolicy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use crate::kit::{RawServer, within};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What the server shows: its certificate and the key for it.
pub(crate) struct Identity(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn file(&self) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(self.0.pem().as_bytes()).unwrap();
        file
    }

    pub(crate) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity(certificate.into(), key.serialize_der().into())
    }
}

fn acceptor(identity: Identity, versions: &[&'static SupportedProtocolVersion]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.0], identity.1.into())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) async fn server(identity: Identity, versions: &[&'static SupportedProtocolVersion]) -> RawServer {
    let acceptor = acceptor(identity, versions);
    RawServer::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

async fn ask(server: &RawServer, trusted: &Authority) -> Result<u16, HttpError> {
    let base = BaseUrl::parse("base", &format!("https://localhost:{}", server.port())).unwrap();
    let client = HttpClient::new(base).with_ca_file(trusted.file().path()).unwrap();
    client.get(&["a"], within(8000)).send(&[200]).await.map(|answer| answer.status())
}

#[tokio::test]
async fn an_own_authority_is_accepted_with_tls_1_2_and_1_3() {
    let authority = Authority::new("ours");
    for versions in [BOTH, &[&version::TLS12], &[&version::TLS13]] {
        let server = server(authority.issue(|_| {}), versions).await;
        assert_eq!(ask(&server, &authority).await.unwrap(), 200);
    }
}

/// The bad-certificate matrix: each is refused once, before anything is sent, and the message says why.
#[tokio::test]
async fn bad_certificates_are_refused_and_named() {
    let (authority, other) = (Authority::new("ours"), Authority::new("other"));
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    let wrong_name = CertificateParams::new(vec!["other.example".to_owned()]).unwrap().subject_alt_names;
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (identity, word) in [
        (other.issue(|_| {}), "UnknownIssuer"),
        (Identity(own.into(), key.serialize_der().into()), "UnknownIssuer"),
        (authority.issue(|params| params.subject_alt_names = wrong_name), "not valid for"),
        (authority.issue(expired), "expired"),
        (authority.issue(early), "not valid yet"),
        (authority.issue(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), "CaUsedAsEndEntity"),
    ] {
        let server = server(identity, BOTH).await;
        let error = ask(&server, &authority).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("TLS") && text.contains("certificate of localhost") && text.contains(word), "{text}");
        assert_eq!(
            (error.kind(), error.is_retryable(), error.may_have_arrived()),
            (ErrorKind::Unavailable, false, false)
        );
        assert_eq!((error.attempts(), server.connections()), (1, 1), "{text}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to() {
    let server = RawServer::start(|_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    let error = ask(&server, &Authority::new("ours")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("TLS"), "{error}");
}

/// N4: TLS that breaks after the request was sent is an ambiguous failure, unlike a refused certificate.
#[tokio::test]
async fn tls_that_breaks_after_the_request_may_have_arrived() {
    let authority = Authority::new("ours");
    let acceptor = acceptor(authority.issue(|_| {}), BOTH);
    let server = RawServer::start(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.get_mut().0.write_all(b"this is no TLS record, as anybody can see").await;
            std::future::pending::<()>().await;
        }
    })
    .await;
    let base = BaseUrl::parse("base", &format!("https://localhost:{}", server.port())).unwrap();
    let client = HttpClient::new(base).with_ca_file(authority.file().path()).unwrap();
    let error = client.post(&["a"], RetryPolicy::OnlyIfNotSent, within(8000)).send(&[200]).await.unwrap_err();
    assert_eq!((error.kind(), error.may_have_arrived()), (ErrorKind::Unavailable, true), "{error}");
    assert_eq!((error.attempts(), server.connections()), (1, 1));
}

/// N3: a server that accepts and then says nothing during the handshake.
#[tokio::test]
async fn a_stalled_handshake_ends_at_the_deadline() {
    let server =
        RawServer::start(|_, stream| async move { (std::future::pending::<()>().await, drop(stream)).1 }).await;
    let base = BaseUrl::parse("base", &format!("https://localhost:{}", server.port())).unwrap();
    let client = HttpClient::new(base).with_ca_file(Authority::new("ours").file().path()).unwrap();
    let call = client.post(&["a"], RetryPolicy::OnlyIfNotSent, within(400));
    let error = call.send(&[200]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::TimedOut && error.to_string().contains("timeout"), "{error}");
}

#[test]
fn a_ca_file_that_is_none_is_named() {
    let base = BaseUrl::parse("base", "https://localhost").unwrap();
    let empty = NamedTempFile::new().unwrap();
    let mut torn = NamedTempFile::new().unwrap();
    torn.write_all(b"-----BEGIN CERTIFICATE-----\nAAAA").unwrap();
    for (path, word) in [
        (empty.path(), "no PEM certificate"),
        (torn.path(), "PEM"),
        ("/dev/zero".as_ref(), "regular file"),
        ("/nonexistent/ca.pem".as_ref(), "No such file"),
    ] {
        let error = HttpClient::new(base.clone()).with_ca_file(path).unwrap_err();
        assert!(error.kind() == ErrorKind::Config && error.to_string().contains("CA file"), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}
