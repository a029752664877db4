//! `anyssh validate PROVIDER TARGET --session-id ID`: exit 0 valid, 1 not valid.

use anyssh_core::Validity;

use super::password::session_ref;
use crate::console;
use crate::context::Context;
use crate::invocation::{Named, On};
use crate::report::Report;
use crate::views;

pub(super) async fn run(context: &Context<'_>, on: &On, named: &Named) -> Result<u8, Box<Report>> {
    let provider = context.provider(on.info, &on.provider_options)?;
    if on.info.capabilities.validate_needs_password && named.password_fd.is_none() {
        let report = Report::usage("this provider can only validate a session with its password");
        let hint = "give it with --password-fd N, or --password-fd - for standard input";
        return Err(report.with_field("--password-fd").with_hint(hint).with_provider(on.info.name).boxed());
    }
    let session = session_ref(context, on, named).await?;
    let validity =
        provider.validate(&session, context.deadline).await.map_err(|error| context.report(on.info, &error))?;
    console::print(&views::validity(&validity, context.options.json))?;
    Ok(match validity {
        Validity::Valid { .. } => 0,
        Validity::Invalid { .. } => 1,
    })
}
