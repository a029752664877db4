//! ssh's own log (`-E`): followed, shown at the level the user asked for, and read for the one line
//! that is the point of no return.
//!
//! The log is a regular file in the private directory. A pipe would make ssh wait for us while we are
//! stopped, and would lose the last lines of an ssh that was killed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use anyssh_core::escape::{MESSAGE_CAP, printable, printable_bytes};

use crate::flags::LogLevel;
use crate::log_line::{LineKind, classify, is_closed_port, worse};
use crate::outcome::Reason;

/// Follows the log of one ssh.
#[derive(Debug)]
pub(crate) struct LogFollower {
    file: File,
    position: u64,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
    level: LogLevel,
    authenticated: bool,
    keys_exchanged: bool,
    reason: Option<Reason>,
    /// What ssh said at its default level before it was let in; the last of it.
    kept: Vec<String>,
}

impl LogFollower {
    /// Follows `file` from its beginning and shows what belongs to `level`.
    pub(crate) fn new(file: File, level: LogLevel) -> Self {
        Self {
            file,
            position: 0,
            partial: Vec::new(),
            level,
            authenticated: false,
            keys_exchanged: false,
            reason: None,
            kept: Vec::new(),
        }
    }

    /// Reads what was written since and hands each line to show, escaped, to `show`.
    pub(crate) fn read(&mut self, show: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut chunk = [0; 8192];
        // Bounded: an ssh that writes faster than we read must not keep us here.
        for _ in 0..CHUNKS_EACH_TIME {
            let count = self.file.read_at(&mut chunk, self.position)?;
            if count == 0 {
                return self.cut();
            }
            self.position += count as u64;
            self.take(&chunk[..count], show);
        }
        Ok(())
    }

    /// Empties a log that grew large: it lives in memory on many systems, and `-vvv` runs for hours.
    /// ssh appends, so it goes on at the beginning.
    fn cut(&mut self) -> io::Result<()> {
        if self.authenticated && self.position > CUT_AT {
            self.file.set_len(0)?;
            self.position = 0;
        }
        Ok(())
    }

    /// Reads what is left after ssh ended, also a last line without an end.
    pub(crate) fn drain(&mut self, show: &mut dyn FnMut(&str)) -> io::Result<()> {
        for _ in 0..CHUNKS_AT_THE_END {
            let before = self.position;
            self.read(show)?;
            if self.position <= before {
                break;
            }
        }
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            self.line(&rest, show);
        }
        Ok(())
    }

    /// Whether ssh was let in: the point of no return.
    pub(crate) fn authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether ssh ended before or during key exchange, as far as its log says. Below DEBUG1 it does
    /// not say where a connection was closed; then this is also true for one closed during the login.
    pub(crate) fn ended_before_authentication_began(&self) -> bool {
        !self.authenticated && !self.keys_exchanged && self.reason == Some(Reason::Connection)
    }

    /// Whether nobody listened at the port: ssh never had a connection.
    pub(crate) fn port_is_closed(&self) -> bool {
        !self.authenticated && self.kept.last().is_some_and(|line| is_closed_port(line))
    }

    /// What happened, by kind.
    pub(crate) fn reason(&self) -> Reason {
        self.reason.clone().unwrap_or(Reason::Other)
    }

    /// ssh's last words on one line, empty if it said none.
    pub(crate) fn message(&self) -> String {
        let (earlier, last) = self.kept.split_at(self.kept.len().saturating_sub(LAST_WORDS));
        // Said first and never repeated: after it ssh claims that it knows no host key at all.
        let why = earlier.iter().filter(|line| line.starts_with("Certificate invalid"));
        let words: Vec<&str> = why.chain(last).map(String::as_str).collect();
        printable(&words.join("; "), MESSAGE_CAP)
    }

    /// How long to wait before the next look.
    pub(crate) fn pause(&self) -> Duration {
        if self.authenticated { Duration::from_millis(500) } else { Duration::from_millis(50) }
    }

    fn take(&mut self, mut bytes: &[u8], show: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            self.hold(&bytes[..end]);
            let line = std::mem::take(&mut self.partial);
            self.line(&line, show);
            bytes = &bytes[end + 1..];
        }
        self.hold(bytes);
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, bytes: &[u8], show: &mut dyn FnMut(&str)) {
        let text = printable_bytes(bytes.strip_suffix(b"\r").unwrap_or(bytes), LONGEST_LINE);
        if text.is_empty() {
            return;
        }
        let kind = LineKind::of(&text);
        if !self.authenticated {
            self.learn(&text, kind);
        }
        match self.level {
            LogLevel::Quiet => {}
            LogLevel::Info if kind != LineKind::Said => {}
            // What was said before is the message of the outcome if ssh is not let in.
            LogLevel::Info if !self.authenticated => {}
            _ => show(&text),
        }
        if kind == LineKind::Authenticated && !self.authenticated {
            self.authenticated = true;
            let kept = std::mem::take(&mut self.kept);
            if self.level == LogLevel::Info {
                kept.iter().for_each(|line| show(line));
            }
        }
    }

    /// What a line from before authentication tells.
    fn learn(&mut self, text: &str, kind: LineKind) {
        match kind {
            LineKind::KeysExchanged => self.keys_exchanged = true,
            LineKind::Said => {
                self.reason = worse(self.reason.take(), classify(text));
                if self.kept.len() == MOST_KEPT {
                    self.kept.remove(0);
                }
                self.kept.push(text.to_owned());
            }
            LineKind::Authenticated | LineKind::Detail => {}
        }
    }
}

const CHUNKS_EACH_TIME: usize = 64;
const CHUNKS_AT_THE_END: usize = 64;
const LONGEST_LINE: usize = 4096;
const MOST_KEPT: usize = 20;
const LAST_WORDS: usize = 2;
const CUT_AT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    struct Log {
        writer: File,
        follower: LogFollower,
        shown: Vec<String>,
    }

    impl Log {
        fn new(level: LogLevel) -> Self {
            let file = tempfile::NamedTempFile::new().unwrap();
            let writer = file.reopen().unwrap();
            Self { writer, follower: LogFollower::new(file.into_file(), level), shown: Vec::new() }
        }

        fn says(&mut self, bytes: &[u8]) -> &mut Self {
            self.writer.write_all(bytes).unwrap();
            let shown = &mut self.shown;
            self.follower.read(&mut |line| shown.push(line.to_owned())).unwrap();
            self
        }

        fn ends(&mut self) -> &mut Self {
            let shown = &mut self.shown;
            self.follower.drain(&mut |line| shown.push(line.to_owned())).unwrap();
            self
        }
    }

    #[test]
    fn at_the_default_level_only_what_ssh_itself_would_show_is_shown_once_let_in() {
        let mut log = Log::new(LogLevel::Info);
        log.says(b"debug1: x\r\nPseudo-terminal will not be allocated\r\n");
        assert!(log.shown.is_empty());
        log.says(b"Authenticated to h ([1.2.3.4]:22) using \"password\".\r\nWarning: forwarding fai");
        assert!(log.follower.authenticated());
        log.says(b"led\r\nTransferred: sent 1, received 2 bytes\r\nBytes per second: sent 1.0\r\nlast").ends();
        assert_eq!(log.shown, ["Pseudo-terminal will not be allocated", "Warning: forwarding failed", "last"]);
    }

    #[test]
    fn quiet_shows_nothing_and_debug_shows_all_at_once() {
        let lines = b"debug1: x\r\nWarning\r\nAuthenticated to h ([::1]:22).\r\nWarning 2\r\n";
        assert!(Log::new(LogLevel::Quiet).says(lines).ends().shown.is_empty());
        assert_eq!(Log::new(LogLevel::Debug1).says(lines).shown.len(), 4);
    }

    #[test]
    fn the_reason_and_the_last_words_come_from_the_log() {
        let refused = b"user@h: Permission denied (publickey).\r\nConnection closed by 1.2.3.4 port 22\r\n";
        let changed = b"@@@ REMOTE HOST IDENTIFICATION HAS CHANGED! @@@\r\nfoo\r\nHost key verification failed.\r\n";
        for (bytes, reason, early) in [
            (&refused[..], Reason::Refused, false),
            (changed, Reason::HostKey, false),
            (b"ssh: connect to host h port 1: Connection refused\r\n", Reason::Connection, true),
            (b"debug1: SSH2_MSG_NEWKEYS received\r\nConnection closed by h\r\n", Reason::Connection, false),
            (b"Bad configuration option\r\n", Reason::Other, false),
            (b"", Reason::Other, false),
        ] {
            let mut log = Log::new(LogLevel::Quiet);
            let follower = &log.says(bytes).ends().follower;
            assert_eq!(follower.reason(), reason, "{}", String::from_utf8_lossy(bytes));
            assert_eq!(follower.ended_before_authentication_began(), early, "{}", String::from_utf8_lossy(bytes));
        }
        let mut log = Log::new(LogLevel::Quiet);
        assert_eq!(log.says(changed).follower.message(), "foo; Host key verification failed.");
    }

    #[test]
    fn what_is_wrong_with_a_host_certificate_is_among_the_last_words() {
        let mut log = Log::new(LogLevel::Info);
        log.says(
            b"Certificate invalid: expired\r\nNo ED25519 host key is known for h\r\nHost key verification failed.\r\n",
        );
        let message = log.follower.message();
        assert!(message.starts_with("Certificate invalid: expired; No ED25519"), "{message}");
        assert_eq!(log.follower.reason(), Reason::HostKey);
    }

    /// S10: what a server makes ssh log cannot move the cursor.
    #[test]
    fn lines_are_escaped_and_capped() {
        let mut log = Log::new(LogLevel::Debug1);
        log.says(b"Received disconnect: \x1b]0;owned\x07\xe2\x80\xae\r\n").says(&[b'x'; 100_000]).says(b"\n");
        assert_eq!(log.shown[0], r"Received disconnect: \x1b]0;owned\x07\u{202e}");
        assert_eq!(log.shown[1].len(), LONGEST_LINE);
        assert!(log.follower.message().chars().count() <= MESSAGE_CAP + 1);
    }

    #[test]
    fn a_long_session_does_not_fill_the_runtime_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = File::options().append(true).open(file.path()).unwrap();
        let mut follower = LogFollower::new(file.reopen().unwrap(), LogLevel::Debug3);
        writer.write_all(b"Authenticated to h\r\n").unwrap();
        for _ in 0..3000 {
            writer.write_all(&[b'x'; 1023]).unwrap();
            writer.write_all(b"\n").unwrap();
            follower.read(&mut |_| {}).unwrap();
        }
        assert!(file.as_file().metadata().unwrap().len() <= CUT_AT + 8192);
    }
}
