//! The command with one provider more, as anybody outside would build it. The end-to-end tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    anyssh::main(&[anyssh::BUILTIN, &[&anyssh_tests::guest::PROVIDER]].concat())
}
