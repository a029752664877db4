//! Flyte, as a script sets it up.

use std::time::Duration;

use serde::Deserialize;
use ssh_key::PublicKey;

use super::Failure;
use super::boot_script::{StageScript, boot};
use super::fault_script::FaultScript;
use super::script::script;
use super::vendors::{Running, faults};
use super::words::Words;
use crate::emulator::{Cut, Emulator, FlyteBuilder, FlyteEmulator, Phase, RpcLogin, Run, TokenForm, Watching};

/// The variable that holds the client's secret; the vendor's clients are told its name.
const SECRET: &str = "FLYTE_EMULATOR_CLIENT_SECRET";

/// How the world is, as `--script` says it; each part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    faults: Vec<FaultScript>,
    /// Debug runs, whose pods can be logged in to.
    runs: Vec<RunScript>,
    /// Names of debug runs that are up at once.
    debug_runs: Vec<String>,
    /// Names of runs that are over: what a relaunch starts from.
    plain_runs: Vec<String>,
    /// How runs come up that a relaunch starts.
    relaunched: Vec<StageScript>,
    /// Lines of public keys that every pod lets in, beside what `_F_SSH_PK` of a relaunched run says.
    authorized_keys: Vec<String>,
    /// Of tokens.
    lifetime_seconds: Option<u64>,
    token_form: Option<TokenFormScript>,
    /// Whether each call needs a token.
    login_required: bool,
    tls: bool,
    clock_ahead_seconds: i64,
    tunnels: Option<TunnelScript>,
    watching: Option<WatchingScript>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunScript {
    name: String,
    #[serde(default)]
    boot: Vec<StageScript>,
}

/// What becomes of each tunnel: it is cut after so many bytes, both ways together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TunnelScript {
    cut_after: u64,
    cut: CutScript,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CutScript {
    Close,
    Fin,
    Rst,
    Silence,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenFormScript {
    Jwt,
    Opaque,
    OpaqueForever,
}

/// What becomes of streams, after so many messages.
#[derive(Clone, Copy, Debug, Deserialize)]
enum WatchingScript {
    #[serde(rename = "silent_after")]
    Silent(u32),
    #[serde(rename = "cut_after")]
    Cut(u32),
    #[serde(rename = "ends_after")]
    Ends(u32),
}

/// What a relaunch may start from where the script has no runs.
const PLAIN_RUN: &str = "newt";

/// Starts it. Without runs in the script there are the usual debug run and one that a relaunch may start from.
pub(super) fn start(words: &Words) -> Result<Box<dyn Running>, Failure> {
    if words.without_gateway {
        return Err(Failure::Usage("flyte has no --without-gateway: its pods start when they are dialled".to_owned()));
    }
    let mut script: Script = script(words)?;
    let faults = faults(std::mem::take(&mut script.faults))?;
    let keys = script.authorized_keys.iter().map(|line| key(line)).collect::<Result<Vec<_>, _>>()?;
    let builder = keys.iter().fold(Emulator::flyte().with_port(words.port), FlyteBuilder::with_authorized_key);
    let builder = runs(&script)?.into_iter().fold(builder, FlyteBuilder::with_run);
    let emulator = with(builder, &script)?.start_blocking()?;
    if let Some(tunnels) = &script.tunnels {
        emulator.cut_after(Some((tunnels.cut_after, cut(tunnels.cut))));
    }
    if let Some(watching) = script.watching {
        emulator.set_watching(self::watching(watching));
    }
    faults.into_iter().for_each(|fault| emulator.add_fault(fault));
    Ok(Box::new(Flyte(emulator)))
}

fn runs(script: &Script) -> Result<Vec<Run>, Failure> {
    let staged = script.runs.iter().map(|run| Ok(Run::new(&run.name).with_boot(boot("runs: boot", &run.boot)?)));
    let debug = script.debug_runs.iter().map(|name| Ok(Run::new(name)));
    let plain = script.plain_runs.iter().map(|name| Ok(Run::plain(name)));
    let runs = staged.chain(debug).chain(plain).collect::<Result<Vec<_>, Failure>>()?;
    Ok(if runs.is_empty() { vec![Run::default(), Run::plain(PLAIN_RUN)] } else { runs })
}

fn with(mut builder: FlyteBuilder, script: &Script) -> Result<FlyteBuilder, Failure> {
    builder = builder.with_boot(boot("relaunched", &script.relaunched)?).with_clock_ahead(script.clock_ahead_seconds);
    let form = match script.token_form {
        None | Some(TokenFormScript::Jwt) => TokenForm::Jwt,
        Some(TokenFormScript::Opaque) => TokenForm::Opaque,
        Some(TokenFormScript::OpaqueForever) => TokenForm::OpaqueForever,
    };
    builder = builder.with_tokens(form, Duration::from_secs(script.lifetime_seconds.unwrap_or(3600)));
    if script.login_required {
        builder = builder.with_rpc_login(RpcLogin::Required);
    }
    Ok(if script.tls { builder.with_tls() } else { builder })
}

fn cut(script: CutScript) -> Cut {
    match script {
        // "Going away" (RFC 6455 §7.4.1).
        CutScript::Close => Cut::CloseFrame(1001),
        CutScript::Fin => Cut::Fin,
        CutScript::Rst => Cut::Rst,
        CutScript::Silence => Cut::BlackHole,
    }
}

fn watching(script: WatchingScript) -> Watching {
    match script {
        WatchingScript::Silent(0) => Watching::Silent,
        WatchingScript::Silent(count) => Watching::SilentAfter(count),
        WatchingScript::Cut(count) => Watching::CutAfter(count),
        WatchingScript::Ends(count) => Watching::EndsAfter(count),
    }
}

fn key(line: &str) -> Result<PublicKey, Failure> {
    let refused = |_| Failure::Script(format!("authorized_keys: {line:?}: expected one line of a public key file"));
    PublicKey::from_openssh(line.trim()).map_err(refused)
}

struct Flyte(FlyteEmulator);

impl Running for Flyte {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let ([org, project, domain], (id, secret)) = (self.0.place(), self.0.client());
        let tls = match self.0.ca_file() {
            Some(file) => ("FLYTE_ADMIN_CACERTFILEPATH", file.display().to_string()),
            None => ("FLYTE_ADMIN_INSECURE", "true".to_owned()),
        };
        vec![
            ("FLYTE_ADMIN_ENDPOINT", self.0.base_url()),
            tls,
            ("FLYTE_ADMIN_AUTHTYPE", "ClientSecret".to_owned()),
            ("FLYTE_ADMIN_CLIENTID", id.to_owned()),
            ("FLYTE_ADMIN_CLIENTSECRETENVVAR", SECRET.to_owned()),
            (SECRET, secret.to_owned()),
            ("FLYTE_TASK_ORG", org.to_owned()),
            ("FLYTE_TASK_PROJECT", project.to_owned()),
            ("FLYTE_TASK_DOMAIN", domain.to_owned()),
        ]
    }

    fn targets(&self) -> Vec<String> {
        let is_over = |run: &str| self.0.phase(run, "a0").is_some_and(Phase::is_over);
        let told = |run: String| if is_over(&run) { format!("{run} (over: to be started again)") } else { run };
        self.0.runs().into_iter().map(told).collect()
    }
}
