//! The emulator as a program. The tests run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    anyssh_testkit::program::main()
}
