//! The providers that come with anyssh.

use anyssh_core::ProviderInfo;

/// The providers that come with anyssh, in the order in which they are listed.
///
/// It is a plain list: a program with a provider of its own says `[BUILTIN, &[&MINE]].concat()`.
pub const BUILTIN: &[&ProviderInfo] =
    &[&anyssh_dedalus::PROVIDER, &anyssh_flyte::PROVIDER, &anyssh_leap0::PROVIDER, &anyssh_mock::PROVIDER];
