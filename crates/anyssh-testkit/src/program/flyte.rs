//! Flyte, as a script sets it up.

use serde::Deserialize;
use ssh_key::PublicKey;

use super::Failure;
use super::fault_script::FaultScript;
use super::vendors::{Running, faults, script};
use super::words::Words;
use crate::emulator::{Emulator, FlyteBuilder, FlyteEmulator, Run};

/// The variable that holds the client's secret; the vendor's clients are told its name.
const SECRET: &str = "FLYTE_EMULATOR_CLIENT_SECRET";

/// How the world is, as `--script` says it; each part may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    faults: Vec<FaultScript>,
    /// Names of debug runs, whose pods can be logged in to.
    debug_runs: Vec<String>,
    /// Names of runs that are over: what a relaunch starts from.
    plain_runs: Vec<String>,
    /// Lines of public keys that every pod lets in, beside what `_F_SSH_PK` of a relaunched run says.
    authorized_keys: Vec<String>,
}

/// Starts it. Without runs in the script there is the usual debug run.
pub(super) fn start(words: &Words) -> Result<Box<dyn Running>, Failure> {
    if words.without_gateway {
        return Err(Failure::Usage("flyte has no --without-gateway: its pods start when they are dialled".to_owned()));
    }
    let script: Script = script(words)?;
    let faults = faults(script.faults)?;
    let debug = script.debug_runs.iter().map(|name| Run::new(name));
    let runs = debug.chain(script.plain_runs.iter().map(|name| Run::plain(name)));
    let builder = runs.fold(Emulator::flyte().with_port(words.port), FlyteBuilder::with_run);
    let keys = script.authorized_keys.iter().map(|line| key(line)).collect::<Result<Vec<_>, _>>()?;
    let builder = keys.iter().fold(builder, FlyteBuilder::with_authorized_key);
    let emulator = builder.start_blocking()?;
    faults.into_iter().for_each(|fault| emulator.add_fault(fault));
    Ok(Box::new(Flyte(emulator)))
}

fn key(line: &str) -> Result<PublicKey, Failure> {
    let refused = |error| Failure::Usage(format!("authorized_keys: {line}: {error}"));
    PublicKey::from_openssh(line.trim()).map_err(refused)
}

struct Flyte(FlyteEmulator);

impl Running for Flyte {
    fn variables(&self) -> Vec<(&'static str, String)> {
        let ([org, project, domain], (id, secret)) = (self.0.place(), self.0.client());
        vec![
            ("FLYTE_ADMIN_ENDPOINT", self.0.base_url()),
            ("FLYTE_ADMIN_INSECURE", "true".to_owned()),
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
        self.0.runs()
    }
}
