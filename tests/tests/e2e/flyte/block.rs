//! The block for ssh_config that [`SshDebug`] makes, read by the real `ssh`.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};

use anyssh_core::{Settings, Surroundings};
use anyssh_flyte::{ConnectOptions, Flyte, SshDebug};
use anyssh_testkit::emulator::FlyteEmulator;

use super::super::support::{Home, directory, write};
use super::{RUN, builder, home};

/// The variables that lead to this control plane, for the library and for `anyssh tunnel` alike.
fn variables(home: &Home, emulator: &FlyteEmulator) -> BTreeMap<&'static str, String> {
    let (id, secret) = emulator.client();
    let secret_file = home.beside("secret");
    write(&secret_file, secret);
    let [org, project, domain] = emulator.place().map(str::to_owned);
    BTreeMap::from([
        ("FLYTE_ADMIN_ENDPOINT", emulator.base_url()),
        ("FLYTE_ADMIN_AUTHTYPE", "ClientSecret".to_owned()),
        ("FLYTE_ADMIN_CACERTFILEPATH", emulator.ca_file().unwrap().to_string_lossy().into_owned()),
        ("FLYTE_ADMIN_CLIENTID", id.to_owned()),
        ("FLYTE_ADMIN_CLIENTSECRETLOCATION", secret_file.to_string_lossy().into_owned()),
        ("FLYTE_TASK_DOMAIN", domain),
        ("FLYTE_TASK_ORG", org),
        ("FLYTE_TASK_PROJECT", project),
    ])
}

fn block(home: &Home, variables: &BTreeMap<&'static str, String>) -> String {
    let settings = Settings::new().with_surroundings(Surroundings::none().with_home(home.path()));
    let settings =
        variables.iter().fold(settings, |settings, (name, value)| settings.with_setting(*name, value.as_str().into()));
    // What both readers of the line have to be told about.
    let tools = home.path().join("my tools 100%");
    directory(&tools, 0o700);
    let program = tools.join("anyssh");
    symlink(home.anyssh(&[]).command().get_program(), &program).unwrap();
    let mut options = ConnectOptions::new(RUN);
    options.anyssh = program;
    SshDebug::connect_blocking(&Flyte::new(&settings).unwrap(), options).unwrap().ssh_config
}

fn ssh(home: &Home, variables: &BTreeMap<&'static str, String>) -> Output {
    let mut command = Command::new("/usr/bin/ssh");
    command.arg("-F").arg(home.beside("config")).args(["-oIdentityAgent=none", "flyte-debug", "echo in; exit 7"]);
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").envs(variables);
    command.stdin(Stdio::null()).output().unwrap()
}

/// P4, F5, K4: plain `ssh` logs in with nothing but the block, whatever the program's path is.
#[test]
fn plain_ssh_logs_in_with_the_block_and_stops_at_a_changed_key() {
    let (home, emulator) = (home(), builder().with_tls().start_blocking().unwrap());
    let variables = variables(&home, &emulator);
    write(&home.beside("config"), &block(&home, &variables));
    // The first login keeps the key, the second one knows it.
    for _ in 0..2 {
        let output = ssh(&home, &variables);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"in\n"[..]), "{said}");
    }
    emulator.change_host_keys();
    let output = ssh(&home, &variables);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(255) && said.contains("HOST IDENTIFICATION HAS CHANGED"), "{said}");
}
