//! `anyssh targets PROVIDER`: what there is to connect to.

use anyssh_core::ProviderInfo;

use crate::console;
use crate::context::Context;
use crate::invocation::ProviderOptions;
use crate::report::Report;
use crate::views;

pub(super) async fn run(
    context: &Context<'_>,
    info: &'static ProviderInfo,
    provider_options: &ProviderOptions,
) -> Result<u8, Box<Report>> {
    let provider = context.provider(info, provider_options)?;
    let targets = provider.targets(context.deadline).await.map_err(|error| context.report(info, &error))?;
    console::print(&views::targets(&targets, context.options.json))?;
    Ok(0)
}
