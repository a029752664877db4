//! The caller's own key: in a file, in the agent, or not one at all.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

use std::fs::write;
use std::path::Path;
use std::time::Duration;

use anyssh_core::{CallerKey, ErrorKind, KeyPair, OptionValue};
use anyssh_sdk::{Kind, Provider, RequestOptions, Settings, identity};

const MINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

/// K7: the private half is never read, whatever is in its file.
#[test]
fn the_public_half_is_read_and_the_other_is_in_the_file_or_the_agent() {
    let directory = tempfile::tempdir().unwrap();
    let (file, public) = (directory.path().join("id"), directory.path().join("id.pub"));
    write(&public, format!("{MINE} me@box\r\n")).unwrap();
    let kept = |path: &Path| match identity(path).unwrap() {
        KeyPair::Caller { public_key, key } => (public_key.to_openssh().unwrap().starts_with(MINE), key),
        KeyPair::Fresh(_) => panic!("not the caller's"),
    };
    assert_eq!(kept(&file), (true, CallerKey::Agent));
    assert_eq!(kept(&public), (true, CallerKey::Agent));
    write(&file, "not looked at").unwrap();
    assert_eq!(kept(&file), (true, CallerKey::File(file)));
}

/// F4, K6: what is no public key is refused by the option's name, and not shown.
#[test]
fn a_file_that_is_no_public_key_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let public = directory.path().join("key.pub");
    let refused = |path: &Path| {
        let error = identity(path).unwrap_err();
        assert_eq!((error.kind(), error.field()), (ErrorKind::Usage, Some("identity")), "{error}");
        assert!(!error.to_string().contains("hunter22"), "{error}");
    };
    refused(&directory.path().join("missing"));
    refused(Path::new("/dev/zero"));
    refused(directory.path());
    let (two, huge) = (format!("{MINE}\n{MINE}\n"), format!("{MINE} {}", "x".repeat(20_000)));
    let certificate = "ssh-ed25519-cert-v01@openssh.com AAAA";
    for text in ["-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22", "hunter22", "", &two, certificate, &huge] {
        write(&public, text).unwrap();
        refused(&public);
    }
    write(&public, b"\xff\xfe").unwrap();
    refused(&public);
}

#[test]
fn the_option_becomes_the_key_pair_of_the_request_and_of_its_attempt() {
    let directory = tempfile::tempdir().unwrap();
    let public = directory.path().join("id.pub");
    write(&public, MINE).unwrap();
    let settings = |file: &Path| {
        Settings::new()
            .with_setting("DEDALUS_API_KEY", "key".into())
            .with_option("identity", OptionValue::Text(file.to_str().unwrap().to_owned()))
    };
    let dedalus = Provider::builtin("dedalus", &settings(&public)).unwrap();
    let options = RequestOptions::new(Duration::from_secs(1));
    let request = dedalus.request("m-1", &options).unwrap();
    let line = |key: &anyssh_core::ssh_key::PublicKey| key.to_openssh().unwrap();
    assert!(
        line(&request.attempt.public_key).starts_with(MINE) && line(request.key_pair.public_key()).starts_with(MINE)
    );

    let mock = Provider::builtin("mock", &Settings::new()).unwrap();
    let fresh = mock.request("certificate", &options).unwrap().key_pair;
    let handed_in = dedalus.request("m-1", &options.with_key_pair(fresh)).unwrap();
    assert!(!line(handed_in.key_pair.public_key()).starts_with(MINE));

    let error = Provider::builtin("dedalus", &settings(&directory.path().join("none"))).unwrap_err();
    assert_eq!((error.kind(), error.field()), (Kind::Usage, Some("identity")));
}
