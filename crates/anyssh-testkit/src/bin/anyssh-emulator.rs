//! A vendor's control plane and SSH gateway on loopback, for tests in any language.

use std::process::ExitCode;

fn main() -> ExitCode {
    anyssh_testkit::program::main()
}
