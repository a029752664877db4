//! Tokens that a command of the user's prints.
//!
//! It is the one program that this provider starts, and only where a trusted configuration names it
//! (T8a). It gets no standard input, and what it prints to its standard error is seen when it fails.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyssh_core::{Deadline, ErrorKind, ProviderError, escape};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::AuthError;
use super::oauth::{Minted, parse_token};

/// The most that is read of each of the command's outputs, in bytes.
const LARGEST_OUTPUT: u64 = 64 * 1024;

/// Runs `command` and takes what it prints for a token. `field` is the setting that named it.
pub(crate) async fn mint(field: &'static str, command: &[String], deadline: Deadline) -> Result<Minted, AuthError> {
    let output = run(field, command, deadline).await?;
    let text = SecretString::from(String::from_utf8(output.stdout).unwrap_or_default().trim().to_owned());
    if !output.status.success() {
        return Err(AuthError::Rejected(format!(
            "{field}: the command failed ({}){}",
            output.status,
            last_line(&output.stderr)
        )));
    }
    let token = parse_token(field, text).map_err(|_| {
        let message = format!("{field}: the command printed no token: expected one word of visible characters");
        ProviderError::new(ErrorKind::Unauthenticated, message).with_field(field)
    })?;
    Ok(Minted::alone(field, token).map_err(ProviderError::config)?)
}

async fn run(field: &'static str, command: &[String], deadline: Deadline) -> Result<Output, ProviderError> {
    let local = |why: String| ProviderError::new(ErrorKind::Local, format!("{field}: {why}")).with_field(field);
    let Some((program, arguments)) = command.split_first() else {
        return Err(local("there is no command".to_owned()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| local(format!("{} cannot be started: {error}", escape::quoted(program))))?;
    let end = Instant::from_std(deadline.instant()).max(Instant::now() + Duration::from_millis(1));
    match timeout_at(end, output_of(&mut child)).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(local(format!("the command's output cannot be read: {error}"))),
        Err(_) => Err(ProviderError::new(ErrorKind::TimedOut, format!("{field}: the command did not end in time"))),
    }
}

async fn output_of(child: &mut Child) -> std::io::Result<Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    Ok(Output { status: child.wait().await?, stdout, stderr })
}

/// Reads to the end, and keeps the beginning.
async fn read(from: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return Ok(kept) };
    (&mut from).take(LARGEST_OUTPUT).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// `: …`, what the command last said, fit to be shown.
fn last_line(stderr: &[u8]) -> String {
    let line = stderr.trim_ascii().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.is_empty() { String::new() } else { format!(": {}", escape::printable_bytes(line, escape::MESSAGE_CAP)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    async fn printed(script: &str, milliseconds: u64) -> Result<Minted, AuthError> {
        let deadline = Deadline::at(std::time::Instant::now() + Duration::from_millis(milliseconds));
        mint("admin.command", &["/bin/sh".into(), "-c".into(), script.into()], deadline).await
    }

    #[tokio::test]
    async fn what_a_command_prints_is_the_token() {
        let minted = printed("echo ' tok.en '; echo said >&2", 9000).await.unwrap();
        assert_eq!((minted.access_token.expose_secret(), minted.expires_at), ("tok.en", None));
    }

    /// K6, S10: its failure is told with what it said, escaped, and never with what it printed.
    #[tokio::test]
    async fn a_command_that_fails_is_told_without_its_output() {
        let error = printed(r"printf hunter22; printf 'first\nno \033[2Jluck' >&2; exit 3", 9000).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, AuthError::Rejected(_)) && text.contains("status: 3"), "{text}");
        assert!(text.ends_with(r"no \x1b[2Jluck") && !text.contains("hunter22"), "{text}");
        for script in ["true", "echo hunter22 b", r"printf 'hunter22\001'", "yes hunter22 | head -c 100000"] {
            let text = printed(script, 9000).await.unwrap_err().to_string();
            assert!(text.contains("printed no token") && !text.contains("hunter22"), "{text}");
        }
        let deadline = Deadline::at(std::time::Instant::now() + Duration::from_secs(9));
        let error = mint("admin.command", &["/nonexistent".into()], deadline).await.unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
    }

    /// N3: a command that does not end is ended at the deadline.
    #[tokio::test]
    async fn a_command_that_hangs_ends_at_the_deadline() {
        let error: ProviderError = printed("exec sleep 600", 200).await.unwrap_err().into();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }

    /// And it is not left behind: the end of its output comes with its own end.
    #[tokio::test]
    async fn a_command_that_hangs_is_not_left_behind() {
        let scratch = tempfile::tempdir().unwrap();
        let fifo = scratch.path().join("alive");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let reader = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&fifo).unwrap();
        let script = format!("exec 9> {}; echo x >&9; exec sleep 30", fifo.display());
        printed(&script, 500).await.unwrap_err();
        let end = tokio::time::timeout(Duration::from_secs(10), read(Some(reader))).await;
        assert_eq!(end.unwrap().unwrap(), b"x\n");
    }
}
