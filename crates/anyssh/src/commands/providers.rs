//! `anyssh providers`: what there is, what each needs and what each can do. No request is made.

use crate::console;
use crate::context::Context;
use crate::report::Report;
use crate::views;

pub(super) fn run(context: &Context<'_>) -> Result<u8, Box<Report>> {
    let is_set = |info: &anyssh_core::ProviderInfo, name: &str| context.is_set(info, name);
    console::print(&views::providers(context.providers, is_set, context.options.json))?;
    Ok(0)
}
