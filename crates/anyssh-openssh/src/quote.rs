//! Quoting for the two readers that get a text from us and split it: ssh's option parser and the
//! remote shell.
//!
//! ssh reads the value of `-o KEY=VALUE` as a line of ssh_config(5): it splits at blanks, takes `#` for
//! a comment and, in file names, expands `%` tokens and `${VARIABLE}`. There is no way to write a
//! literal `${` or a line break, so those are refused (requirement F5). OpenSSH before 8.7 knows quotes
//! but no backslash in them: there a path with `"` or `\` names no file, and the login fails.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file name that cannot be written on ssh's command line so that ssh reads it back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// ssh would look for it in the directory that it happens to run in.
    #[error("the path {0:?} is not absolute")]
    Relative(PathBuf),
    /// It holds characters for which ssh has no quoting.
    #[error("the path {0:?} holds \"${{\", a line break or a NUL, which cannot be quoted for ssh")]
    Unquotable(PathBuf),
}

/// `KEY="PATH"` for an option whose value is a file name: quoted, with every `%` doubled.
pub(crate) fn path_option(key: &str, path: &Path) -> Result<OsString, PathError> {
    check_path(path)?;
    let mut out = format!("{key}=\"").into_bytes();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'%' => out.extend(b"%%"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    Ok(OsString::from_vec(out))
}

/// Whether ssh can be told this path at all.
pub(crate) fn check_path(path: &Path) -> Result<(), PathError> {
    let bytes = path.as_os_str().as_bytes();
    if !path.is_absolute() {
        return Err(PathError::Relative(path.to_owned()));
    }
    if bytes.windows(2).any(|pair| pair == b"${") || bytes.iter().any(|byte| b"\r\n\0".contains(byte)) {
        return Err(PathError::Unquotable(path.to_owned()));
    }
    Ok(())
}

/// One word of an option's value, in double quotes where ssh would otherwise read it differently.
pub(crate) fn option_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@+=:,./_*?^~!-[]".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Splits an option's value as ssh does (`argv_split` in misc.c): at blanks, with single and double
/// quotes and backslash escapes. `None` if a quote is not closed. A `#` begins no comment here.
pub(crate) fn split_words(value: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut characters = value.trim_matches([' ', '\t']).chars().peekable();
    while characters.peek().is_some() {
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = characters.next() {
            match (c, quote) {
                ('\\', _) if characters.peek().is_some_and(|&next| is_escapable(next, quote)) => {
                    word.extend(characters.next());
                }
                (' ' | '\t', None) => break,
                ('"' | '\'', None) => quote = Some(c),
                (c, Some(open)) if c == open => quote = None,
                (c, _) => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        while characters.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        words.push(word);
    }
    Some(words)
}

fn is_escapable(next: char, quote: Option<char>) -> bool {
    matches!(next, '"' | '\'' | '\\') || (next == ' ' && quote.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_split_as_ssh_does() {
        for (value, words) in [
            ("", &[][..]),
            (" a  b ", &["a", "b"]),
            ("\"A=b c\" D=e", &["A=b c", "D=e"]),
            ("'a\"b' c\\ d", &["a\"b", "c d"]),
            ("\"a\\\"b\\\\\" #", &["a\"b\\", "#"]),
            ("\"\"", &[""]),
        ] {
            assert_eq!(split_words(value).unwrap(), words, "{value:?}");
        }
        assert_eq!(split_words("\"a"), None);
        assert_eq!(split_words("it's"), None);
    }

    #[test]
    fn relative_paths_and_what_ssh_cannot_be_told_are_refused() {
        assert!(matches!(check_path(Path::new("id")), Err(PathError::Relative(_))));
        for path in ["/a${HOME}", "/a\nb", "/a\rb", "/a\0b"] {
            assert!(matches!(check_path(Path::new(path)), Err(PathError::Unquotable(_))), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_word_is_split_back_into_itself(words in proptest::collection::vec("[ -~é]{0,12}", 0..4)) {
            let line = words.iter().map(|word| option_word(word)).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_words(&line), Some(words));
        }
    }
}
