//! The program that ssh runs to ask us something.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The words after the helper's path when ssh runs it as its ProxyCommand. There are two, because one alone
/// could be a prompt: ssh hands that to its askpass program, and a server chooses it. The second is the
/// version of what helper and launcher say to each other.
pub(crate) const TUNNEL_WORDS: [&str; 2] = ["tunnel-helper", "v1"];

/// The program that ssh calls back, as askpass and as ProxyCommand: one whose `main` begins with
/// [`helper::run_if_asked`](crate). It is named by the caller, who knows what its own executable is.
///
/// ```
/// use anyssh_openssh::Helper;
/// assert!(Helper::new("/usr/bin/anyssh").is_ok());
/// assert!(Helper::new("anyssh").is_err());
/// assert!(Helper::new("/home/o'brien/anyssh").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Helper {
    path: PathBuf,
}

/// Why a path cannot be that of a helper. Next step: install the program somewhere else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HelperError {
    /// ssh would look for it in PATH or in the current directory.
    #[error("the helper's path {0:?} is not absolute")]
    Relative(PathBuf),
    /// ssh checks the quotes of a ProxyCommand by rules of its own and refuses some that a shell takes.
    #[error(
        "the helper's path {0:?} holds a quote, a backslash, \"${{\" or a control character, or is not UTF-8; install it elsewhere"
    )]
    Unquotable(PathBuf),
}

impl Helper {
    /// The helper at `path` (requirement P4); whether there is a program is not looked at.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, HelperError> {
        let path = path.into();
        if !path.is_absolute() {
            return Err(HelperError::Relative(path));
        }
        let refused = |c: char| c.is_control() || matches!(c, '\'' | '"' | '\\');
        match path.to_str() {
            Some(text) if !text.contains(refused) && !text.contains("${") => Ok(Self { path }),
            _ => Err(HelperError::Unquotable(path)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The value of `ProxyCommand` that runs it: nothing from a server is in it, and no token.
    pub(crate) fn proxy_command(&self) -> Vec<u8> {
        let mut line = b"'".to_vec();
        for &byte in self.path.as_os_str().as_bytes() {
            // ssh expands `%` tokens inside quotes too.
            if byte == b'%' {
                line.push(b'%');
            }
            line.push(byte);
        }
        line.push(b'\'');
        for word in TUNNEL_WORDS {
            line.push(b' ');
            line.extend(word.as_bytes());
        }
        line
    }
}
