//! `SSHDebug.connect` of `flyteplugins-union`, and `ssh` through its `flyte-ws-proxy`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyssh_testkit::emulator::{Boot, Emulator, Fault, FlyteBuilder, FlyteEmulator, Phase, Run, Snapshot};
use anyssh_testkit::{Home, key};
use serde_json::{Value, json};
use ssh_key::LineEnding;

use super::PodSide;
use super::pod_side::FLYTE;
use super::program;

const RUN: &str = "pond-dbg";

/// A run that is not up at once, with a route that is late.
fn emulator() -> FlyteBuilder {
    let boot = Boot::with(Snapshot::in_phase(Phase::Initializing)).shown(2).then(Snapshot::serving());
    Emulator::flyte().with_run(Run::new(RUN).with_boot(boot)).with_authorized_key(key(1).public_key())
}

/// Where the client goes, and as whom.
struct Place<'a> {
    url: String,
    /// Organization, project, domain.
    names: [&'a str; 3],
    client: (&'a str, &'a str),
    authority: Option<PathBuf>,
}

impl<'a> Place<'a> {
    fn of(emulator: &'a FlyteEmulator) -> Self {
        let (names, client) = (emulator.place(), emulator.client());
        Self { url: emulator.base_url(), names, client, authority: emulator.ca_file() }
    }

    /// As the program's lines say.
    fn told(emulator: &'a program::Emulator) -> Self {
        let said = |name| emulator.variable(name);
        let secret = said(said("FLYTE_ADMIN_CLIENTSECRETENVVAR"));
        Self {
            url: said("FLYTE_ADMIN_ENDPOINT").to_owned(),
            names: ["FLYTE_TASK_ORG", "FLYTE_TASK_PROJECT", "FLYTE_TASK_DOMAIN"].map(said),
            client: (said("FLYTE_ADMIN_CLIENTID"), secret),
            authority: None,
        }
    }

    /// What the client says, which is at home here and has `key(1)` already.
    fn connect(&self, home: &Home) -> Value {
        let directory = home.home().join(".flyte/ssh-debug");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap();
        put(&directory.join("id_ed25519"), &key(1).to_openssh(LineEnding::LF).unwrap());
        put(&directory.join("id_ed25519.pub"), &key(1).public_key().to_openssh().unwrap());
        let ([org, project, domain], (client, secret)) = (self.names, self.client);
        let (at, config) = (home.home(), home.home().join("ssh_config"));
        let (at, config) = (at.to_string_lossy(), config.to_string_lossy());
        let authority = self.authority.as_ref().map(|file| file.to_string_lossy());
        let words = [&at, &*self.url, org, project, domain, client, secret, RUN, &config];
        FLYTE.run("flyte_sdk.py", &words.into_iter().chain(authority.as_deref()).collect::<Vec<_>>())
    }

    /// What the client's block makes of `ssh flyte-debug`.
    fn ssh(&self, home: &Home, remote: &str) -> Output {
        let mut command = home.command("ssh");
        command.envs(self.authority.as_ref().map(|file| ("SSL_CERT_FILE", file)));
        command.arg("-F").arg(home.home().join("ssh_config")).args(["-oIdentityAgent=none", "flyte-debug", remote]);
        command.stdin(Stdio::null()).output().unwrap()
    }

    #[track_caller]
    fn runs_commands(&self, home: &Home) {
        let output = self.ssh(home, "cd; echo out; echo err >&2; exit 7");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), &*out), (Some(7), "out\n"), "{err}");
        assert!(err.contains("err\n"), "{err}");
    }
}

fn put(path: &Path, text: &str) {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_official_client_waits_connects_and_keeps_an_api_key() {
    let emulator = emulator().start_blocking().unwrap();
    emulator.add_fault(Fault::on("GET", &format!("/pods/{RUN}/a0/1")).status(404).times(2));
    let home = Home::new().unwrap();
    let said = Place::of(&emulator).connect(&home);

    assert_eq!(said["run"], json!([RUN, "a0"]));
    let url = format!("{}/pods/{RUN}/a0/1", emulator.gateway_url());
    assert_eq!(said["wss_url"], url.replacen("http", "ws", 1));
    let token = said["token"].as_str().unwrap();
    assert_eq!(said["headers"], format!("Authorization: Bearer {token}\n"));
    assert_eq!((&said["same_token"], &said["refreshed"]), (&json!(true), &json!(true)));
    let line = key(1).public_key().to_openssh().unwrap();
    assert_eq!(said["launch_env"], json!({"_F_E_SSH": "1", "_F_SSH_PK": line, "_F_E_VS": "True", "EXTRA": "1"}));
    assert_eq!((&said["client_name"], &said["deleted"]), (&json!("debug-key"), &Value::Null));
    assert_eq!((&said["api_key"], &said["gone"]), (&said["kept_api_key"], &json!("ConnectError")));
    assert!(said["no_such_run"].is_string(), "{said}");
    // Nothing else went wrong, and everything was sent in protobuf's binary form.
    let refused = emulator.requests().into_iter().filter(|request| !matches!(request.status, Some(101 | 200)));
    let refused: Vec<_> = refused.map(|request| (request.line(), request.status.unwrap_or_default())).collect();
    let route = (format!("GET /pods/{RUN}/a0/1"), 404);
    let app = ("POST /cloudidl.identity.AppsService/Get".to_owned(), 404);
    let missing = ("POST /flyteidl2.workflow.RunService/GetActionDetails".to_owned(), 404);
    assert_eq!(refused, [route.clone(), route, app, missing]);
    let calls = emulator.requests().into_iter().filter(|request| request.path.contains("RunService"));
    assert!(calls.into_iter().all(|call| call.header("content-type") == Some("application/proto")));

    Place::of(&emulator).runs_commands(&home);
}

/// The same client, with what the program's lines say, and the script of docs/testing-with-anyssh.md: phases, a link
/// and a route that are late, a slow control plane.
#[test]
fn the_official_client_runs_against_the_program() {
    let emulator = program::Emulator::start(&["flyte"], &program::script_of_the_page("flyte.json"));
    assert_eq!(emulator.target(), RUN);
    let (place, home) = (Place::told(&emulator), Home::new().unwrap());
    let said = place.connect(&home);
    assert_eq!(said["run"], json!([RUN, "a0"]));
    assert!(said["wss_url"].as_str().unwrap().ends_with("/pods/pond-dbg/a0/1"), "{said}");
    assert_eq!((&said["same_token"], &said["refreshed"]), (&json!(true), &json!(true)));
    assert_eq!((&said["api_key"], &said["gone"]), (&said["kept_api_key"], &json!("ConnectError")));
    place.runs_commands(&home);
    emulator.end();
}

#[test]
fn the_official_client_logs_in_to_calls_and_gateway_over_tls() {
    let emulator = emulator().with_tls().start_blocking().unwrap();
    let home = Home::new().unwrap();
    let said = Place::of(&emulator).connect(&home);
    assert!(said["wss_url"].as_str().is_some_and(|url| url.starts_with("wss://127.0.0.1:")), "{said}");
    let calls = emulator.requests().into_iter().filter(|request| request.path.ends_with("/GetActionDetails"));
    let good = calls.filter(|call| call.status == Some(200)).map(|call| call.header("flyte-authorization").is_some());
    let good: Vec<bool> = good.collect();
    assert!(good.len() > 1 && good.iter().all(|has_token| *has_token), "{good:?}");
    Place::of(&emulator).runs_commands(&home);
}

#[test]
fn the_vendors_client_and_pod_side_meet_through_our_gateway() {
    let pod = PodSide::start(key(1).public_key());
    let emulator = emulator().start_blocking().unwrap();
    emulator.lead_to(RUN, pod.port());
    let home = Home::new().unwrap();
    Place::of(&emulator).connect(&home);
    Place::of(&emulator).runs_commands(&home);
    let output = Place::of(&emulator).ssh(&home, "echo $HOME");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), pod.home().home().to_string_lossy());
    let known = pod.host_key().to_openssh().unwrap();
    assert!(known.starts_with("ssh-ed25519 "), "{known}");
}
