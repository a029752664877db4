//! The world that a provider under test lives in.

use std::io;
use std::pin::Pin;

use anyssh_core::{Session, SessionId, Target};

use super::ssh;

/// The world that a provider under test lives in: its vendor, as a test can see and disturb it.
///
/// Only the first two have to be written. What a fixture does not know or cannot do is not shown, and the
/// report says so.
pub trait Fixture: Send + Sync {
    /// A target that exists, for which sessions are made.
    fn target(&self) -> Target;

    /// The id of a session that nobody ever made, in the vendor's form.
    fn unknown_session(&self) -> SessionId;

    /// A target that has to be woken first, where there is such a thing.
    fn sleeping_target(&self) -> Option<Target> {
        None
    }

    /// How many sessions live at the vendor, seen from its side and not through the provider. `None` if
    /// there is no way to know.
    fn alive(&self) -> Option<usize> {
        None
    }

    /// Makes this go wrong with what follows, until [`all_is_well`](Self::all_is_well).
    fn make(&self, trouble: Trouble) -> Scripted {
        Scripted::Impossible(format!("the fixture cannot make {trouble:?}"))
    }

    /// Takes all trouble back.
    fn all_is_well(&self) {}

    /// Whether the fixture itself runs programs in this process while the provider works. Then those of the
    /// provider that have ended cannot be told from them, and clause 1 does not look for them.
    fn runs_programs(&self) -> bool {
        false
    }

    /// Secrets that nothing may show, such as the API key. Those of a session are known already.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Logs in with nothing but what the session says. Without this it is [`log_in`](super::log_in): the
    /// real `ssh` over TCP.
    fn log_in<'a>(&'a self, session: &'a Session) -> Pin<Box<dyn Future<Output = io::Result<Login>> + Send + 'a>> {
        Box::pin(ssh::log_in(session))
    }
}

/// Whether somebody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// The server let us in, and a command ran.
    LetIn,
    /// It did not, or there is no server any more.
    Refused,
}

/// What goes wrong at a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Whatever is asked, no answer comes.
    Silence,
    /// Each `create` makes a session, and its answer takes for ever.
    SlowAnswer,
    /// Each `create` makes a session, and the connection is cut in place of the first answer.
    LostAnswer,
    /// Each `create` makes a session that does not become usable.
    Unusable,
    /// The same, and the vendor refuses to end it.
    UnusableAndStuck,
    /// All is refused, in words that repeat the secrets of the request.
    Echo,
}

/// Whether a trouble could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scripted {
    /// It goes wrong from now on.
    Ready,
    /// It cannot happen with this vendor, or cannot be made; why.
    Impossible(String),
}
