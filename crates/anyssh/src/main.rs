//! The command: `anyssh <provider> <target>`.

use std::process::ExitCode;

fn main() -> ExitCode {
    anyssh::main(anyssh::BUILTIN)
}
