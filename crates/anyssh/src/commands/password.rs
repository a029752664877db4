//! A session that the user names, with the password that comes through a file descriptor.

use std::fs::File;
use std::io::Read;

use anyssh_core::secrecy::SecretString;
use anyssh_core::{Password, SessionRef};
use anyssh_sdk::Kind;

use crate::context::Context;
use crate::invocation::{Named, On};
use crate::report::Report;

/// More than any password has; a longer input is refused by the password's own rule.
const LONGEST: u64 = 4096;

/// The reference that the provider is asked about.
pub(super) async fn session_ref(context: &Context<'_>, on: &On, named: &Named) -> Result<SessionRef, Box<Report>> {
    let session = SessionRef::by_id(on.target.clone(), named.id.clone());
    let Some(descriptor) = named.password_fd else { return Ok(session) };
    let in_context = |report: Report| report.with_field("--password-fd").with_provider(on.info.name).boxed();
    let read = tokio::task::spawn_blocking(move || read_password(descriptor));
    let text = match tokio::time::timeout_at(context.deadline.instant().into(), read).await {
        Ok(Ok(Ok(text))) => text,
        Ok(Ok(Err(error))) => return Err(in_context(Report::usage(format!("--password-fd: cannot be read: {error}")))),
        Ok(Err(_)) => return Err(in_context(Report::local("--password-fd: the reader failed"))),
        Err(_) => {
            return Err(in_context(Report::new(Kind::Timeout, "timeout: no password came through --password-fd")));
        }
    };
    let password =
        Password::parse("--password-fd", text).map_err(|error| in_context(Report::usage(error.to_string())))?;
    Ok(session.with_password(password.secret().clone()))
}

/// All of the input, without one final newline.
fn read_password(descriptor: i32) -> std::io::Result<SecretString> {
    // One allocation of full size: a buffer that grows would leave copies of the secret behind (K6).
    let mut text = String::with_capacity(LONGEST as usize);
    match descriptor {
        0 => std::io::stdin().lock().take(LONGEST).read_to_string(&mut text)?,
        number => File::open(format!("/dev/fd/{number}"))?.take(LONGEST).read_to_string(&mut text)?,
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(SecretString::from(text))
}
