//! Logging in with one user name and one password.

use std::fmt;
use std::hint::black_box;

use anyssh_core::secrecy::{ExposeSecret as _, SecretString};

use crate::{Decision, Interaction, LoginPolicy, Method, Prompt};

/// Accepts one password for one user, by `password` and by `keyboard-interactive` with the prompt
/// `Password: `, as `sshd` with PAM does.
pub struct PasswordLogin {
    user: String,
    password: SecretString,
}

impl PasswordLogin {
    /// Accepts `password` for `user`. An empty password accepts nobody.
    pub fn new(user: impl Into<String>, password: SecretString) -> Self {
        Self { user: user.into(), password }
    }

    fn decide(&self, user: &str, password: &SecretString) -> Decision {
        let expected = self.password.expose_secret().as_bytes();
        let same = same_bytes(expected, password.expose_secret().as_bytes());
        Decision::accept_if(same && !expected.is_empty() && user == self.user)
    }
}

impl LoginPolicy for PasswordLogin {
    fn methods(&self) -> Vec<Method> {
        vec![Method::Password, Method::KeyboardInteractive]
    }

    fn password(&self, user: &str, password: &SecretString) -> Decision {
        self.decide(user, password)
    }

    fn keyboard_interactive(&self, user: &str, _round: usize, answers: Option<&[SecretString]>) -> Interaction {
        match answers {
            None => Interaction::Ask { instructions: String::new(), prompts: vec![Prompt::hidden("Password: ")] },
            Some([answer]) if self.decide(user, answer) == Decision::Accept => Interaction::Accept,
            Some(_) => Interaction::Refuse,
        }
    }
}

impl fmt::Debug for PasswordLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Compares in a time that depends on the lengths alone. Everything goes through `black_box`, so
/// that the compiler cannot make it stop at the first difference.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    a.len() == b.len() && black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_password_of_the_right_user_logs_in() {
        let login = PasswordLogin::new("me", "secret".into());
        assert_eq!(login.password("me", &"secret".into()), Decision::Accept);
        for (user, password) in [("me", "secre"), ("me", "secret1"), ("me", ""), ("you", "secret"), ("", "secret")] {
            assert_eq!(login.password(user, &password.into()), Decision::Refuse, "{user} {password}");
        }
    }

    #[test]
    fn an_empty_password_logs_nobody_in() {
        assert_eq!(PasswordLogin::new("me", "".into()).password("me", &"".into()), Decision::Refuse);
    }

    #[test]
    fn two_answers_or_none_to_one_question_are_refused() {
        let login = PasswordLogin::new("me", "secret".into());
        assert_eq!(login.keyboard_interactive("me", 1, Some(&[])), Interaction::Refuse);
        assert_eq!(login.keyboard_interactive("me", 1, Some(&["secret".into(), "".into()])), Interaction::Refuse);
        assert_eq!(login.keyboard_interactive("me", 1, Some(&["secret".into()])), Interaction::Accept);
    }

    /// K6: `Debug` does not show the password.
    #[test]
    fn debug_shows_no_password() {
        assert!(!format!("{:?}", PasswordLogin::new("me", "hunter2".into())).contains("hunter2"));
    }
}
