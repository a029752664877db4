//! Sessions over HTTP, logins with the real `ssh`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyssh_testkit::emulator::{DedalusBuilder, DedalusEmulator, Emulator, Fault, Wake};
use anyssh_testkit::{Home, key};
use serde_json::Value;
use ssh_key::LineEnding;

use crate::client::{Call, delete, ready};

fn emulator() -> DedalusBuilder {
    Emulator::dedalus().with_wake(Wake::at_once())
}

fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// What the vendor's own client does with a session.
fn ssh(session: &Value, remote: &str) -> Output {
    let (home, connection) = (Home::new().unwrap(), &session["connection"]);
    let (dir, text) = (home.home(), |name: &str| connection[name].as_str().unwrap().to_owned());
    put(&dir.join("key"), &key(1).to_openssh(LineEnding::LF).unwrap());
    put(&dir.join("key-cert.pub"), &text("user_certificate"));
    let (pattern, authority) = (&connection["host_trust"]["host_pattern"], &connection["host_trust"]["public_key"]);
    let line = format!("@cert-authority {} {}\n", pattern.as_str().unwrap(), authority.as_str().unwrap());
    put(&dir.join("known_hosts"), &line);
    let mut command = home.command("ssh");
    command.args(["-F", "none", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null", "-oBatchMode=yes"]);
    command.arg(format!("-oUserKnownHostsFile={}", dir.join("known_hosts").display()));
    command.arg(format!("-oIdentityFile={}", dir.join("key").display()));
    command.args(["-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-p", &connection["port"].to_string()]);
    command.args(["-l", &text("ssh_username"), "--", &text("endpoint"), remote]);
    command.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn lets_in(emulator: &DedalusEmulator, session: &Value) {
    let output = ssh(session, "echo $LOGNAME; exit 7");
    let login = format!("{}\n", session["session_id"].as_str().unwrap());
    let log = emulator.gateway().unwrap().log();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()), (Some(7), login), "{log}");
}

#[track_caller]
fn refuses(emulator: &DedalusEmulator, session: &Value, reason: &str) {
    let output = ssh(session, "echo in");
    let (said, log) = (String::from_utf8_lossy(&output.stderr).into_owned(), emulator.gateway().unwrap().log());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(255), 0), "{log}");
    assert!(said.contains("Permission denied"), "{said}");
    assert!(log.contains(reason), "{log}");
}

#[test]
fn each_session_is_a_login_name_of_its_own() {
    let emulator = emulator().start_blocking().unwrap();
    let (first, second) = (ready(&emulator, 1), ready(&emulator, 2));
    lets_in(&emulator, &first);
    lets_in(&emulator, &second);
    let mut crossed = first;
    crossed["connection"]["ssh_username"] = second["connection"]["ssh_username"].clone();
    refuses(&emulator, &crossed, "Certificate invalid: name is not a listed principal");
}

#[test]
fn after_delete_the_certificate_is_refused_and_other_ones_for_the_same_key_are_not() {
    let emulator = emulator().start_blocking().unwrap();
    let (old, new) = (ready(&emulator, 1), ready(&emulator, 2));
    lets_in(&emulator, &old);
    assert_eq!(delete(&emulator, old["session_id"].as_str().unwrap(), 3).status, 200);
    refuses(&emulator, &old, "revoked by file");
    lets_in(&emulator, &new);
    emulator.close_session(new["session_id"].as_str().unwrap()).unwrap();
    refuses(&emulator, &new, "revoked by file");
}

#[test]
fn after_the_end_of_a_session_or_of_its_certificate_nobody_gets_in() {
    let current = emulator().start_blocking().unwrap();
    let session = ready(&current, 1);
    lets_in(&current, &session);
    current.advance_clock(Duration::from_secs(3601)).unwrap();
    refuses(&current, &session, "revoked by file");
    // By this emulator's clock, two hours behind, the session is fresh; sshd looks at the certificate alone.
    let behind = emulator().with_clock_ahead(-7200).start_blocking().unwrap();
    refuses(&behind, &ready(&behind, 1), "Certificate invalid: expired");
    let ahead = emulator().with_clock_ahead(7200).start_blocking().unwrap();
    refuses(&ahead, &ready(&ahead, 1), "Certificate invalid: not yet valid");
    let short = emulator().with_certificate_lifetime(Duration::ZERO).start_blocking().unwrap();
    refuses(&short, &ready(&short, 1), "Certificate invalid: expired");
}

#[test]
fn the_gateway_takes_no_certificate_of_another_authority_and_no_plain_key() {
    let emulator = emulator().start_blocking().unwrap();
    emulator.spoil_certificate(|spec| spec.authority = key(9));
    refuses(&emulator, &ready(&emulator, 1), "Failed publickey");
    emulator.spoil_certificate(|spec| spec.critical_options = vec![("force-command".into(), "echo forced".into())]);
    let forced = ssh(&ready(&emulator, 2), "echo mine");
    assert_eq!(forced.stdout, b"forced\n");
}

#[test]
fn the_host_is_known_by_its_authority_alone() {
    let emulator = emulator().start_blocking().unwrap();
    let mut session = ready(&emulator, 1);
    session["connection"]["host_trust"]["public_key"] = key(9).public_key().to_openssh().unwrap().into();
    let output = ssh(&session, "echo in");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Host key verification failed"), "{output:?}");
    assert_eq!(output.status.code(), Some(255));
}

#[test]
fn somebody_else_may_stand_there_from_a_request_on() {
    let emulator = emulator().start_blocking().unwrap();
    emulator.add_fault(Fault::on("GET", "/v1/machines").new_host_keys());
    let session = ready(&emulator, 1);
    lets_in(&emulator, &session);
    assert_eq!(Call::new(&emulator, "GET /v1/machines").send(&emulator).status, 200);
    let output = ssh(&session, "echo in");
    assert!(String::from_utf8_lossy(&output.stderr).contains("Host key verification failed"), "{output:?}");
}

#[test]
fn the_gateway_may_say_that_the_guest_is_not_there_yet() {
    let line = "ForceCommand echo '[SSH_TUNNEL_NOT_READY] try again' >&2; exit 1";
    let emulator = emulator().with_gateway_lines(line).start_blocking().unwrap();
    let output = ssh(&ready(&emulator, 1), "echo in");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert_eq!(output.stderr, b"[SSH_TUNNEL_NOT_READY] try again\n");
}
