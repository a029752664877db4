//! The command with one provider more, as anybody outside would build it. The end-to-end tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let builtin = anyssh::BUILTIN.iter().map(|info| anyssh_tests::quiet_mock::in_place_of(info));
    let providers: Vec<_> = builtin.chain([&anyssh_tests::guest::PROVIDER]).collect();
    anyssh::main(&providers)
}
