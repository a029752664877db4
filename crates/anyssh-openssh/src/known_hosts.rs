//! The known_hosts file of one launch: exactly the endpoint, exactly the trust.

use anyssh_core::{Host, HostKey, HostTrust, Port};

use crate::plan_error::PlanError;

/// The lines by which ssh knows `host` and `port` and nothing else (sshd(8), "SSH_KNOWN_HOSTS FILE
/// FORMAT"), each with its newline. They are written from parsed values, without comments
/// (requirements S2, S3).
///
/// # Errors
/// Trust on first use, which has to become a pinned key before ssh starts, and trust in nobody.
///
/// ```
/// use anyssh_core::{Host, HostKey, HostTrust, Port};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
/// let trust = HostTrust::CertAuthority { key: HostKey::parse("public_key", key)? };
/// let host = Host::parse("host", "gate.example.org")?;
/// let text = anyssh_openssh::known_hosts(&host, Port::parse("port", "2222")?, &trust)?;
/// assert_eq!(text, format!("@cert-authority [gate.example.org]:2222 {key}\n"));
/// # Ok(())
/// # }
/// ```
pub fn known_hosts(host: &Host, port: Port, trust: &HostTrust) -> Result<String, PlanError> {
    let name = host_name(host, port);
    match trust {
        HostTrust::CertAuthority { key } => Ok(format!("@cert-authority {}", line(&name, key))),
        HostTrust::Pinned(keys) if keys.is_empty() => Err(PlanError::NoHostKey),
        HostTrust::Pinned(keys) => Ok(keys.iter().map(|key| line(&name, key)).collect()),
        HostTrust::FirstUse(first_use) => Err(PlanError::HostNotPinned { alias: first_use.alias.clone() }),
    }
}

/// How ssh looks a host up: `[HOST]:PORT`, or the host alone at port 22.
pub(crate) fn host_name(host: &Host, port: Port) -> String {
    if port == Port::SSH { host.to_string() } else { format!("[{host}]:{port}") }
}

fn line(name: &str, key: &HostKey) -> String {
    format!("{name} {}\n", key.to_line())
}
