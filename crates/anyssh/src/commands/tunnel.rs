//! `anyssh tunnel PROVIDER TARGET`: raw bytes of a session's transport on the standard streams, as ssh wants
//! them from a ProxyCommand.

use anyssh_sdk::{Cancel, Stdio, carry};

use crate::context::Context;
use crate::invocation::On;
use crate::progress::ProgressLine;
use crate::report::Report;

pub(super) async fn run(context: &Context<'_>, on: &On, cancel: &Cancel) -> Result<u8, Box<Report>> {
    let provider = context.provider(on.info, &on.provider_options)?;
    let mut stdio = Stdio::of_process().map_err(|error| Report::local(error.to_string()).boxed())?;
    let progress = ProgressLine::start(context, on.info.name);
    let request = provider
        .request(on.target.as_str(), &context.request_options(progress.progress()))
        .map_err(|error| context.report(on.info, &error))?;
    let carried = carry(&provider, &request, &mut stdio, &|| progress.finish(), cancel).await;
    progress.finish();
    let finished = carried.map_err(|error| context.report(on.info, &error))?;
    if let Err(failure) = finished.revocation {
        context.warn(on.info, &failure);
    }
    Ok(0)
}
