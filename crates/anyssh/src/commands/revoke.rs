//! `anyssh revoke PROVIDER TARGET --session-id ID`: ends a session at the provider; never asks.

use super::password::session_ref;
use crate::console;
use crate::context::Context;
use crate::invocation::{Named, On};
use crate::report::Report;
use crate::views;

pub(super) async fn run(context: &Context<'_>, on: &On, named: &Named) -> Result<u8, Box<Report>> {
    let provider = context.provider(on.info, &on.provider_options)?;
    let session = session_ref(context, on, named).await?;
    let revocation =
        provider.revoke(&session, context.deadline).await.map_err(|error| context.report(on.info, &error))?;
    console::print(&views::revocation(&named.id, revocation, context.options.json))?;
    Ok(0)
}
