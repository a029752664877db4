//! Whose name, home and shell a remote command sees.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The `PATH` that Debian's `sshd` gives to root and to users together.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a remote command gets in its environment, and where it starts.
///
/// The server never reads the environment of its own process, so nothing of it reaches a remote
/// command; this is all there is, with `LANG`, `LC_*` and `TERM` as the client sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `USER` and `LOGNAME`.
    pub name: String,
    /// `HOME`; commands start there if it is a directory, in `/` otherwise.
    pub home: PathBuf,
    /// `SHELL`; commands are run by it with `-c`, as `sshd` does.
    pub shell: PathBuf,
    /// `PATH`.
    pub path: OsString,
    /// More variables. They win over what the client sends.
    pub extra: Vec<(OsString, OsString)>,
}

impl Account {
    /// An account with the usual `PATH` and nothing more in its environment.
    pub fn new(name: impl Into<String>, home: impl Into<PathBuf>, shell: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), home: home.into(), shell: shell.into(), path: PATH.into(), extra: Vec::new() }
    }

    /// The account of this process's user, as `/etc/passwd` has it (passwd(5)), or `None` if it is not
    /// there. A shell that logs nobody in (`nologin`, `false`) becomes `/bin/sh`.
    pub fn current() -> Option<Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
        Self::from_passwd(&passwd, rustix::process::getuid().as_raw())
    }

    fn from_passwd(passwd: &str, uid: u32) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let line_uid: u32 = fields.nth(1)?.parse().ok()?;
            let (home, shell) = (fields.nth(2)?, fields.next().unwrap_or_default());
            let usable = shell.starts_with('/') && !shell.ends_with("/nologin") && !shell.ends_with("/false");
            (line_uid == uid).then(|| Self::new(name, home, if usable { shell } else { "/bin/sh" }))
        })
    }

    /// A user that no file knows: home `/`, shell `/bin/sh`.
    pub fn nobody() -> Self {
        Self::new("nobody", "/", "/bin/sh")
    }

    /// Where commands start.
    pub(crate) fn directory(&self) -> &Path {
        if self.home.is_dir() { &self.home } else { Path::new("/") }
    }

    /// The variables of a command, those of the account after those of the client.
    pub(crate) fn environment(&self, from_client: &[(String, String)]) -> Vec<(OsString, OsString)> {
        let client = from_client.iter().map(|(name, value)| (name.into(), value.into()));
        let own: [(OsString, OsString); 5] = [
            ("USER".into(), self.name.clone().into()),
            ("LOGNAME".into(), self.name.clone().into()),
            ("HOME".into(), self.home.clone().into()),
            ("PATH".into(), self.path.clone()),
            ("SHELL".into(), self.shell.clone().into()),
        ];
        client.chain(own).chain(self.extra.iter().cloned()).collect()
    }
}

/// Whether a client may set this variable: what `AcceptEnv LANG LC_*` of Debian's `sshd` allows, and
/// `TERM`.
pub(crate) fn client_may_set(name: &str) -> bool {
    matches!(name, "LANG" | "TERM") || name.starts_with("LC_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_sets_the_language_and_nothing_that_loads_code() {
        for name in ["LANG", "LC_ALL", "LC_CTYPE", "TERM"] {
            assert!(client_may_set(name), "{name}");
        }
        for name in ["LD_PRELOAD", "PATH", "HOME", "BASH_ENV", "ENV", "LANGUAGE", ""] {
            assert!(!client_may_set(name), "{name}");
        }
    }

    #[test]
    fn an_account_is_found_by_its_uid_and_always_has_a_shell() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nbad\nn:x:65534:65534:n:/nonexistent:/usr/sbin/nologin\ne:x:7:7:::";
        let account = |uid| Account::from_passwd(passwd, uid);
        assert_eq!(account(0), Some(Account::new("root", "/root", "/bin/bash")));
        assert_eq!(account(65534), Some(Account::new("n", "/nonexistent", "/bin/sh")));
        assert_eq!(account(7), Some(Account::new("e", "", "/bin/sh")));
        assert_eq!(account(1), None);
        assert_eq!(account(65534).unwrap().directory(), Path::new("/"));
    }

    #[test]
    fn the_accounts_own_variables_come_last_and_so_win() {
        let mut account = Account::nobody();
        account.extra.push(("TERM".into(), "dumb".into()));
        let environment = account.environment(&[("TERM".into(), "xterm".into())]);
        let last = environment.iter().rfind(|(name, _)| name == "TERM");
        assert_eq!(last.map(|(_, value)| value.clone()), Some("dumb".into()));
    }
}
