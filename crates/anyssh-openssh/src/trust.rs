//! From "nobody told us the host key" to a pinned one, before ssh is started (requirement K4).

use std::fmt;

use anyssh_core::ssh_key::Fingerprint;
use anyssh_core::{Deadline, FirstContact, FirstUse, HostKey, HostTrust, Progress, Session, Transport};

use crate::launch_options::LaunchOptions;
use crate::launcher::Launcher;
use crate::outcome::{NotAuthenticated, Reason};
use crate::pins::PinStore;
use crate::trust_policy::{Answer, AskUser, HostKeyPolicy, HostKeyQuestion, NewKey, TrustError};

/// What is needed to come to trust a server.
#[derive(Clone, Copy)]
pub struct TrustResolver<'a> {
    /// Reads the key.
    pub launcher: &'a Launcher,
    /// Where agreed keys are kept.
    pub pins: &'a PinStore,
    /// What the user said beforehand.
    pub policy: &'a HostKeyPolicy,
    /// Asks the user, if there is one.
    pub ask: Option<AskUser<'a>>,
    /// Told what is done without a question.
    pub progress: &'a Progress,
}

impl fmt::Debug for TrustResolver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustResolver").field("policy", self.policy).finish_non_exhaustive()
    }
}

impl TrustResolver<'_> {
    /// The session with the host keys that ssh is to insist on. Trust on first use becomes a pinned
    /// key that is on disk; what the provider vouches for is compared with the policy.
    ///
    /// # Errors
    ///
    /// [`TrustError`]; then there is no session to launch.
    pub async fn resolve(
        &self,
        session: &Session,
        options: &LaunchOptions,
        deadline: Deadline,
    ) -> Result<Session, TrustError> {
        let host_trust = match (&session.endpoint.host_trust, &self.policy.fingerprint) {
            (HostTrust::CertAuthority { .. }, Some(_)) => return Err(TrustError::FingerprintForAuthority),
            (HostTrust::Pinned(keys), Some(expected)) => HostTrust::Pinned(vec![one_of(keys, expected, session)?]),
            (HostTrust::FirstUse(first_use), _) => {
                HostTrust::Pinned(vec![self.first_use(session, first_use, options, deadline).await?])
            }
            (given, None) => given.clone(),
        };
        let mut session = session.clone();
        session.endpoint.host_trust = host_trust;
        Ok(session)
    }

    /// What ssh's refusal of a host key means for a session that was trusted by its pin.
    pub fn explain(&self, session: &Session, ended: &NotAuthenticated) -> Option<TrustError> {
        let HostTrust::FirstUse(FirstUse { alias, .. }) = &session.endpoint.host_trust else { return None };
        let pin = self.pins.get(alias).ok().flatten()?;
        (ended.reason == Reason::HostKey)
            .then(|| TrustError::Changed { alias: alias.clone(), pinned: pin.key.fingerprint() })
    }

    async fn first_use(
        &self,
        session: &Session,
        first_use: &FirstUse,
        options: &LaunchOptions,
        deadline: Deadline,
    ) -> Result<HostKey, TrustError> {
        if let Some(pin) = self.pins.get(&first_use.alias)? {
            self.compare(first_use.alias.as_str(), &pin.key)?;
            return Ok(pin.key);
        }
        let key = self.launcher.read_host_key(session, options, deadline).await?;
        self.agree(session, first_use, &key, deadline).await?;
        // On disk before anything is launched: ssh is never started on a promise.
        self.pins.put(&first_use.alias, &key, first_use.group.as_deref())?;
        Ok(key)
    }

    /// Whether somebody agrees to a key never seen before for this alias.
    async fn agree(
        &self,
        session: &Session,
        first_use: &FirstUse,
        key: &HostKey,
        deadline: Deadline,
    ) -> Result<(), TrustError> {
        let question = question(session, first_use, key);
        if self.policy.fingerprint.is_some() {
            return self.compare(&question.host, key);
        }
        let HostKeyQuestion { alias, fingerprint, .. } = &question;
        if let Some(group) = &first_use.group
            && let Some(other) = self.pins.find_in_group(group, key)?
        {
            self.progress.tell(&format!("host key of {alias} accepted: it is the one of {other} ({fingerprint})"));
            return Ok(());
        }
        if first_use.first_contact == FirstContact::Accept {
            return Ok(());
        }
        if self.policy.new_key == NewKey::Accept {
            self.progress.tell(&format!("host key of {alias} accepted and pinned: {fingerprint}"));
            return Ok(());
        }
        let Some(ask) = self.ask else { return Err(TrustError::NeedsYes(Box::new(question))) };
        match tokio::time::timeout_at(deadline.instant().into(), ask(question.clone())).await {
            Ok(Answer::Yes) => Ok(()),
            Ok(Answer::No) => Err(TrustError::SaidNo(Box::new(question))),
            Err(_) => Err(TrustError::NoAnswer(Box::new(question))),
        }
    }

    fn compare(&self, name: &str, key: &HostKey) -> Result<(), TrustError> {
        match &self.policy.fingerprint {
            Some(expected) if !is(key, expected) => Err(TrustError::NotTheExpected {
                name: name.to_owned(),
                expected: expected.to_string(),
                found: key.fingerprint(),
            }),
            _ => Ok(()),
        }
    }
}

fn is(key: &HostKey, expected: &Fingerprint) -> bool {
    key.public_key().fingerprint(expected.algorithm()) == *expected
}

fn one_of(keys: &[HostKey], expected: &Fingerprint, session: &Session) -> Result<HostKey, TrustError> {
    keys.iter().find(|key| is(key, expected)).cloned().ok_or_else(|| TrustError::NotTheExpected {
        name: place(session).0,
        expected: expected.to_string(),
        found: keys.iter().map(HostKey::fingerprint).collect::<Vec<_>>().join(" or "),
    })
}

fn question(session: &Session, first_use: &FirstUse, key: &HostKey) -> HostKeyQuestion {
    let (host, port) = place(session);
    HostKeyQuestion {
        host,
        port,
        alias: first_use.alias.clone(),
        key_type: key.public_key().algorithm().to_string(),
        fingerprint: key.fingerprint(),
    }
}

fn place(session: &Session) -> (String, u16) {
    match &session.endpoint.transport {
        Transport::Tcp { host, port } => (host.to_string(), port.get()),
        Transport::WebSocket { url, .. } => (url.host().to_owned(), anyssh_core::Port::SSH.get()),
    }
}
