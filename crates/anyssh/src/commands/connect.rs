//! `anyssh PROVIDER TARGET [-- COMMAND]`: a session, `ssh` on it, and its end.

use anyssh_core::ErrorKind;
use anyssh_openssh::{
    ExitStatus, Helper, HostKeyPolicy, LaunchOptions, Launcher, Outcome, PinStore, RemoteCommand, SshFlags, SshProgram,
};
use anyssh_sdk::{Cancel, Connection, connect};

use crate::context::Context;
use crate::invocation::On;
use crate::progress::ProgressLine;
use crate::prompt;
use crate::report::Report;

pub(super) async fn run(
    context: &Context<'_>,
    on: &On,
    flags: &SshFlags,
    command: &RemoteCommand,
    cancel: &Cancel,
) -> Result<u8, Box<Report>> {
    let in_context = |report: Report| report.with_provider(on.info.name).with_target(on.target.as_str()).boxed();
    // Whatever can fail on this machine fails before anything is created at a provider.
    let launcher = launcher(context).map_err(|report| in_context(*report))?;
    let provider = context.provider(on.info, &on.provider_options)?;
    let options = launch_options(context, flags, command);
    let pins = PinStore::new(context.state_dir.join("pins"));
    let progress = ProgressLine::start(context, on.info.name);
    let host_keys = host_key_policy(context, on, &progress)?;

    let request = provider
        .request(on.target.as_str(), &context.request_options(progress.progress()))
        .map_err(|error| context.report(on.info, &error))?;
    let release_terminal = || progress.finish();
    let connection = Connection::new(&launcher, &options, &host_keys, &pins).with_before_launch(&release_terminal);
    let finished = connect(&provider, &request, &connection, cancel).await;
    progress.finish();

    let finished = finished.map_err(|error| context.report(on.info, &error))?;
    if let Err(failure) = &finished.revocation {
        context.warn(on.info, failure);
    }
    Ok(exit_status(&finished.value))
}

fn launcher(context: &Context<'_>) -> Result<Launcher, Box<Report>> {
    let ssh = match &context.options.ssh {
        Some(path) => SshProgram::at(path),
        None => SshProgram::find(context.environment.raw("PATH")),
    };
    let ssh = ssh.map_err(|error| {
        let hint = "install the OpenSSH client, or name the program with --ssh FILE";
        Report::local(error.to_string()).with_field("ssh").with_hint(hint).boxed()
    })?;
    context.debug(|| format!("ssh program {}", ssh.path().display()));
    let helper = own_path().and_then(|path| Helper::new(path).ok());
    Ok(Launcher::new(ssh, &context.runtime_dir, helper))
}

/// Our own path: ssh starts it for the password prompt.
#[allow(clippy::disallowed_methods, reason = "the command is the one that knows its own program")]
fn own_path() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}

fn launch_options(context: &Context<'_>, flags: &SshFlags, command: &RemoteCommand) -> LaunchOptions {
    let hidden = context.providers.iter().flat_map(|info| info.settings).map(|setting| setting.name.to_owned());
    LaunchOptions::new().with_flags(flags.clone()).with_remote_command(command.clone()).with_hidden_environment(hidden)
}

fn host_key_policy(context: &Context<'_>, on: &On, progress: &ProgressLine) -> Result<HostKeyPolicy, Box<Report>> {
    let accept = context.options.accept_new_host_key
        || context.options.file.provider_flag(on.info.name, "accept_new_host_key")?;
    let _ = (accept, progress, prompt::ask);
    todo_policy()
}

fn exit_status(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::NotAuthenticated(_) => 255,
        Outcome::Ran { status, interrupted_by } => match (status, interrupted_by) {
            (ExitStatus::Exited(255) | ExitStatus::Killed(_), Some(signal)) => 128u8.saturating_add(*signal as u8),
            (ExitStatus::Exited(status), _) => *status,
            (ExitStatus::Killed(signal), None) => 128u8.saturating_add(*signal as u8),
        },
    }
}
