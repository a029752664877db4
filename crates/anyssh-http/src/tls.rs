//! TLS: rustls with ring, the platform's roots and the user's own, and no way to switch checks off (N2).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyssh_core::{ErrorKind, escape};
use rustls::client::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{RootCertStore, version};
use rustls_platform_verifier::Verifier;

use crate::HttpError;

/// The largest file of extra roots; a whole Mozilla bundle is 220 KiB.
const LARGEST_ROOTS_FILE: u64 = 1024 * 1024;

/// The configuration for an `https` origin: TLS 1.2 and 1.3, HTTP/1.1.
///
/// The provider is named here and not installed for the process, so nothing else in the process can
/// change it, nor can we change anybody else's. Reading the platform's roots takes milliseconds
/// (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), so this runs at the first request.
pub(crate) fn config(extra_roots: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let provider = provider();
    let verifier = Verifier::new_with_extra_roots(extra_roots.iter().cloned(), Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .dangerous() // rustls' word for any verifier that it does not bring itself
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The configuration for plain loopback: it trusts nobody, so no TLS connection could come of it.
pub(crate) fn unused_config() -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificates in a PEM file.
pub(crate) fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let shown = escape::quoted(&path.to_string_lossy());
    let refused = |why: &str| HttpError::new(ErrorKind::Config, format!("CA file {shown}: {why}"));
    let bytes = read_regular_file(path).map_err(|error| refused(&error.to_string()).with_source(error))?;
    let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match roots {
        Ok(roots) if roots.is_empty() => Err(refused("holds no PEM certificate")),
        Ok(roots) => Ok(roots),
        Err(error) => Err(refused("is not well-formed PEM").with_source(error)),
    }
}

/// A FIFO or a device would block or never end, so only regular files are opened.
fn read_regular_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LARGEST_ROOTS_FILE {
        return Err(std::io::Error::other("not a regular file of at most 1 MiB"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_ROOTS_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
