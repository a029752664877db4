//! Who may log in: the one trait that a server asks.

use std::fmt;

use anyssh_core::secrecy::SecretString;
use anyssh_core::ssh_key::{Certificate, PublicKey};

/// Decides who logs in. Every method refuses unless a policy says otherwise.
///
/// The methods are called while other logins of the same server go on, and must not block.
pub trait LoginPolicy: fmt::Debug + Send + Sync + 'static {
    /// The methods that are offered, in this order.
    fn methods(&self) -> Vec<Method>;

    /// The `none` method (RFC 4252 §5.2), which every `ssh` tries first.
    fn none(&self, _user: &str) -> Decision {
        Decision::Refuse
    }

    /// A password (RFC 4252 §8).
    fn password(&self, _user: &str, _password: &SecretString) -> Decision {
        Decision::Refuse
    }

    /// A plain public key (RFC 4252 §7). The client has proved that it holds the private half.
    fn public_key(&self, _user: &str, _key: &PublicKey) -> Decision {
        Decision::Refuse
    }

    /// A certificate. The client has proved that it holds the private half of the certified key;
    /// nothing else about the certificate has been decided.
    fn certificate(&self, _user: &str, _certificate: &Certificate) -> Decision {
        Decision::Refuse
    }

    /// A round of keyboard-interactive (RFC 4256). `answers` is `None` in the first round; `round`
    /// counts from zero within one connection.
    fn keyboard_interactive(&self, _user: &str, _round: usize, _answers: Option<&[SecretString]>) -> Interaction {
        Interaction::Refuse
    }
}

/// A login method that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `publickey`, plain and with certificates.
    PublicKey,
    /// `password`.
    Password,
    /// `keyboard-interactive`.
    KeyboardInteractive,
}

/// Whether one attempt logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It does.
    Accept,
    /// It does not.
    Refuse,
}

impl Decision {
    /// `Accept` if the condition holds.
    pub fn accept_if(condition: bool) -> Self {
        if condition { Self::Accept } else { Self::Refuse }
    }
}

/// What follows a round of keyboard-interactive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// The login is accepted.
    Accept,
    /// The login is refused.
    Refuse,
    /// More questions.
    Ask {
        /// Shown above the questions; may be empty.
        instructions: String,
        /// The questions; may be none.
        prompts: Vec<Prompt>,
    },
}

/// One question of keyboard-interactive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its text, as sent.
    pub text: String,
    /// Whether the answer is shown while it is typed.
    pub echo: bool,
}

impl Prompt {
    /// A question whose answer is not shown.
    pub fn hidden(text: impl Into<String>) -> Self {
        Self { text: text.into(), echo: false }
    }
}
