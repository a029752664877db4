//! One file for each command; here is what they all run in.

mod connect;
mod create;
mod flyte_env;
mod password;
mod providers;
mod regenerate;
mod revoke;
mod targets;
mod tunnel;
mod validate;

use anyssh_core::ProviderInfo;
use anyssh_sdk::{Cancel, Kind};

use crate::context::Context;
use crate::interrupt::Interrupts;
use crate::invocation::Invocation;
use crate::report::Report;

/// Runs an invocation and gives its exit status.
pub(crate) fn run(context: Context<'_>, invocation: &Invocation) -> Result<u8, Box<Report>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Report::local(format!("no runtime could be started: {error}")).boxed())?;
    let result = runtime.block_on(async {
        let (interrupts, cancel) =
            Interrupts::install().map_err(|error| Report::local(format!("no signal handler: {error}")).boxed())?;
        tokio::select! {
            biased;
            result = dispatch(&context, invocation, &cancel) => result,
            () = interrupts.second_interrupt() => Err(Report::new(Kind::Interrupted(2), "interrupted twice: clean-up was not awaited").boxed()),
        }
    });
    // A read of a terminal or a pipe that nobody answers must not keep the process.
    runtime.shutdown_background();
    result
}

async fn dispatch(context: &Context<'_>, invocation: &Invocation, cancel: &Cancel) -> Result<u8, Box<Report>> {
    if let Some((info, options)) = invocation.provider() {
        unless(cancel, info, context.ask_about_files(info, options)).await?;
    }
    match invocation {
        Invocation::Connect { on, flags, command } => connect::run(context, on, flags, command, cancel).await,
        Invocation::Create { on, show_secrets } => create::run(context, on, *show_secrets, cancel).await,
        Invocation::Validate { on, session } => unless(cancel, on.info, validate::run(context, on, session)).await,
        Invocation::Regenerate { on, session, show_secrets } => {
            unless(cancel, on.info, regenerate::run(context, on, session.as_ref(), *show_secrets)).await
        }
        Invocation::Revoke { on, session } => unless(cancel, on.info, revoke::run(context, on, session)).await,
        Invocation::Targets { info, provider_options } => {
            unless(cancel, info, targets::run(context, info, provider_options)).await
        }
        Invocation::Tunnel { on } => tunnel::run(context, on, cancel).await,
        Invocation::Providers => providers::run(context),
        Invocation::FlyteEnv => flyte_env::run(context),
    }
}

/// `work`, unless it is cancelled first.
async fn unless<T>(
    cancel: &Cancel,
    info: &ProviderInfo,
    work: impl Future<Output = Result<T, Box<Report>>>,
) -> Result<T, Box<Report>> {
    tokio::select! {
        biased;
        result = work => result,
        signal = cancel.cancelled() => {
            Err(Report::new(Kind::Interrupted(signal), format!("interrupted by signal {signal}")).with_provider(info.name).boxed())
        }
    }
}
