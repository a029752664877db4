//! Where the control plane is, and the HTTP client for it.

use std::path::PathBuf;
use std::time::Duration;

use anyssh_core::ProviderError;
use anyssh_http::{BaseUrl, HttpClient};

/// The control plane: one origin, and the authority that its certificate comes from.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// Scheme, host and port of every RPC.
    pub(crate) base_url: BaseUrl,
    /// `admin.caCertFilePath`: trusted for RPCs, tokens, the probe and the tunnel alike.
    pub(crate) ca_file: Option<PathBuf>,
    /// The bound for each request.
    pub(crate) request_timeout: Duration,
}

impl Endpoint {
    /// A client for the control plane itself.
    ///
    /// # Errors
    /// Of kind `Config` when the file of the authority cannot be read.
    pub(crate) fn http(&self) -> Result<HttpClient, ProviderError> {
        self.http_to(self.base_url.clone())
    }

    /// A client for another origin, with the same authority and the same bounds: a token endpoint, a data plane.
    ///
    /// # Errors
    /// Of kind `Config` when the file of the authority cannot be read.
    pub(crate) fn http_to(&self, base_url: BaseUrl) -> Result<HttpClient, ProviderError> {
        let http = HttpClient::new(base_url).with_request_timeout(self.request_timeout);
        match &self.ca_file {
            Some(file) => Ok(http.with_ca_file(file)?),
            None => Ok(http),
        }
    }
}
