//! `drive`: launches in a process of its own, which a test can signal, kill or give a terminal.
//!
//! `drive BASE SSH PORT USER CREDENTIAL RESULT [COMMAND]` with CREDENTIAL `key` or `password`. The
//! outcome is written to the file RESULT; the log goes to stderr.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyssh_core::{Credential, HostTrust, Password};
use anyssh_openssh::{Helper, LaunchOptions, Launcher, SshFlags, SshProgram, Terminal};

use crate::support::{
    HOST_SEED, PASSWORD, USER_SEED, block_on, command, host_key, key, session, soon, this_program, write,
};

pub(crate) fn main(arguments: &[String]) -> ExitCode {
    let [base, ssh, port, user, credential, result, command_line @ ..] = arguments else { panic!("{arguments:?}") };
    let credential = match credential.as_str() {
        "key" => Credential::Key(Arc::new(key(USER_SEED))),
        _ => Credential::Password(Password::parse("password", PASSWORD.into()).unwrap()),
    };
    let session = session(port.parse().unwrap(), user, HostTrust::Pinned(vec![host_key(HOST_SEED)]), credential);
    let launcher = Launcher::new(SshProgram::at(ssh).unwrap(), base).with_helper(Helper::new(this_program()).unwrap());
    let options = match command_line {
        [] => LaunchOptions::new().with_flags(SshFlags { terminal: Terminal::Request, ..SshFlags::default() }),
        [line, ..] => command(line),
    };
    let outcome = block_on(launcher.run(&session, &options, soon(), &mut |line| eprintln!("{line}")));
    let partial = PathBuf::from(format!("{result}.partial"));
    write(&partial, &format!("{outcome:?}"), 0o600);
    std::fs::rename(partial, result).unwrap();
    ExitCode::SUCCESS
}
