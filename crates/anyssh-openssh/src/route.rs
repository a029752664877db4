//! The host and port that stand on ssh's command line, and how its bytes get there.

use anyssh_core::{Host, Port, Transport};

use crate::helper_program::Helper;
use crate::plan_error::{HelperUse, PlanError};

/// The host and port that stand on ssh's command line, and how its bytes get there.
pub(crate) struct Route<'a> {
    pub(crate) host: Host,
    pub(crate) port: Port,
    /// The helper that carries the bytes; `None` for a TCP connection of ssh's own.
    pub(crate) proxy: Option<&'a Helper>,
}

impl<'a> Route<'a> {
    pub(crate) fn of(transport: &Transport, helper: Option<&'a Helper>) -> Result<Self, PlanError> {
        match transport {
            Transport::Tcp { host, port } => Ok(Self { host: host.clone(), port: *port, proxy: None }),
            Transport::WebSocket { url, .. } => {
                let helper = helper.ok_or(PlanError::HelperMissing(HelperUse::WebSocket))?;
                // The name is what a host certificate has to be for. The port means nothing to a
                // ProxyCommand; 22 is the one that known_hosts leaves out.
                let name = url.host().trim_start_matches('[').trim_end_matches(']');
                let host = Host::parse("url", name).map_err(PlanError::WebSocketHost)?;
                Ok(Self { host, port: Port::SSH, proxy: Some(helper) })
            }
        }
    }
}
