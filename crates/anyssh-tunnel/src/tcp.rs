//! TCP to an SSH server.

use std::net::SocketAddr;
use std::time::Duration;

use anyssh_core::{ErrorKind, Host, Port, ProviderError, escape};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One address may be dead while the next one answers.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects once, to the first address of `host` that takes it. The caller bounds all of it.
pub(crate) async fn connect(host: &Host, port: Port) -> Result<TcpStream, ProviderError> {
    let addresses = resolve(host, port).await.map_err(|error| failed(host, port, error))?;
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        match timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Keystrokes go out as they are typed. Where that cannot be set they go out a little later.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed(host, port, last))
}

async fn resolve(host: &Host, port: Port) -> std::io::Result<Vec<SocketAddr>> {
    match host {
        Host::Address(address) => Ok(vec![SocketAddr::new(*address, port.get())]),
        Host::Name(name) => Ok(tokio::net::lookup_host((name.as_str(), port.get())).await?.collect()),
    }
}

fn failed(host: &Host, port: Port, error: std::io::Error) -> ProviderError {
    let why = escape::printable(&error.to_string(), escape::MESSAGE_CAP);
    ProviderError::new(ErrorKind::Unavailable, format!("no connection to {host} port {port}: {why}")).with_source(error)
}
