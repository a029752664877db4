//! How an SSH server proves who it is. Each way is strict; none of them is "any key will do".

use crate::{HostAlias, HostKey};

/// How the server of an endpoint proves who it is.
#[derive(Clone, Debug)]
pub enum HostTrust {
    /// The server shows a host certificate that this authority signed for the endpoint's name.
    CertAuthority {
        /// The authority's public key.
        key: HostKey,
    },
    /// The server shows one of these keys. Never empty in a useful session: an empty list trusts nobody.
    Pinned(Vec<HostKey>),
    /// Nobody told us the key: it is read first, agreed to as [`FirstUse::first_contact`] says,
    /// pinned, and only then is anything secret sent (requirement K4).
    FirstUse(FirstUse),
}

/// What is known about a server whose key nobody told us.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FirstUse {
    /// The name under which the key is kept: one for each target, so that a host that is recycled
    /// for another target is another name.
    pub alias: HostAlias,
    /// Who has to agree to a key never seen before.
    pub first_contact: FirstContact,
    /// Targets of one group (the same domain and account) are served by one gateway: a key that is
    /// already pinned for another alias of the group is accepted with a note, not a question.
    pub group: Option<String>,
}

/// Who has to agree to a key never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstContact {
    /// The user: at the terminal, or by a fingerprint or a setting given beforehand.
    Ask,
    /// Nobody: the transport is already authenticated in both directions.
    Accept,
}

impl FirstUse {
    /// First use under `alias`, with a question to the user and no group.
    pub fn new(alias: HostAlias) -> Self {
        Self { alias, first_contact: FirstContact::Ask, group: None }
    }

    /// The same, accepted without a question because the transport is already authenticated.
    #[must_use]
    pub fn accepted(mut self) -> Self {
        self.first_contact = FirstContact::Accept;
        self
    }

    /// The same, in a group of targets that one gateway serves.
    #[must_use]
    pub fn in_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }
}
