//! How a sandbox's host is recognised: by a key that is agreed to once and pinned.

use anyssh_core::ssh_key::HashAlg;
use anyssh_core::{FieldError, FirstUse, Host, HostAlias, HostTrust, ProviderError, Target, escape};
use anyssh_http::BaseUrl;

use crate::error::Error;

const ALIAS: &str = "a sandbox's id that fits, with the domain of the sandboxes, into 253 characters";

/// The domain of the sandboxes and the account, as the settings say them. Nothing here comes from an
/// answer, so no answer can choose under which name its key is looked up.
#[derive(Debug)]
pub(crate) struct Trust {
    domain: Host,
    group: String,
    /// An API on this machine is a stand-in, and its sandboxes are wherever it says.
    stand_in: bool,
}

impl Trust {
    /// `account` tells one account's sandboxes from another's.
    pub(crate) fn new(base: &BaseUrl, domain: Host, account: &[u8]) -> Self {
        let whole = [base.to_string().as_bytes(), b"\n", account].concat();
        let digest: String = HashAlg::Sha256.digest(&whole).iter().map(|byte| format!("{byte:02x}")).collect();
        let host = Host::parse("host", base.host().trim_matches(['[', ']']));
        Self { group: format!("leap0 {domain} {digest}"), domain, stand_in: host.is_ok_and(|host| host.is_loopback()) }
    }

    /// First use under a name of this sandbox in this domain. One gateway serves a domain, so a key that is
    /// pinned for another sandbox of the same domain and account needs no second question (K4).
    pub(crate) fn of(&self, sandbox: &Target) -> Result<HostTrust, ProviderError> {
        let name = format!("leap0.{sandbox}.{}", self.domain).replace(':', "_");
        let unfit = |_| ProviderError::usage(FieldError::new("target", ALIAS, sandbox.as_str()));
        let alias = HostAlias::parse("target", &name).map_err(unfit)?;
        Ok(HostTrust::FirstUse(FirstUse::new(alias).in_group(&self.group)))
    }

    /// Whether the host in an answer is this sandbox's: `SANDBOX.DOMAIN`, or the domain itself (S8).
    pub(crate) fn check_host(&self, host: &Host, sandbox: &Target) -> Result<(), Error> {
        let of_sandbox = format!("{sandbox}.{}", self.domain).to_ascii_lowercase();
        if self.stand_in || *host == self.domain || host.to_string() == of_sandbox {
            return Ok(());
        }
        let found = escape::quoted(&host.to_string());
        let why = format!(
            "the host {found} is not {of_sandbox}; if Leap0's sandboxes are elsewhere now, LEAP0_SANDBOX_DOMAIN says where"
        );
        Err(Error::Refused { field: "ssh_command", why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(base: &str, domain: &str, account: &str) -> Trust {
        Trust::new(&BaseUrl::parse("u", base).unwrap(), Host::parse("d", domain).unwrap(), account.as_bytes())
    }

    fn first_use(trust: &Trust, sandbox: &str) -> FirstUse {
        match trust.of(&Target::parse("target", sandbox).unwrap()).unwrap() {
            HostTrust::FirstUse(first_use) => first_use,
            other => panic!("{other:?}"),
        }
    }

    /// K4: the name is the sandbox's in its domain, and the group the domain's of one account.
    #[test]
    fn a_pin_is_by_sandbox_and_domain_and_a_group_by_domain_and_account() {
        let ours = trust("https://api.leap0.dev", "sandbox.leap0.dev", "me");
        let one = first_use(&ours, "sbx-1");
        assert_eq!(one.alias.as_str(), "leap0.sbx-1.sandbox.leap0.dev");
        assert_eq!(one.first_contact, anyssh_core::FirstContact::Ask);
        let two = first_use(&ours, "sbx-2");
        assert!(one.alias != two.alias && one.group == two.group && one.group.is_some());
        for other in [
            trust("https://api.leap0.dev", "sandbox.leap0.dev", "you"),
            trust("https://api.leap0.dev", "sandbox.other.example", "me"),
            trust("https://api.other.example", "sandbox.leap0.dev", "me"),
        ] {
            assert_ne!(first_use(&other, "sbx-1").group, one.group);
        }
        assert!(!format!("{one:?}").contains("me\""));
    }

    /// S8: a host that is not the sandbox's own, unless the API is a stand-in on this machine.
    #[test]
    fn a_host_outside_the_domain_is_refused_and_the_setting_is_named() {
        let sandbox = Target::parse("target", "Sbx-1").unwrap();
        let host = |text: &str| Host::parse("host", text).unwrap();
        let real = trust("https://api.leap0.dev", "sandbox.leap0.dev", "me");
        for good in ["sbx-1.sandbox.leap0.dev", "SBX-1.sandbox.leap0.dev", "sandbox.leap0.dev"] {
            assert!(real.check_host(&host(good), &sandbox).is_ok(), "{good}");
        }
        for bad in [
            "sbx-2.sandbox.leap0.dev",
            "sbx-1.sandbox.leap0.dev.evil.example",
            "sbx-1.evil.example",
            "x.sbx-1.sandbox.leap0.dev",
            "localhost",
            "127.0.0.1",
        ] {
            let error = real.check_host(&host(bad), &sandbox).unwrap_err().to_string();
            assert!(error.starts_with("ssh_command: ") && error.contains("LEAP0_SANDBOX_DOMAIN"), "{error}");
        }
        for base in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            let stand_in = trust(base, "sandbox.leap0.dev", "me");
            assert!(stand_in.check_host(&host("127.0.0.1"), &sandbox).is_ok(), "{base}");
        }
    }

    #[test]
    fn a_sandbox_whose_name_is_too_long_for_a_pin_is_a_usage_error() {
        let ours = trust("https://api.leap0.dev", "sandbox.leap0.dev", "me");
        let error = ours.of(&Target::parse("target", &"a".repeat(240)).unwrap()).unwrap_err();
        assert_eq!((error.kind(), error.field()), (anyssh_core::ErrorKind::Usage, Some("target")));
    }
}
