//! ssh's stderr on its way to ours, with an eye on what a vendor's gateway says at its beginning.
//!
//! A gateway that cannot reach its machine writes a line into the session and ends it. Only the bytes
//! themselves tell, so ssh's stderr is a pipe here, and a thread of its own passes on what it holds at
//! once and unchanged. stdout is never read on its way: it belongs to the remote command.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ChildStderr;
use std::thread;
use std::time::Duration;

use anyssh_core::escape::{MESSAGE_CAP, printable_bytes};
use tokio::sync::oneshot;

/// A gateway that speaks at all speaks first.
const WATCHED: usize = 8192;

/// A child of ssh may hold the pipe open; what it says later is passed on and not waited for.
const LAST_TEXT: Duration = Duration::from_secs(1);

/// Passes ssh's stderr on until its end.
#[derive(Debug)]
pub(crate) struct StderrRelay {
    beginning: oneshot::Receiver<Vec<u8>>,
}

impl StderrRelay {
    /// Starts to pass `stderr` on to our own.
    pub(crate) fn start(stderr: ChildStderr) -> io::Result<Self> {
        let ours = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let theirs = File::from(OwnedFd::from(stderr));
        let (sender, beginning) = oneshot::channel();
        thread::Builder::new().name("ssh-stderr".into()).spawn(move || {
            // Nobody waits for it any more where the launch was dropped.
            let _ = sender.send(pass_on(theirs, ours));
        })?;
        Ok(Self { beginning })
    }

    /// What a gateway said; ssh has ended.
    pub(crate) async fn end(self, markers: &[String]) -> Option<String> {
        let beginning = tokio::time::timeout(LAST_TEXT, self.beginning).await.ok()?.ok()?;
        find(markers, &beginning)
    }
}

/// The first line that begins with a marker, escaped and capped.
pub(crate) fn find(markers: &[String], text: &[u8]) -> Option<String> {
    let mut lines = text[..text.len().min(WATCHED)].split(|byte| matches!(byte, b'\n' | b'\r'));
    let said = lines.find(|line| markers.iter().any(|marker| line.starts_with(marker.as_bytes())))?;
    Some(printable_bytes(said, MESSAGE_CAP))
}

/// Copies until either side is gone, and returns the beginning. Dropping `from` tells ssh what our own
/// reader told us: that nobody reads any more.
fn pass_on(mut from: File, mut to: File) -> Vec<u8> {
    let mut beginning = Vec::new();
    let mut chunk = [0; 32 * 1024];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return beginning,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return beginning,
        };
        let bytes = &chunk[..count];
        beginning.extend_from_slice(&bytes[..count.min(WATCHED - beginning.len())]);
        if write_all(&mut to, bytes).is_err() {
            return beginning;
        }
    }
}

/// Somebody who shares our stderr may have made it non-blocking; then a full one is waited for.
fn write_all(to: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(FULL),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

const FULL: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn markers() -> Vec<String> {
        vec!["[NOT_READY]".into(), "[GONE]".into()]
    }

    #[test]
    fn a_marker_counts_at_the_beginning_of_a_line_and_of_the_text() {
        assert_eq!(find(&markers(), b"[GONE] by\x1b[2J\r\n").as_deref(), Some("[GONE] by\\x1b[2J"));
        assert_eq!(find(&markers(), b"banner\n[NOT_READY]").as_deref(), Some("[NOT_READY]"));
        assert_eq!(find(&markers(), b"say [GONE]\n"), None);
        assert_eq!(find(&[], b"[GONE]\n"), None);
        let late = [&[b'x'; WATCHED][..], b"\n[GONE]\n"].concat();
        assert_eq!(find(&markers(), &late), None);
    }

    /// Whatever ssh writes there arrives, byte for byte, also beyond what is looked at.
    #[test]
    fn every_byte_is_passed_on() {
        let (from, mut feed) = io::pipe().unwrap();
        let mut to = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        let sent = bytes.clone();
        let writer = thread::spawn(move || feed.write_all(&sent).unwrap());
        let beginning = pass_on(File::from(OwnedFd::from(from)), to.try_clone().unwrap());
        writer.join().unwrap();
        io::Seek::rewind(&mut to).unwrap();
        let mut arrived = Vec::new();
        to.read_to_end(&mut arrived).unwrap();
        assert!(arrived == bytes && beginning == bytes[..WATCHED]);
    }
}
