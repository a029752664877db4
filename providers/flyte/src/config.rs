//! What Flyte's own configuration files and variables say, read once.

use anyssh_core::{ErrorKind, ProviderError, Settings};

use crate::endpoint::Endpoint;

/// What the settings, the variables and the files say together.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    /// `task.org`, or what the endpoint's name says.
    pub(crate) org: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) domain: Option<String>,
    /// Hosts besides the endpoint's own that may get a token (K5), as `[flyte] data_plane_hosts` lists them.
    pub(crate) data_plane_hosts: Vec<String>,
}

impl Config {
    /// Reads everything; nothing is requested.
    ///
    /// # Errors
    /// Of kind `Config`, naming the setting or the line of the file.
    pub(crate) fn read(_settings: &Settings) -> Result<Self, ProviderError> {
        Err(ProviderError::new(ErrorKind::Config, "no Flyte endpoint is configured"))
    }
}
