//! What the environment may change: proxies (N10) and trusted roots (N2). Tests never set their own
//! environment, so each starts this test binary once more, as a child with one test and its variables.

use std::process::{Command, Output};

use anyssh_http::{BaseUrl, Header, HttpClient};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::kit::{KEY, RawServer, read_head, within};
use crate::tls::{Authority, BOTH, server};

/// Runs [`child`] with these variables and returns what it printed.
async fn child_with(base: String, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(this_binary());
    command.args(["--exact", "environment::child", "--nocapture", "--test-threads=1"]).env("ANYSSH_TEST_BASE", base);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.envs(variables.iter().copied());
    let Output { stdout, .. } = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    String::from_utf8(stdout).unwrap()
}

#[allow(clippy::disallowed_methods, reason = "a test binary that starts itself has no caller to name it")]
fn this_binary() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}

#[allow(clippy::disallowed_methods, reason = "the one word from the parent test to its child")]
fn base_from_parent() -> Option<String> {
    std::env::var("ANYSSH_TEST_BASE").ok()
}

/// Does nothing on its own; as a child it makes one call and prints how it ended.
#[tokio::test]
async fn child() {
    let Some(base) = base_from_parent() else { return };
    let key = Header::secret("key", "x-api-key", KEY.into()).unwrap();
    let client = HttpClient::new(BaseUrl::parse("base", &base).unwrap()).with_header(key);
    match client.get(&["a"], within(8000)).send(&[200]).await {
        Ok(answer) => println!("answered {}", answer.status()),
        Err(error) => println!("{:?} {} {error}", error.kind(), error.may_have_arrived()),
    }
    let installed = rustls::crypto::CryptoProvider::get_default().is_some();
    println!("process-wide provider: {installed}");
}

/// A proxy that writes down what it hears and answers each CONNECT with `answer`.
async fn proxy(answer: &'static str) -> (RawServer, mpsc::UnboundedReceiver<String>) {
    let (heads, heard) = mpsc::unbounded_channel();
    let proxy = RawServer::start(move |_, mut stream| {
        let heads = heads.clone();
        async move {
            let head = read_head(&mut stream).await;
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let _ = heads.send(head);
            stream.write_all(answer.as_bytes()).await.unwrap();
            if let Ok(mut server) = tokio::net::TcpStream::connect(target).await {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    })
    .await;
    (proxy, heard)
}

/// N10: an `https` call goes through the proxy by CONNECT, so the proxy hears a host and a port, no key.
#[tokio::test]
async fn https_goes_through_the_proxy_unread() {
    let authority = Authority::new("ours");
    let (server, roots) = (server(authority.issue(|_| {}), BOTH).await, authority.file());
    let (proxy, mut heard) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    let roots = roots.path().to_str().unwrap();
    let base = format!("https://localhost:{}", server.port());
    let said = child_with(base, &[("HTTPS_PROXY", &proxy.uri()), ("SSL_CERT_FILE", roots)]).await;
    assert!(said.contains("answered 200"), "{said}");
    let head = heard.recv().await.unwrap();
    assert!(head.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port())), "{head}");
    assert!(!head.contains(KEY) && !head.contains("x-api-key"), "{head}");
}

/// N10: a proxy that the caller names does the same, and the environment's is not asked.
#[tokio::test]
async fn a_named_proxy_tunnels_https_and_sees_no_request() {
    let authority = Authority::new("ours");
    let (server, roots) = (server(authority.issue(|_| {}), BOTH).await, authority.file());
    let (proxy, mut heard) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    let base = BaseUrl::parse("base", &format!("https://localhost:{}", server.port())).unwrap();
    let client = HttpClient::new(base).with_ca_file(roots.path()).unwrap();
    let client = client.with_proxy(BaseUrl::parse("proxy", &proxy.uri()).unwrap());
    let key = Header::proxy_bearer("key", &KEY.into()).unwrap();
    let answer = client.get(&["a"], within(8000)).with_header(key).send(&[200]).await.unwrap();
    let head = heard.recv().await.unwrap();
    assert!(answer.status() == 200 && head.starts_with("CONNECT localhost:") && !head.contains(KEY), "{head}");
}

/// N10: what stands on loopback is never asked for through a proxy, which would see all of it.
#[tokio::test]
async fn plain_loopback_never_goes_through_a_proxy() {
    let server = RawServer::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (proxy, _) = proxy("HTTP/1.1 200 OK\r\n\r\n").await;
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let said = child_with(server.uri(), &[(name, &proxy.uri())]).await;
        assert!(said.contains("answered 200"), "{name}: {said}");
    }
    assert_eq!(proxy.connections(), 0);
}

/// A proxy that refuses is the network's fault (cli.md), and nothing has arrived.
#[tokio::test]
async fn a_proxy_that_refuses_is_unavailable() {
    let (wants_a_password, _) = proxy("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let (broken, _) = proxy("HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ask = async |proxy: String| child_with("https://localhost:1".to_owned(), &[("HTTPS_PROXY", &proxy)]).await;
    // At the same time, since each waits for its own repeats.
    let said = tokio::join!(ask(wants_a_password.uri()), ask(broken.uri()), ask(format!("http://127.0.0.1:{port}")));
    for said in [said.0, said.1, said.2] {
        assert!(said.contains("Unavailable false") && said.contains("proxy"), "{said}");
    }
}

/// N2: SSL_CERT_FILE adds trust, its absence does not; and TLS works without a process-wide provider.
#[tokio::test]
async fn the_platforms_roots_come_from_ssl_cert_file() {
    let authority = Authority::new("ours");
    let (server, roots) = (server(authority.issue(|_| {}), BOTH).await, authority.file());
    let base = format!("https://localhost:{}", server.port());
    let said = child_with(base.clone(), &[("SSL_CERT_FILE", roots.path().to_str().unwrap())]).await;
    assert!(said.contains("answered 200") && said.contains("process-wide provider: false"), "{said}");
    let said = child_with(base.clone(), &[]).await;
    assert!(said.contains("UnknownIssuer") || said.contains("TLS cannot be set up"), "{said}");
    let said = child_with(base, &[("SSL_CERT_FILE", "/nonexistent")]).await;
    assert!(said.contains("Local false") && said.contains("TLS cannot be set up"), "{said}");
}
