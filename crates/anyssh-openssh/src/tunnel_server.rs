//! Tells the helper that ssh runs as its ProxyCommand what to dial, and hears from it why it failed.
//!
//! URL and headers hold tokens. They cross a socket in the private directory alone, to whoever shows the
//! nonce that only ssh's environment holds; no argument and no variable has any of them (K1).

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyssh_core::ProviderError;
use anyssh_core::escape::printable_bytes;
use anyssh_core::secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::askpass::{bind, equal_in_constant_time, new_nonce};
use crate::plan::Tunnel;
use crate::tunnel_failure::TunnelFailure;
use crate::tunnel_link::{NONCE, SOCKET};
use crate::tunnel_wire::{FAILED, HEADERS, NONE, ORDER, REFUSED, kind_of, kind_word, receive, send};
use anyssh_private_dir::DirectoryError;
use anyssh_private_dir::PrivateDir;

/// Header names with secret values.
pub type Headers = Vec<(String, SecretString)>;

type Refreshing = Pin<Box<dyn Future<Output = Result<Option<Headers>, ProviderError>> + Send>>;

/// Gets other headers after a dial was answered with 401, or `None` if there are no others. Called at most
/// once for each dial.
#[derive(Clone)]
pub struct RefreshHeaders(Arc<dyn Fn() -> Refreshing + Send + Sync>);

impl RefreshHeaders {
    /// What `refresh` gives.
    pub fn new<F>(refresh: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<Headers>, ProviderError>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(refresh())))
    }
}

impl fmt::Debug for RefreshHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshHeaders(..)")
    }
}

/// What a tunnel's helper is told beside what to dial.
#[derive(Clone, Debug)]
pub(crate) struct Dialling {
    /// How long its dial may take.
    pub(crate) within: Duration,
    pub(crate) refresh: Option<RefreshHeaders>,
}

/// The socket on which a helper asks.
#[derive(Debug)]
pub(crate) struct TunnelServer {
    listener: UnixListener,
    nonce: String,
    environment: [(OsString, OsString); 2],
    tunnel: Tunnel,
    dialling: Dialling,
    failure: Mutex<Option<TunnelFailure>>,
    /// Whether a helper is connected.
    busy: watch::Sender<bool>,
}

impl TunnelServer {
    /// Starts to listen in the private directory.
    pub(crate) fn listen(dir: &PrivateDir, tunnel: Tunnel, dialling: Dialling) -> Result<Self, DirectoryError> {
        let path = dir.path().join(SOCKET_NAME);
        let failed = |error| DirectoryError::new(dir.path(), error);
        let listener = bind(dir, SOCKET_NAME).map_err(failed)?;
        rustix::fs::chmod(&path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).map_err(|e| failed(e.into()))?;
        let nonce = new_nonce();
        let environment = [(SOCKET.into(), path.into()), (NONCE.into(), OsString::from(&nonce))];
        let (failure, busy) = (Mutex::default(), watch::channel(false).0);
        Ok(Self { listener, nonce, environment, tunnel, dialling, failure, busy })
    }

    /// What ssh's environment needs so that its helper finds us.
    pub(crate) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// Why the tunnel failed, if its helper said so.
    pub(crate) fn failure(&self) -> Option<TunnelFailure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves helpers, one after the other; ssh runs one.
    pub(crate) async fn serve(&self) -> io::Result<()> {
        loop {
            let (mut stream, _) = self.listener.accept().await?;
            self.busy.send_replace(true);
            let is_our_user = |peer: UCred| peer.uid() == rustix::process::geteuid().as_raw();
            // Some systems know nothing of one that is gone already.
            if stream.peer_cred().is_ok_and(is_our_user)
                && timeout(NONCE_TIME, self.is_ours(&mut stream)).await.is_ok_and(|ours| ours)
            {
                // A helper that breaks off is one that ends.
                let _ = self.answer(&mut stream).await;
            }
            self.busy.send_replace(false);
        }
    }

    /// Serves until the helper is gone: its last words come after ssh's own end.
    pub(crate) async fn last_words(&self) {
        let mut busy = self.busy.subscribe();
        let gone = async { busy.wait_for(|busy| !busy).await.map(drop) };
        let _ = timeout(LAST_WORDS, gone).await;
    }

    async fn is_ours(&self, stream: &mut UnixStream) -> bool {
        let mut shown = vec![0; self.nonce.len()];
        stream.read_exact(&mut shown).await.is_ok() && equal_in_constant_time(&shown, self.nonce.as_bytes())
    }

    async fn answer(&self, stream: &mut UnixStream) -> io::Result<()> {
        while let Some(message) = receive(stream).await? {
            let fields: Vec<&[u8]> = message.iter().map(|field| field.as_slice()).collect();
            match fields[..] {
                [ORDER] => self.send_order(stream).await?,
                [REFUSED] => self.send_others(stream).await?,
                [FAILED, kind, retryable, text] => {
                    let failure = TunnelFailure::new(kind_of(kind), retryable == b"1", printable_bytes(text, MESSAGE));
                    *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }

    async fn send_order(&self, stream: &mut UnixStream) -> io::Result<()> {
        let within = self.dialling.within.as_millis().to_string();
        let ca_file = self.tunnel.ca_file.as_deref().map(Path::as_os_str).unwrap_or_default();
        let mut fields = vec![within.as_bytes(), self.tunnel.url.as_str().as_bytes(), ca_file.as_bytes()];
        fields.extend(pairs(&self.tunnel.headers));
        send(stream, &fields).await
    }

    async fn send_others(&self, stream: &mut UnixStream) -> io::Result<()> {
        let Some(RefreshHeaders(refresh)) = &self.dialling.refresh else { return send(stream, &[NONE]).await };
        match refresh().await {
            Ok(Some(headers)) => {
                let mut fields = vec![HEADERS];
                fields.extend(pairs(&headers));
                send(stream, &fields).await
            }
            Ok(None) => send(stream, &[NONE]).await,
            Err(error) => {
                let retryable: &[u8] = if error.is_retryable() { b"1" } else { b"0" };
                send(stream, &[FAILED, kind_word(error.kind()).as_bytes(), retryable, error.to_string().as_bytes()])
                    .await
            }
        }
    }
}

fn pairs(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.expose_secret().as_bytes()])
}

const SOCKET_NAME: &str = "tunnel";
const NONCE_TIME: Duration = Duration::from_secs(10);
const LAST_WORDS: Duration = Duration::from_millis(500);
const MESSAGE: usize = 1000;
