//! The output of an ssh without a terminal, read as it comes and kept up to a cap.

use std::io;
use std::process::{ChildStderr, ChildStdout};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Captured {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) truncated: bool,
}

/// Reads both streams to their ends into `captured`; nothing to do where they are not there.
pub(crate) async fn capture(
    (stdout, stderr): (Option<ChildStdout>, Option<ChildStderr>),
    captured: &mut Captured,
    cap: usize,
) -> io::Result<()> {
    let (Some(stdout), Some(stderr)) = (stdout, stderr) else { return Ok(()) };
    let stdout = tokio::process::ChildStdout::from_std(stdout)?;
    let stderr = tokio::process::ChildStderr::from_std(stderr)?;
    let Captured { stdout: out, stderr: err, truncated } = captured;
    let (out, err) = tokio::try_join!(read(stdout, out, cap), read(stderr, err, cap))?;
    *truncated = out || err;
    Ok(())
}

/// Reads on beyond the cap, or ssh would wait for us for ever. Whether there was more than the cap.
async fn read(mut stream: impl AsyncRead + Unpin, into: &mut Vec<u8>, cap: usize) -> io::Result<bool> {
    let mut chunk = [0; 8192];
    let mut truncated = false;
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(truncated);
        }
        let kept = count.min(cap - into.len());
        into.extend_from_slice(&chunk[..kept]);
        truncated |= kept < count;
    }
}
