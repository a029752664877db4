//! `SSHDebug.connect` of `flyteplugins-union`, and `ssh` through its `flyte-ws-proxy`.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::process::{Output, Stdio};

use anyssh_testkit::emulator::{Boot, Emulator, Fault, FlyteBuilder, FlyteEmulator, Phase, Run, Snapshot};
use anyssh_testkit::{Home, key};
use serde_json::{Value, json};
use ssh_key::LineEnding;

use super::PodSide;
use super::pod_side::FLYTE;

const RUN: &str = "pond-dbg";

/// A run that is not up at once, with a route that is late.
fn emulator() -> FlyteBuilder {
    let boot = Boot::with(Snapshot::in_phase(Phase::Initializing)).shown(2).then(Snapshot::serving());
    Emulator::flyte().with_run(Run::new(RUN).with_boot(boot)).with_authorized_key(key(1).public_key())
}

/// What the client says, which is at home here and has `key(1)` already.
fn connect(emulator: &FlyteEmulator, home: &Home) -> Value {
    let directory = home.home().join(".flyte/ssh-debug");
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap();
    put(&directory.join("id_ed25519"), &key(1).to_openssh(LineEnding::LF).unwrap());
    put(&directory.join("id_ed25519.pub"), &key(1).public_key().to_openssh().unwrap());
    let [org, project, domain] = emulator.place();
    let (client, secret) = emulator.client();
    let (at, config) = (home.home(), home.home().join("ssh_config"));
    let (url, at, config) = (emulator.base_url(), at.to_string_lossy(), config.to_string_lossy());
    FLYTE.run("flyte_sdk.py", &[&at, &url, org, project, domain, client, secret, RUN, &config])
}

fn put(path: &Path, text: &str) {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// What the client's block makes of `ssh flyte-debug`.
fn ssh(home: &Home, remote: &str) -> Output {
    let mut command = home.command("ssh");
    command.arg("-F").arg(home.home().join("ssh_config")).args(["-oIdentityAgent=none", "flyte-debug", remote]);
    command.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn runs_commands(home: &Home) {
    let output = ssh(home, "cd; echo out; echo err >&2; exit 7");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((output.status.code(), &*out), (Some(7), "out\n"), "{err}");
    assert!(err.contains("err\n"), "{err}");
}

#[test]
fn the_official_client_waits_connects_and_keeps_an_api_key() {
    let emulator = emulator().start_blocking().unwrap();
    emulator.add_fault(Fault::on("GET", &format!("/pods/{RUN}/a0/1")).status(404).times(2));
    let home = Home::new().unwrap();
    let said = connect(&emulator, &home);

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

    runs_commands(&home);
}

#[test]
fn the_vendors_client_and_pod_side_meet_through_our_gateway() {
    let pod = PodSide::start(key(1).public_key());
    let emulator = emulator().start_blocking().unwrap();
    emulator.lead_to(RUN, pod.port());
    let home = Home::new().unwrap();
    connect(&emulator, &home);
    runs_commands(&home);
    let output = ssh(&home, "echo $HOME");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), pod.home().home().to_string_lossy());
    let known = pod.host_key().to_openssh().unwrap();
    assert!(known.starts_with("ssh-ed25519 "), "{known}");
}
