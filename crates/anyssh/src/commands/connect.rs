//! `anyssh PROVIDER TARGET [-- COMMAND]`: a session, `ssh` on it, and its end.

use anyssh_openssh::{
    ExitStatus, Helper, HostKeyPolicy, LaunchOptions, Launcher, NewKey, NotAuthenticated, Outcome, PrivateDir, Reason,
    RemoteCommand, SshFlags, SshProgram, TrustError,
};
use anyssh_sdk::{Cancel, Connection, connect};

use crate::context::Context;
use crate::invocation::On;
use crate::progress::ProgressLine;
use crate::report::Report;
use crate::{console, hints, prompt};

pub(super) async fn run(
    context: &Context<'_>,
    on: &On,
    flags: &SshFlags,
    command: &RemoteCommand,
    cancel: &Cancel,
) -> Result<u8, Box<Report>> {
    // Whatever can fail on this machine fails before anything is created at a provider.
    let launcher = launcher(context, on)?;
    log_version(context, &launcher).await;
    let host_keys = host_keys(context, on)?;
    let provider = context.provider(on.info, &on.provider_options)?;
    // After the provider is built: by then it has looked up what its files name.
    let options = launch_options(context, flags, command);
    let progress = ProgressLine::start(context, on.info.name);
    let request = provider
        .request(on.target.as_str(), &context.request_options(progress.progress()))
        .map_err(|error| context.report(on.info, &error))?;

    let notes = progress.notes();
    let release_terminal = || progress.finish();
    let ask = |question| {
        progress.finish();
        prompt::ask(question)
    };
    let show = console::log_line;
    let mut connection = Connection::new(&launcher, &options, &context.state_dir)
        .with_host_keys(&host_keys)
        .with_notes(&notes)
        .with_before_launch(&release_terminal)
        .with_show(&show);
    if prompt::is_possible() {
        connection = connection.with_ask(&ask);
    }
    let finished = connect(&provider, &request, &connection, cancel).await;
    progress.finish();

    let finished = finished.map_err(|error| {
        let mut report = context.report(on.info, &error);
        if let Some(TrustError::NeedsYes(question)) = error.trust_error()
            && let Some(hint) = hints::agree(&question.fingerprint, context.words)
        {
            report = report.with_hint(hint).boxed();
        }
        match error.not_authenticated().and_then(killed_by) {
            Some(signal) => report.with_exit_status(by_signal(signal)).boxed(),
            None => report,
        }
    })?;
    context.debug(|| format!("{:?}, {:?}", finished.value, finished.revocation.as_ref().ok()));
    if let Outcome::Ran { gateway_said: Some(line), .. } = &finished.value {
        warn_of_gateway(context, on, line);
    }
    if let Err(failure) = &finished.revocation {
        context.warn(on.info, failure);
    }
    Ok(exit_status(&finished.value, flags.no_command))
}

/// The line itself went to stderr as `ssh` passed it on, and the exit status is the gateway's.
fn warn_of_gateway(context: &Context<'_>, on: &On, line: &str) {
    Report::gateway(line, on.info).with_target(on.target.as_str()).warn(context.options.error_format);
}

fn launcher(context: &Context<'_>, on: &On) -> Result<Launcher, Box<Report>> {
    let ssh = match &context.options.ssh {
        Some(path) => SshProgram::at(path),
        None => SshProgram::find(context.environment.raw("PATH")),
    };
    let ssh = ssh.map_err(|error| {
        let hint = "install the OpenSSH client, or name the program with --ssh FILE";
        let report = Report::local(error.to_string()).with_field("ssh").with_hint(hint);
        report.with_provider(on.info.name).with_target(on.target.as_str()).boxed()
    })?;
    context.debug(|| {
        format!("ssh is {}, private files are below {}", ssh.path().display(), context.runtime_dir.display())
    });
    if context.runtime_dir.starts_with(&context.state_dir) {
        // The launch looks at its own directory; the one above it is ours as well (F1).
        PrivateDir::open(&context.state_dir).map_err(|error| {
            let report = Report::local(format!("private directory: {error}")).with_hint(hints::ANOTHER_DIRECTORY);
            report.with_provider(on.info.name).with_target(on.target.as_str()).boxed()
        })?;
    }
    let launcher = Launcher::new(ssh, &context.runtime_dir);
    // Without a helper only sessions with a certificate or key can be used; the launch says so.
    Ok(match own_path().map(Helper::new) {
        Some(Ok(helper)) => launcher.with_helper(helper),
        Some(Err(error)) => {
            context.debug(|| format!("no helper: {error}"));
            launcher
        }
        None => launcher,
    })
}

/// Which OpenSSH it is (P5), asked only by who wants to know: it costs a process.
async fn log_version(context: &Context<'_>, launcher: &Launcher) {
    if context.options.debug {
        let version = launcher.ssh().version(context.deadline).await;
        context.debug(|| match version {
            Ok(version) => format!("ssh is OpenSSH {version}"),
            Err(error) => format!("ssh's version is not known: {error}"),
        });
    }
}

/// Our own path: ssh starts it for the password prompt.
#[allow(clippy::disallowed_methods, reason = "the command is the one that knows its own program")]
fn own_path() -> Option<std::path::PathBuf> {
    std::env::current_exe().ok()
}

fn launch_options(context: &Context<'_>, flags: &SshFlags, command: &RemoteCommand) -> LaunchOptions {
    let hidden = context.hidden_variables();
    LaunchOptions::new().with_flags(flags.clone()).with_remote_command(command.clone()).with_hidden_environment(hidden)
}

fn host_keys(context: &Context<'_>, on: &On) -> Result<HostKeyPolicy, Box<Report>> {
    let options = &context.options;
    let accept = options.accept_new_host_key || options.file.provider_flag(on.info.name, "accept_new_host_key")?;
    let new_key = if accept { NewKey::Accept } else { NewKey::Ask };
    // It was parsed once when the options were read.
    let fingerprint = options.host_key.as_ref().and_then(|text| text.parse().ok());
    Ok(HostKeyPolicy { fingerprint, new_key })
}

/// ssh(1), EXIT STATUS: the remote status, or 255 for ssh's own failures; 128+N for a killed ssh.
/// With `-N` there is no remote status, and ssh ends with 0 when a signal ends it.
fn exit_status(outcome: &Outcome, no_command: bool) -> u8 {
    match outcome {
        Outcome::Ran { interrupted_by: Some(signal), .. } if no_command => by_signal(*signal),
        Outcome::NotAuthenticated(ended) => killed_by(ended).map_or(255, by_signal),
        Outcome::Ran {
            status: ExitStatus::Exited(255) | ExitStatus::Killed(_), interrupted_by: Some(signal), ..
        } => by_signal(*signal),
        Outcome::Ran { status: ExitStatus::Exited(status), .. } => *status,
        Outcome::Ran { status: ExitStatus::Killed(signal), .. } => by_signal(*signal),
    }
}

/// The signal that ended an ssh which was not let in. One that we killed ourselves, because it asked
/// something else than the password or asked twice, is none.
fn killed_by(ended: &NotAuthenticated) -> Option<i32> {
    match (&ended.reason, ended.interrupted_by, ended.status) {
        (Reason::UnexpectedPrompt(_) | Reason::AskedAgain(_), _, _) | (_, Some(_), _) => None,
        (_, None, ExitStatus::Killed(signal)) => Some(signal),
        (_, None, _) => None,
    }
}

fn by_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P9: the table of exit statuses.
    #[test]
    fn the_remote_status_is_untouched_and_signals_are_128_and_more() {
        let ran =
            |status, interrupted_by| exit_status(&Outcome::Ran { status, interrupted_by, gateway_said: None }, false);
        for status in [0, 1, 2, 126, 127, 130, 255] {
            assert_eq!(ran(ExitStatus::Exited(status), None), status);
        }
        assert_eq!(ran(ExitStatus::Exited(7), Some(2)), 7);
        assert_eq!(ran(ExitStatus::Exited(255), Some(15)), 143);
        assert_eq!(ran(ExitStatus::Killed(9), None), 137);
        assert_eq!(ran(ExitStatus::Killed(1), Some(2)), 130);
    }
}
