//! Switching a login off while its server runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyssh_core::secrecy::SecretString;
use anyssh_core::ssh_key::{Certificate, PublicKey};

use crate::{Decision, Interaction, LoginPolicy, Method};

/// A policy that can be switched off with its [`LoginSwitch`].
///
/// ```
/// use anyssh_server::{Decision, LoginPolicy as _, PasswordLogin, SwitchedLogin};
/// let (login, switch) = SwitchedLogin::new(PasswordLogin::new("me", "secret".into()));
/// assert_eq!(login.password("me", &"secret".into()), Decision::Accept);
/// switch.turn_off();
/// assert_eq!(login.password("me", &"secret".into()), Decision::Refuse);
/// ```
#[derive(Debug)]
pub struct SwitchedLogin<P> {
    policy: P,
    switch: LoginSwitch,
}

/// Switches a login off for good. Connections that are logged in already stay.
#[derive(Clone, Debug)]
pub struct LoginSwitch(Arc<AtomicBool>);

impl LoginSwitch {
    /// Refuses every login from now on.
    pub fn turn_off(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether logins are still decided by the policy.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<P: LoginPolicy> SwitchedLogin<P> {
    /// `policy`, switched on, and its switch.
    pub fn new(policy: P) -> (Self, LoginSwitch) {
        let switch = LoginSwitch(Arc::new(AtomicBool::new(true)));
        (Self { policy, switch: switch.clone() }, switch)
    }

    fn decide(&self, decide: impl FnOnce(&P) -> Decision) -> Decision {
        if self.switch.is_on() { decide(&self.policy) } else { Decision::Refuse }
    }
}

impl<P: LoginPolicy> LoginPolicy for SwitchedLogin<P> {
    fn methods(&self) -> Vec<Method> {
        self.policy.methods()
    }

    fn none(&self, user: &str) -> Decision {
        self.decide(|policy| policy.none(user))
    }

    fn password(&self, user: &str, password: &SecretString) -> Decision {
        self.decide(|policy| policy.password(user, password))
    }

    fn public_key(&self, user: &str, key: &PublicKey) -> Decision {
        self.decide(|policy| policy.public_key(user, key))
    }

    fn certificate(&self, user: &str, certificate: &Certificate) -> Decision {
        self.decide(|policy| policy.certificate(user, certificate))
    }

    fn keyboard_interactive(&self, user: &str, round: usize, answers: Option<&[SecretString]>) -> Interaction {
        if self.switch.is_on() { self.policy.keyboard_interactive(user, round, answers) } else { Interaction::Refuse }
    }
}
