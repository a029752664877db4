//! The loopback listener to which the browser is sent back (RFC 8252 §7.3).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, FieldError, ProviderError, escape};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use url::{Host, Url, form_urlencoded};

use super::AuthError;

const EXPECTED: &str = "http://localhost:PORT/PATH or a loopback address in its place";

/// The largest head of a request that is read, in bytes, and how long it may take.
const LARGEST_HEAD: usize = 16 * 1024;
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// Browsers open connections ahead of need, so several are looked at, and no more than these.
const MOST_CONNECTIONS: usize = 32;

/// A listener for one redirect.
#[derive(Debug)]
pub(crate) struct Redirect {
    listeners: Vec<TcpListener>,
    path: String,
}

/// What the browser brought.
struct Brought(BTreeMap<String, String>);

impl Redirect {
    /// Listens where `redirect_uri` points, which must be on this machine.
    pub(crate) async fn listen(redirect_uri: &str) -> Result<Self, AuthError> {
        let refused = || ProviderError::protocol(FieldError::new("redirect_uri", EXPECTED, redirect_uri));
        let url = Url::parse(redirect_uri).map_err(|_| refused())?;
        let port = url.port().filter(|_| url.scheme() == "http").ok_or_else(refused)?;
        let hosts: &[&str] = match url.host() {
            // The browser asks for one of them first, and for the other if nobody is there.
            Some(Host::Domain("localhost")) => &["127.0.0.1", "::1"],
            Some(Host::Ipv4(address)) if address.is_loopback() => &["127.0.0.1"],
            Some(Host::Ipv6(address)) if address.is_loopback() => &["::1"],
            _ => return Err(refused().into()),
        };
        let mut listeners = Vec::new();
        let mut failure = None;
        for host in hosts {
            match TcpListener::bind((*host, port)).await {
                Ok(listener) => listeners.push(listener),
                // A machine without IPv6 has the other one.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            // One half taken by somebody else could be the half that the browser asks.
            Some(error) => Err(cannot_listen(port, &error).into()),
            None if listeners.is_empty() => Err(cannot_listen(port, &io::ErrorKind::AddrNotAvailable.into()).into()),
            None => Ok(Self { listeners, path: url.path().to_owned() }),
        }
    }

    /// Waits for a redirect with this `state` and returns its code. Others are turned away.
    pub(crate) async fn wait(self, state: &str, deadline: Deadline) -> Result<SecretString, AuthError> {
        let end = Instant::from_std(deadline.instant());
        let mut others = 0_u32;
        let (sender, mut brought) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        let page = Arc::new(Page { path: self.path, state: state.to_owned() });
        let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        for listener in self.listeners {
            tasks.spawn(accept(listener, Arc::clone(&page), Arc::clone(&connections), sender.clone()));
        }
        // The tasks end with the set, which this function owns.
        loop {
            match timeout_at(end, brought.recv()).await {
                Ok(Some(Ok(Brought(parameters)))) => return code(parameters),
                Ok(Some(Err(OtherState))) => others += 1,
                Ok(None) | Err(_) => return Err(nobody_came(others).into()),
            }
        }
    }
}

/// A redirect that answers another login than ours.
struct OtherState;

/// What is served: one path, for one state.
struct Page {
    path: String,
    state: String,
}

async fn accept(
    listener: TcpListener,
    page: Arc<Page>,
    connections: Arc<Semaphore>,
    sender: mpsc::Sender<Result<Brought, OtherState>>,
) {
    let mut open = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptors left, say: it passes, or the deadline comes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (page, sender) = (Arc::clone(&page), sender.clone());
        open.spawn(async move {
            let _permit = permit;
            let _gone = timeout(HEAD_TIMEOUT, serve(stream, &page, &sender)).await;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn serve(
    mut stream: TcpStream,
    page: &Page,
    sender: &mpsc::Sender<Result<Brought, OtherState>>,
) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let Some((path, query)) = target(&head) else { return answer(&mut stream, "400 Bad Request", BAD).await };
    if path != page.path {
        return answer(&mut stream, "404 Not Found", BAD).await;
    }
    let parameters: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if parameters.get("state") != Some(&page.state) {
        answer(&mut stream, "400 Bad Request", BAD).await?;
        let _gone = sender.send(Err(OtherState)).await;
        return Ok(());
    }
    let text = if parameters.contains_key("code") { GOOD } else { BAD };
    answer(&mut stream, "200 OK", text).await?;
    let _gone = sender.send(Ok(Brought(parameters))).await;
    Ok(())
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await?;
        if count == 0 || head.len() + count > LARGEST_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(head).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Path and query of a GET.
fn target(head: &str) -> Option<(&str, &str)> {
    let mut words = head.lines().next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_get = method == "GET" && version.starts_with("HTTP/1.") && target.starts_with('/');
    is_get.then(|| target.split_once('?').unwrap_or((target, "")))
}

async fn answer(stream: &mut TcpStream, status: &str, text: &str) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

fn code(mut parameters: BTreeMap<String, String>) -> Result<SecretString, AuthError> {
    if let Some(code) = parameters.remove("code").filter(|code| !code.is_empty()) {
        return Ok(code.into());
    }
    let words = ["error", "error_description"].iter().filter_map(|name| parameters.get(*name));
    let words: Vec<String> = words.map(|text| escape::printable(text, escape::MESSAGE_CAP)).collect();
    Err(AuthError::Rejected(format!("the login was refused: {}", words.join(": "))))
}

fn nobody_came(others: u32) -> ProviderError {
    let mut message = "the login in the browser was not finished in time".to_owned();
    if others > 0 {
        message.push_str("; a redirect came with another state, and was turned away");
    }
    ProviderError::new(ErrorKind::TimedOut, message)
}

fn cannot_listen(port: u16, error: &io::Error) -> ProviderError {
    let message =
        format!("the login in the browser comes back to port {port} of this machine, which cannot be used: {error}");
    ProviderError::new(ErrorKind::Local, message).with_field("redirect_uri")
}

const GOOD: &str = "<!doctype html><title>anyssh</title><p>You are logged in. This page can be closed.";
const BAD: &str = "<!doctype html><title>anyssh</title><p>This is not the login that anyssh waits for.";

#[cfg(test)]
mod tests {
    use super::*;

    /// S9: of a head without end no more is read than any head has; the connection ends before its time is over.
    #[tokio::test]
    async fn a_head_without_end_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let flood = tokio::spawn(async move { while client.write_all(&[b'x'; 4096]).await.is_ok() {} });
        let read = timeout(HEAD_TIMEOUT, read_head(&mut stream)).await;
        assert_eq!(read.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(stream);
        flood.await.unwrap();
    }
}
