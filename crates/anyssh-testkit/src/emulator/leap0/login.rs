//! Who may log in to a sandbox, as the control plane knows it at that moment.

use std::fmt;
use std::sync::{Arc, Mutex};

use anyssh_server::{Decision, Interaction, LoginPolicy, Method, PasswordLogin};
use secrecy::SecretString;

use super::state::State;
use crate::emulator::http::lock;

/// Asks the state at each try, so a credential dies at once. Connections that are logged in already stay,
/// since the vendor does not say what becomes of them.
pub(super) struct LiveLogin {
    pub(super) sandbox: String,
    pub(super) methods: Vec<Method>,
    pub(super) state: Arc<Mutex<State>>,
}

impl LiveLogin {
    /// What lets this user in now; a login that lets nobody in if there is no such credential.
    fn current(&self, user: &str, passwords: usize) -> PasswordLogin {
        let mut state = lock(&self.state);
        state.passwords_sent += passwords;
        let now = state.clock.now();
        let found = state.credential(&self.sandbox, Some(user)).map(|index| &state.credentials[index]);
        let password = found.filter(|credential| credential.is_live(now)).map(|credential| credential.password.clone());
        PasswordLogin::new(user, password.unwrap_or_default().into())
    }
}

impl LoginPolicy for LiveLogin {
    fn methods(&self) -> Vec<Method> {
        self.methods.clone()
    }

    fn password(&self, user: &str, password: &SecretString) -> Decision {
        self.current(user, 1).password(user, password)
    }

    fn keyboard_interactive(&self, user: &str, round: usize, answers: Option<&[SecretString]>) -> Interaction {
        self.current(user, answers.map_or(0, <[_]>::len)).keyboard_interactive(user, round, answers)
    }
}

impl fmt::Debug for LiveLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveLogin").field("sandbox", &self.sandbox).finish_non_exhaustive()
    }
}
