//! Our own secrets, kept out of what is shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Shorter pieces are left alone: replacing every `abc` in a message would say more than it hides.
const SHORTEST: usize = 7;

/// The secrets that one call sends, to be found again in what the server says (S10, K6). Nothing shows them.
///
/// ```
/// let mut secrets = anyssh_http::Secrets::default();
/// secrets.hide(&"Bearer abcdefgh".into());
/// assert_eq!(secrets.redact("your token abcdefgh has expired"), "your token *** has expired");
/// ```
#[derive(Clone, Default)]
pub struct Secrets {
    pieces: Vec<SecretString>,
    /// Whether there is any secret, also one too short to be found again.
    any: bool,
}

impl Secrets {
    /// Hides `secret` as a whole and each of its words: a server may echo the key of `Bearer KEY` alone.
    pub fn hide(&mut self, secret: &SecretString) {
        self.any = true;
        let whole = secret.expose_secret();
        let words = whole.split(' ').filter(|word| *word != whole);
        for piece in words.chain([whole]).filter(|piece| piece.len() >= SHORTEST) {
            self.pieces.push(piece.into());
        }
        // Longest first, so that no end of a longer secret stays behind a shorter one.
        self.pieces.sort_by_key(|piece| std::cmp::Reverse(piece.expose_secret().len()));
    }

    /// Whether the call sends no secret at all.
    pub(crate) fn is_empty(&self) -> bool {
        !self.any
    }

    /// `text` with `***` in place of every secret. It is not escaped.
    pub fn redact(&self, text: &str) -> String {
        self.pieces.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), "***"))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_and_its_words_are_hidden() {
        let mut secrets = Secrets::default();
        secrets.hide(&"abcdefgh".into());
        secrets.hide(&"Bearer abcdefgh-12".into());
        secrets.hide(&"short".into());
        assert_eq!(secrets.redact("got Bearer abcdefgh-12!"), "got ***!");
        assert_eq!(secrets.redact("key abcdefgh-12, abcdefgh, short"), "key ***, ***, short");
    }
}
