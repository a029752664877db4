//! What runs at the far end.

use std::ffi::OsStr;

use crate::flag_error::FlagError;

/// What runs at the far end: the login shell, or one line that the remote shell reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RemoteCommand {
    /// The login shell.
    #[default]
    None,
    /// One line for the remote shell.
    Line(String),
}

impl RemoteCommand {
    /// The command made of the words after `--`.
    ///
    /// ssh joins words with blanks and the remote shell splits them again, so words alone do not
    /// survive. One word is passed as it is, a line of shell (`-- 'ls | wc -l'`); it may be empty, which
    /// ssh takes for the login shell. Two or more are each quoted for a POSIX shell (`-- ls "a b"`).
    ///
    /// # Errors
    /// A word with a NUL or one that is not UTF-8.
    ///
    /// ```
    /// use anyssh_openssh::RemoteCommand;
    /// # fn main() -> Result<(), anyssh_openssh::FlagError> {
    /// assert_eq!(RemoteCommand::from_words(&["ls", "a b"])?, RemoteCommand::Line("ls 'a b'".into()));
    /// assert_eq!(RemoteCommand::from_words(&["ls | wc -l"])?, RemoteCommand::Line("ls | wc -l".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_words<W: AsRef<OsStr>>(words: &[W]) -> Result<Self, FlagError> {
        let words = words.iter().map(|word| checked(word.as_ref())).collect::<Result<Vec<_>, _>>()?;
        match words.as_slice() {
            [] => Ok(Self::None),
            [line] => Ok(Self::Line((*line).to_owned())),
            words => shlex::try_join(words.iter().copied()).map(Self::Line).map_err(|_| FlagError::Command(NUL)),
        }
    }
}

fn checked(word: &OsStr) -> Result<&str, FlagError> {
    let word = word.to_str().ok_or(FlagError::Command(NOT_UTF8))?;
    if word.contains('\0') { Err(FlagError::Command(NUL)) } else { Ok(word) }
}

const NUL: &str = "a word holds a NUL byte, which no shell can be given";
const NOT_UTF8: &str = "a word is not UTF-8; escape the bytes for the remote shell, as in $'\\xff'";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;

    use proptest::prelude::*;

    fn line(words: &[&str]) -> String {
        match RemoteCommand::from_words(words).unwrap() {
            RemoteCommand::Line(line) => line,
            RemoteCommand::None => panic!("no line for {words:?}"),
        }
    }

    #[test]
    fn no_word_is_the_login_shell_and_one_word_is_passed_as_it_is() {
        assert_eq!(RemoteCommand::from_words::<&str>(&[]).unwrap(), RemoteCommand::None);
        for word in ["", "ls | wc -l", "-x", "'"] {
            assert_eq!(line(&[word]), word);
        }
    }

    #[test]
    fn nul_and_bytes_that_are_not_text_are_refused() {
        assert!(RemoteCommand::from_words(&["a\0"]).unwrap_err().to_string().contains("NUL"));
        assert!(RemoteCommand::from_words(&["a", "\0"]).is_err());
        let bytes = OsStr::from_bytes(b"\xff");
        assert!(RemoteCommand::from_words(&[bytes]).unwrap_err().to_string().contains("UTF-8"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// P6: two words or more come out of a POSIX shell as they went in.
        #[test]
        fn a_shell_splits_the_line_back_into_the_words(
            words in proptest::collection::vec("[^\\x00]{0,12}", 1..5), last in "[ -~\n\t]{0,12}",
        ) {
            let mut words = words;
            words.push(last);
            let given: Vec<&str> = words.iter().map(String::as_str).collect();
            let script = format!("printf '%s\\0' {}", line(&given));
            let output = Command::new("/bin/sh").arg("-c").arg(script).output().unwrap();
            let expected: String = words.iter().map(|word| format!("{word}\0")).collect();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    }
}
