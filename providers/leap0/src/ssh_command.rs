//! `ssh_command`, the one field in which Leap0 says where to log in. It is a shell command line, and it is
//! data: it is split into words as a shell would, read by a grammar of its own, and never run (S6).
//!
//! ```text
//! ssh [OPTION]... DESTINATION [OPTION]...
//! OPTION       -p N   -pN   -l USER   -o Port=N   -o User=USER   -o StrictHostKeyChecking=WORD
//! DESTINATION  [USER@]HOST   ssh://[USER@]HOST[:N][/]      HOST may be an IPv6 address, also in brackets
//! ```
//!
//! Each USER has to be the credential's id, and at least one has to be there. What the command says about
//! host keys is read and ignored: that is for our own rules.

use anyssh_core::{Host, Port, UserName, escape};

use crate::error::Error;

const FIELD: &str = "ssh_command";

/// The longest command that is looked at, in bytes.
const LONGEST: usize = 2048;

/// What a command is made of. Nothing that means something to a shell is in here but blanks, quotes and
/// the backslash, inside of quotes or out.
const PUNCTUATION: &[u8] = b" ._-@:=/[]'\"\\";

/// What OpenSSH takes for StrictHostKeyChecking (ssh_config(5)).
const CHECKING: &[&str] = &["yes", "no", "off", "ask", "accept-new"];

/// Where and as whom to log in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SshCommand {
    pub(crate) host: Host,
    pub(crate) port: Port,
    pub(crate) user: UserName,
}

/// Reads a command; the error says what in it is not accepted, and shows it escaped.
pub(crate) fn read(text: &str, id: &str) -> Result<SshCommand, Error> {
    let refused = |why: String| {
        let shown = escape::printable(text, SHOWN).replace('"', "\\\"");
        Error::Refused { field: FIELD, why: format!("{why}, in \"{shown}\"") }
    };
    let words = split(text).map_err(refused)?;
    let mut reader = Reader { id, host: None, port: None, has_user: false };
    reader.read(&words).map_err(refused)?;
    reader.finish().map_err(refused)
}

fn split(text: &str) -> Result<Vec<String>, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || u8::try_from(c).is_ok_and(|byte| PUNCTUATION.contains(&byte));
    if let Some(other) = text.chars().find(|c| !is_plain(*c)) {
        return Err(format!("{} is a character that no such command needs", escape::quoted(&other.to_string())));
    }
    shlex::split(text).ok_or_else(|| "a quote or a backslash has no end".to_owned())
}

/// The words so far.
struct Reader<'a> {
    id: &'a str,
    host: Option<Host>,
    port: Option<Port>,
    has_user: bool,
}

impl Reader<'_> {
    fn read(&mut self, words: &[String]) -> Result<(), String> {
        let mut words = words.iter().map(String::as_str);
        if words.next() != Some("ssh") {
            return Err("the program is not ssh".to_owned());
        }
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} has no value"));
            match word {
                "-p" => self.port(value()?)?,
                "-l" => self.user(value()?)?,
                "-o" => self.option(value()?)?,
                _ => match word.strip_prefix("-p") {
                    Some(port) => self.port(port)?,
                    None if word.starts_with('-') => {
                        return Err(format!("{} is an option that is not accepted", escape::quoted(word)));
                    }
                    None => self.destination(word)?,
                },
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<SshCommand, String> {
        let host = self.host.ok_or("it names no host")?;
        if !self.has_user {
            return Err("it names no user".to_owned());
        }
        let user = UserName::parse(FIELD, self.id).map_err(|_| "the id is no user name".to_owned())?;
        Ok(SshCommand { host, port: self.port.unwrap_or(Port::SSH), user })
    }

    fn option(&mut self, option: &str) -> Result<(), String> {
        let refused = || format!("-o {} is an option that is not accepted", escape::quoted(option));
        let (key, value) = option.split_once('=').ok_or_else(refused)?;
        match key.to_ascii_lowercase().as_str() {
            "port" => self.port(value),
            "user" => self.user(value),
            "stricthostkeychecking" if CHECKING.contains(&value) => Ok(()),
            _ => Err(refused()),
        }
    }

    fn destination(&mut self, word: &str) -> Result<(), String> {
        if self.host.is_some() {
            return Err(format!("{} is a second word after the options", escape::quoted(word)));
        }
        let (user, host, port) = match word.strip_prefix("ssh://") {
            Some(rest) => from_url(rest)?,
            None => {
                let (user, host) = at(word);
                (user, host, None)
            }
        };
        if let Some(user) = user {
            self.user(user)?;
        }
        if let Some(port) = port {
            self.port(port)?;
        }
        let inner = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
        // In brackets there is an IPv6 address or nothing that fits.
        let host = inner.filter(|inner| inner.contains(':')).unwrap_or(host);
        let refused = |_| format!("{} is no host name and no address", escape::quoted(host));
        self.host = Some(Host::parse(FIELD, host).map_err(refused)?);
        Ok(())
    }

    fn user(&mut self, user: &str) -> Result<(), String> {
        if user != self.id {
            return Err(format!("the user {} is not the credential's id", escape::quoted(user)));
        }
        self.has_user = true;
        Ok(())
    }

    fn port(&mut self, port: &str) -> Result<(), String> {
        let refused = |_| format!("{} is no port number from 1 to 65535", escape::quoted(port));
        let port = Port::parse(FIELD, port).map_err(refused)?;
        if self.port.is_some_and(|before| before != port) {
            return Err("it names two ports".to_owned());
        }
        self.port = Some(port);
        Ok(())
    }
}

/// The parts of what stands after `ssh://`: user, host, port.
fn from_url(rest: &str) -> Result<(Option<&str>, &str, Option<&str>), String> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('/') {
        return Err("the address has a path".to_owned());
    }
    let (user, place) = at(authority);
    // The colons of an IPv6 address are inside its brackets, which a URL has to have.
    match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Ok((user, host, Some(port))),
        _ => Ok((user, place, None)),
    }
}

/// As OpenSSH does, the last `@` is the one that counts.
fn at(text: &str) -> (Option<&str>, &str) {
    text.rsplit_once('@').map_or((None, text), |(user, host)| (Some(user), host))
}

/// How much of a refused command is shown, in characters.
const SHOWN: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "ssh-bb961077616ff86f";

    fn accepted(command: &str) -> (String, u16) {
        let read = read(&command.replace("ID", ID), ID).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert_eq!(read.user.as_str(), ID);
        (read.host.to_string(), read.port.get())
    }

    fn refused(command: &str) -> String {
        let error = match read(&command.replace("ID", ID), ID) {
            Err(error) => error.to_string(),
            Ok(read) => panic!("{command}: {read:?}"),
        };
        assert!(error.starts_with("ssh_command: ") && !error.contains(char::is_control), "{error}");
        error
    }

    /// S6: every form of the grammar, in any order.
    #[test]
    fn every_form_of_the_grammar_is_read() {
        for command in [
            "ssh ID@sbx.example",
            "ssh -o StrictHostKeyChecking=accept-new ID@sbx.example",
            "ssh -o StrictHostKeyChecking=no ID@sbx.example -p 22",
            "ssh -o stricthostkeychecking=yes -o Port=22 -o User=ID sbx.example",
            "ssh sbx.example -l ID",
            "ssh -l ID -p22 ID@SBX.example",
            "ssh ssh://ID@sbx.example",
            "ssh ssh://ID@sbx.example:22/",
            "ssh -l ID ssh://sbx.example",
            "  ssh   'ID@sbx.example'  ",
            "ssh \"ID\"@sbx\\.example",
        ] {
            assert_eq!(accepted(command), ("sbx.example".to_owned(), 22), "{command}");
        }
        for command in [
            "ssh -p 2222 ID@h",
            "ssh -p2222 ID@h",
            "ssh -o Port=2222 ID@h",
            "ssh ssh://ID@h:2222",
            "ssh ID@h -p 2222 -p2222",
        ] {
            assert_eq!(accepted(command), ("h".to_owned(), 2222), "{command}");
        }
        for command in ["ssh ID@::1", "ssh ID@[::1]", "ssh ssh://ID@[::1]", "ssh -l ID ::1"] {
            assert_eq!(accepted(command), ("::1".to_owned(), 22), "{command}");
        }
        assert_eq!(accepted("ssh ssh://ID@[::1]:65535/"), ("::1".to_owned(), 65535));
        assert_eq!(accepted("ssh ID@127.0.0.1"), ("127.0.0.1".to_owned(), 22));
    }

    /// S6: what a shell, or ssh, would have done more than log in with.
    #[test]
    fn everything_else_is_refused_and_says_why() {
        for (command, why) in [
            ("", "empty"),
            ("   ", "empty"),
            ("scp ID@h", "not ssh"),
            ("/usr/bin/ssh ID@h", "not ssh"),
            ("FOO=bar ssh ID@h", "not ssh"),
            ("sh -c ssh", "not ssh"),
            ("ssh", "no host"),
            ("ssh -p 22", "no host"),
            ("ssh h", "no user"),
            ("ssh ID@", "no host name"),
            ("ssh ssh://ID@", "no host name"),
            ("ssh @h", "not the credential's id"),
            ("ssh root@h", "not the credential's id"),
            ("ssh root@ID@h", "not the credential's id"),
            ("ssh ID@root@h", "not the credential's id"),
            ("ssh -l root ID@h", "not the credential's id"),
            ("ssh -l ID root@h", "not the credential's id"),
            ("ssh -o User=root ID@h", "not the credential's id"),
            ("ssh -l '' h", "not the credential's id"),
            ("ssh ID@h uptime", "second word"),
            ("ssh ID@h ''", "second word"),
            ("ssh ID@h ID@h", "second word"),
            ("ssh -o ProxyCommand=id ID@h", "not accepted"),
            ("ssh -o 'ProxyCommand=touch x' ID@h", "not accepted"),
            ("ssh -oProxyCommand=id ID@h", "not accepted"),
            ("ssh -oPort=22 ID@h", "not accepted"),
            ("ssh -o 'Port 22' ID@h", "not accepted"),
            ("ssh -o LocalCommand=id -o PermitLocalCommand=yes ID@h", "not accepted"),
            ("ssh -o StrictHostKeyChecking=maybe ID@h", "not accepted"),
            ("ssh -o StrictHostKeyChecking ID@h", "not accepted"),
            ("ssh -J evil ID@h", "not accepted"),
            ("ssh -F /tmp/x ID@h", "not accepted"),
            ("ssh -i key ID@h", "not accepted"),
            ("ssh -lID h", "not accepted"),
            ("ssh -v ID@h", "not accepted"),
            ("ssh -- ID@h", "not accepted"),
            ("ssh - ID@h", "not accepted"),
            ("ssh -ID@h", "not accepted"),
            ("ssh ID@-h", "no host name"),
            ("ssh ID@-oProxyCommand=id", "no host name"),
            ("ssh ID@h -p", "has no value"),
            ("ssh ID@h -o", "has no value"),
            ("ssh -l", "has no value"),
            ("ssh -p ssh ID@h", "no port number"),
            ("ssh -p http ID@h", "no port number"),
            ("ssh -p 0 ID@h", "no port number"),
            ("ssh -p 65536 ID@h", "no port number"),
            ("ssh -p -1 ID@h", "no port number"),
            ("ssh -p 22-23 ID@h", "no port number"),
            ("ssh -p 22:23 ID@h", "no port number"),
            ("ssh -p ' 22' ID@h", "no port number"),
            ("ssh -p '' ID@h", "no port number"),
            ("ssh -o Port=x ID@h", "no port number"),
            ("ssh ssh://ID@h:", "no port number"),
            ("ssh ssh://ID@h:x", "no port number"),
            ("ssh -p 22 -p 23 ID@h", "two ports"),
            ("ssh -p 22 ssh://ID@h:23", "two ports"),
            ("ssh ID@h:22", "no host name"),
            ("ssh ID@[h]", "no host name"),
            ("ssh ID@[::1", "no host name"),
            ("ssh ID@[::1]:22", "no host name"),
            ("ssh ssh://ID@::1", "no host name"),
            ("ssh ssh://ID@h/path", "path"),
            ("ssh ssh://ID@h//", "path"),
            ("ssh ID@h/x", "no host name"),
            ("ssh ID@a..b", "no host name"),
            ("ssh ID@0x7f.1", "no host name"),
            ("ssh 'ID@h", "no end"),
            ("ssh \"ID@h", "no end"),
            ("ssh ID@h \\", "no end"),
        ] {
            let error = refused(command);
            assert!(error.contains(why), "{command}: {error}");
        }
    }

    /// S6: nothing that a shell acts on is in an accepted command, quoted or not.
    #[test]
    fn what_means_something_to_a_shell_is_refused_inside_quotes_too() {
        for character in ";&|<>()$`#*?{}~!%^\n\r\t\0\u{1b}\u{7f}\u{9b}\u{202e}\u{e9},+".chars() {
            for command in
                [format!("ssh ID@h {character} id"), format!("ssh 'ID@h{character}'"), format!("{character}ssh ID@h")]
            {
                let error = refused(&command);
                assert!(error.contains("that no such command needs"), "{command:?}: {error}");
            }
        }
        refused("ssh ID@h $(touch /tmp/x)");
        refused("ssh ID@h `touch /tmp/x`");
        refused(&format!("ssh ID@{}", "a".repeat(5000)));
    }

    proptest! {
        /// S6: whatever comes, it is refused or it is a host, a port and our own user.
        #[test]
        fn any_text_is_refused_or_a_place_to_log_in(text in any::<String>()) {
            check(&text)?;
        }

        /// The same for commands that are nearly right.
        #[test]
        fn any_near_miss_is_refused_or_a_place_to_log_in(
            words in proptest::collection::vec("(ssh|-p|-p22|22|-l|ID|root|-o|Port=22|User=ID|ProxyCommand=x|ID@h|ID@\\[::1\\]|ssh://ID@h:22|--|-|'|\"|\\\\|;|\\$\\(x\\)|[ -~]{0,4})", 0..8),
        ) {
            check(&format!("ssh {}", words.join(" ").replace("ID", ID)))?;
            check(&words.concat().replace("ID", ID))?;
        }
    }

    fn check(text: &str) -> Result<(), TestCaseError> {
        match read(text, ID) {
            Ok(read) => {
                prop_assert_eq!(read.user.as_str(), ID);
                prop_assert_eq!(Host::parse("h", &read.host.to_string()).unwrap(), read.host);
                prop_assert!(shlex::split(text).is_some_and(|words| words[0] == "ssh"));
            }
            Err(error) => {
                let shown = error.to_string();
                prop_assert!(
                    shown.starts_with("ssh_command: ") && !shown.contains(char::is_control) && shown.len() < 2000
                );
            }
        }
        Ok(())
    }
}
