//! The block for `~/.ssh/config` that makes plain `ssh` reach a debug run.

use std::path::Path;

use anyssh_core::{ErrorKind, HostAlias, ProviderError, UserName, escape};

use crate::target::ActionName;

/// What the block is made of; each part is checked when it is written.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// The word after `ssh`.
    pub(crate) host_alias: &'a HostAlias,
    pub(crate) user: &'a UserName,
    pub(crate) identity_file: &'a Path,
    /// The program `anyssh`: a path, or a name to be found.
    pub(crate) anyssh: &'a Path,
    pub(crate) action: &'a ActionName,
    /// Whose token `anyssh tunnel` shows, the same as here.
    pub(crate) route_login: RouteLogin,
    /// The name under which the pod's host key is kept, and where.
    pub(crate) key_alias: &'a HostAlias,
    pub(crate) known_hosts: &'a Path,
}

/// Who the route to the pod is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteLogin {
    /// The login of the configuration.
    Own,
    /// An API key of the user's.
    ApiKey,
    /// Nobody: the configuration has no login.
    None,
}

impl Block<'_> {
    /// The text, one option on each line.
    ///
    /// `ssh` asks `anyssh tunnel` for its connection: a fresh token each time, and nothing that a server said
    /// on the command line (P4). A pod can ask for no password (K3). Its host key is kept on first contact, which is inside TLS with our
    /// token, and a changed one is refused; without a token ssh asks about it.
    ///
    /// # Errors
    /// Of kind `Local`: a path that ssh_config(5) has no way to write.
    pub(crate) fn text(&self) -> Result<String, ProviderError> {
        let with_key = if self.route_login == RouteLogin::ApiKey { " --use-api-key" } else { "" };
        let new_keys = if self.route_login == RouteLogin::None { "ask" } else { "accept-new" };
        let lines = [
            format!("Host {}", self.host_alias),
            format!("  User {}", self.user.as_str()),
            format!("  IdentityFile {}", quoted_path("the key", self.identity_file)?),
            "  IdentitiesOnly yes".to_owned(),
            "  PreferredAuthentications publickey".to_owned(),
            format!("  ProxyCommand {} tunnel flyte {}{with_key}", command_word(self.anyssh)?, self.action),
            format!("  HostKeyAlias {}", self.key_alias),
            format!("  UserKnownHostsFile {}", quoted_path("the known hosts", self.known_hosts)?),
            format!("  StrictHostKeyChecking {new_keys}"),
            "  ServerAliveInterval 30".to_owned(),
        ];
        Ok(lines.join("\n") + "\n")
    }
}

/// A file name as ssh_config(5) reads it back: in double quotes, with `%` doubled. There is no way to write
/// a literal `${` or a line break (F5).
fn quoted_path(what: &str, path: &Path) -> Result<String, ProviderError> {
    let text =
        path.to_str().filter(|text| path.is_absolute() && !text.contains("${") && !text.contains(char::is_control));
    let text = text.ok_or_else(|| unfit(what, path, "an absolute path without \"${\" and control characters"))?;
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{escaped}\""))
}

/// A program as the shell that ssh starts reads it. Some quoting that a shell takes ssh itself refuses, so
/// names that would need it are refused here.
fn command_word(program: &Path) -> Result<String, ProviderError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+,:@=-%".contains(c) || !c.is_ascii();
    let text = program.to_str().filter(|text| !text.is_empty() && !text.starts_with('-'));
    let text = text.filter(|text| text.chars().all(|c| plain(c) && !c.is_control() || c == ' '));
    let expected = "a path without quotes, backslashes, '$' and other signs of the shell";
    let text = text.ok_or_else(|| unfit("the program anyssh", program, expected))?.replace('%', "%%");
    Ok(if text.contains(' ') { format!("'{text}'") } else { text })
}

fn unfit(what: &str, path: &Path, expected: &str) -> ProviderError {
    let shown = escape::quoted(&path.display().to_string());
    ProviderError::new(ErrorKind::Local, format!("{what}: expected {expected}, found {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(anyssh: &str, identity: &str, action: &str) -> Result<String, ProviderError> {
        block_for(RouteLogin::Own, anyssh, identity, action)
    }

    fn block_for(login: RouteLogin, anyssh: &str, identity: &str, action: &str) -> Result<String, ProviderError> {
        Block {
            host_alias: &HostAlias::parse("host-alias", "flyte-debug").unwrap(),
            user: &UserName::parse("user", "root").unwrap(),
            identity_file: Path::new(identity),
            anyssh: Path::new(anyssh),
            action: &ActionName::new("target", "r1", action).unwrap(),
            route_login: login,
            key_alias: &HostAlias::parse("alias", "flyte.r1.a0.1").unwrap(),
            known_hosts: Path::new("/home/me/.flyte/ssh-debug/known_hosts"),
        }
        .text()
    }

    /// K3: and a pod can ask for no password.
    #[test]
    fn the_block_names_our_own_program_and_keeps_the_host_key() {
        let text = block("anyssh", "/home/me/.flyte/ssh-debug/id_ed25519", "a0").unwrap();
        let expected = "\
Host flyte-debug
  User root
  IdentityFile \"/home/me/.flyte/ssh-debug/id_ed25519\"
  IdentitiesOnly yes
  PreferredAuthentications publickey
  ProxyCommand anyssh tunnel flyte r1
  HostKeyAlias flyte.r1.a0.1
  UserKnownHostsFile \"/home/me/.flyte/ssh-debug/known_hosts\"
  StrictHostKeyChecking accept-new
  ServerAliveInterval 30
";
        assert_eq!(text, expected);
    }

    /// K4: a key is only accepted unasked inside a connection that our token opened, whosever it is.
    #[test]
    fn the_tunnel_has_the_login_that_was_used_and_without_one_ssh_asks() {
        let text = block_for(RouteLogin::ApiKey, "anyssh", "/k", "a0").unwrap();
        assert!(text.contains("  ProxyCommand anyssh tunnel flyte r1 --use-api-key\n"), "{text}");
        assert!(text.contains("  StrictHostKeyChecking accept-new\n"), "{text}");
        let text = block_for(RouteLogin::None, "anyssh", "/k", "a0").unwrap();
        assert!(text.contains("tunnel flyte r1\n") && text.contains("  StrictHostKeyChecking ask\n"), "{text}");
    }

    /// P4, F5: blanks and percent signs are quoted for both readers; what cannot be quoted is refused.
    #[test]
    fn paths_are_quoted_for_ssh_and_for_the_shell() {
        let text = block("/opt/my tools/100%/anyssh", "/h/a b%c\"d\\e", "b1").unwrap();
        assert!(text.contains("  ProxyCommand '/opt/my tools/100%%/anyssh' tunnel flyte r1/b1\n"), "{text}");
        assert!(text.contains("  IdentityFile \"/h/a b%%c\\\"d\\\\e\"\n"), "{text}");
        for anyssh in ["/a'b", "/a\"b", "/a\\b", "/a$b", "/a`b", "/a\nb", "/a;b", "/a&b", "", "-a"] {
            assert!(block(anyssh, "/k", "a0").is_err(), "{anyssh:?}");
        }
        for identity in ["k", "/a${HOME}", "/a\nb"] {
            assert!(block("anyssh", identity, "a0").is_err(), "{identity:?}");
        }
    }
}
