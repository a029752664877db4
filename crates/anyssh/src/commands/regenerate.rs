//! `anyssh regenerate PROVIDER TARGET --session-id ID`: a new credential, the old one dead.
//!
//! Where the provider can take over a credential that nobody here knows, no id is needed.

use anyssh_core::SessionRef;
use anyssh_sdk::Kind;

use super::password::session_ref;
use crate::console;
use crate::context::Context;
use crate::invocation::{Named, On};
use crate::progress::ProgressLine;
use crate::report::Report;
use crate::views::{Secrets, SessionView};

pub(super) async fn run(
    context: &Context<'_>,
    on: &On,
    named: Option<&Named>,
    show_secrets: bool,
) -> Result<u8, Box<Report>> {
    let provider = context.provider(on.info, &on.provider_options)?;
    let named = match named {
        Some(named) => Some(session_ref(context, on, named).await?),
        None => None,
    };
    let progress = ProgressLine::start(context, on.info.name);
    let request = provider
        .request(on.target.as_str(), &context.request_options(progress.progress()))
        .map_err(|error| context.report(on.info, &error))?;
    // An attempt that made nothing: whatever is there is meant.
    let session = named.unwrap_or_else(|| SessionRef::by_attempt(on.target.clone(), request.attempt.clone()));
    let regenerated = provider.regenerate(&session, &request).await;
    progress.finish();
    let regenerated = regenerated.map_err(|error| context.report(on.info, &error))?;
    if let Some(alive) = &regenerated.still_alive {
        let hint = format!("anyssh revoke {} {} --session-id {alive}", on.info.name, on.target);
        let warning = Report::new(Kind::Unavailable, format!("the old session {alive} may still live"));
        let warning = warning.with_provider(on.info.name).with_target(on.target.as_str()).with_hint(hint);
        warning.warn(context.options.error_format);
    }
    if on.info.capabilities.old_credential_stays {
        context.note("the old credential is good until it ends by itself: this provider cannot end it");
    }
    if !show_secrets {
        context.note("the new credential is not shown; --show-secrets prints it");
    }
    let secrets = if show_secrets { Secrets::Shown } else { Secrets::Hidden };
    let view = SessionView::new(on.info.name, &regenerated.session, secrets)
        .map_err(|message| Report::new(Kind::Protocol, message).with_provider(on.info.name).boxed())?;
    console::print(&view.text(context.options.json))?;
    Ok(0)
}
