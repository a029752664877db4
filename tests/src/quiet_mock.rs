//! The mock provider with an account whose shell has no start-up files: what `.bashrc` and its like print
//! on somebody's machine is no part of any test.

use std::sync::Arc;

use anyssh_core::{ProviderError, ProviderInfo};
use anyssh_mock::{Account, MockProvider};

/// `mock`, but for the account that its commands run in.
static QUIET: ProviderInfo = ProviderInfo::new(anyssh_mock::PROVIDER.name, anyssh_mock::PROVIDER.summary, |_| {
    let provider = MockProvider::new();
    let account = Account::current().map(|own| Account::new(own.name, NO_FILES, SHELL));
    Ok(Arc::new(match account {
        Some(account) => provider.with_account(account),
        None => provider,
    }))
})
.with_target_form(anyssh_mock::PROVIDER.target_form)
.with_capabilities(anyssh_mock::PROVIDER.capabilities)
.with_directory(|settings| match anyssh_mock::PROVIDER.directory(settings) {
    Some(directory) => directory,
    None => Err(ProviderError::unsupported("mock does not list its targets")),
});

/// A home without dot files, and a shell that reads none for a command.
const NO_FILES: &str = "/";
const SHELL: &str = "/bin/sh";

/// `info`, or the quiet one if it is `mock`.
pub fn in_place_of(info: &'static ProviderInfo) -> &'static ProviderInfo {
    if info.name == QUIET.name { &QUIET } else { info }
}
