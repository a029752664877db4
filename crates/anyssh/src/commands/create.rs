//! `anyssh create PROVIDER TARGET`: a session for somebody else to use.

use anyssh_core::{Session, SessionRef};
use anyssh_sdk::{Cancel, Kind};

use crate::console;
use crate::context::Context;
use crate::invocation::On;
use crate::progress::ProgressLine;
use crate::report::Report;
use crate::views::{Secrets, SessionView};

pub(super) async fn run(
    context: &Context<'_>,
    on: &On,
    show_secrets: bool,
    cancel: &Cancel,
) -> Result<u8, Box<Report>> {
    if !show_secrets {
        let message = "there is no record of sessions yet, so a session that is not shown would be lost";
        let report = Report::usage(message).with_field("--show-secrets").with_provider(on.info.name);
        return Err(report.with_hint("add --show-secrets (and --json for programs) to print the credential").boxed());
    }
    let provider = context.provider(on.info, &on.provider_options)?;
    let progress = ProgressLine::start(context, on.info.name);
    let request = provider
        .request(on.target.as_str(), &context.request_options(progress.progress()))
        .map_err(|error| context.report(on.info, &error))?;
    let created = anyssh_sdk::create_unless_cancelled(&provider, &request, cancel).await;
    progress.finish();
    let session = created.map_err(|error| context.report(on.info, &error))?;
    if on.info.capabilities.ends_with_process {
        context.note(&format!("{}: this session ends with this command", on.info.name));
    }
    let shown = show(context, on, &session);
    let Err(report) = shown else { return Ok(0) };
    // Nobody got the credential, so nobody can use or revoke it.
    if let Err(failure) = provider.revoke(&SessionRef::from(&session), anyssh_sdk::clean_up_deadline()).await {
        context.warn(on.info, &failure);
    }
    Err(report)
}

fn show(context: &Context<'_>, on: &On, session: &Session) -> Result<(), Box<Report>> {
    let view = SessionView::new(on.info.name, session, Secrets::Shown)
        .map_err(|message| Report::new(Kind::Protocol, message).with_provider(on.info.name).boxed())?;
    // A reader that went away is a failure here, unlike for a list.
    console::print_all(&view.text(context.options.json)).map_err(|error| {
        let report = console::cannot_write(&error).with_provider(on.info.name).with_target(on.target.as_str());
        report.with_hint("the session was revoked; create it again").boxed()
    })
}
