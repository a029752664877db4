//! `anyssh flyte-env`, which makes a key pair and asks nobody.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use super::support::Home;

#[test]
fn a_shell_reads_the_variables_and_the_key_is_made_once_and_private() {
    let home = Home::new();
    let first = home.anyssh(&["flyte-env"]).run().exits(0).text();
    let key = home.path().join(".flyte/ssh-debug/id_ed25519");
    assert_eq!(key.metadata().unwrap().mode() & 0o777, 0o600);
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let script = format!(r#"{first} printf '%s|%s|%s' "$_F_E_SSH" "$_F_E_VS" "$_F_SSH_PK""#);
    let read = Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(read.stdout).unwrap(), format!("1|True|{}", public.trim_end()));
    assert_eq!(home.anyssh(&["flyte-env"]).run().exits(0).text(), first);

    let json = home.anyssh(&["--json", "flyte-env"]).run();
    assert_eq!(json.exits(0).json()["_F_SSH_PK"], public.trim_end());
}

#[test]
fn what_cannot_be_used_as_a_key_is_named() {
    let home = Home::new();
    let directory = home.path().join(".flyte/ssh-debug");
    super::support::directory(&directory, 0o700);
    super::support::write(&directory.join("id_ed25519"), "not a key\n");
    let ran = home.anyssh(&["--error-format=json", "flyte-env"]).run();
    let error = ran.exits(11).error();
    assert_eq!((error["kind"].as_str(), error["provider"].as_str()), (Some("local"), Some("flyte")));
    assert!(error["message"].as_str().unwrap().contains("id_ed25519"), "{error}");
}

/// What is missing is named before any request, with where to set it.
#[test]
fn flyte_without_a_configuration_names_what_to_set() {
    let home = Home::new();
    let ran = home.anyssh(&["--error-format=json", "targets", "flyte"]).run();
    let error = ran.exits(3).error();
    assert_eq!((error["kind"].as_str(), error["field"].as_str()), (Some("config"), Some("admin.endpoint")));
}
