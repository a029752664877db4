//! Sessions to plan for, and `ssh -G` as the one who says what a plan means.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_core::ssh_key::private::{Ed25519Keypair, KeypairData};
use anyssh_core::ssh_key::{PrivateKey, PublicKey};
use anyssh_core::{
    Credential, Endpoint, Expiry, Host, HostKey, HostTrust, Login, Password, Port, Session, SessionId, Target,
    Transport, UserCertificate, UserName, WebSocketUrl,
};
use anyssh_openssh::{Helper, LaunchOptions, Plan, SshFlags, SshOption, plan};

pub(crate) const DIRECTORY: &str = "/run/user/1000/anyssh/launch";
pub(crate) const HELPER: &str = "/usr/bin/anyssh";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
}

pub(crate) fn user_certificate(seed: u8) -> UserCertificate {
    let subject = PublicKey::new(key(seed).public_key().key_data().clone(), "");
    let mut builder = Builder::new(vec![7; 16], subject.key_data().clone(), 1, u64::MAX - 1).unwrap();
    builder.cert_type(CertType::User).unwrap();
    builder.valid_principal("me").unwrap();
    let line = builder.sign(&key(99)).unwrap().to_openssh().unwrap();
    UserCertificate::parse("user_certificate", &line).unwrap()
}

pub(crate) fn certificate() -> Credential {
    Credential::Certificate { key: Arc::new(key(1)), certificate: user_certificate(1) }
}

pub(crate) fn password() -> Credential {
    Credential::Password(Password::parse("password", PASSWORD.into()).unwrap())
}

pub(crate) fn tcp(host: &str, port: i64) -> Transport {
    Transport::Tcp { host: Host::parse("host", host).unwrap(), port: Port::from_number("port", port).unwrap() }
}

pub(crate) fn web_socket(url: &str) -> Transport {
    let header = ("Authorization".to_owned(), "Bearer s3cret-token".into());
    Transport::WebSocket { url: WebSocketUrl::parse("url", url).unwrap(), headers: vec![header], ca_file: None }
}

pub(crate) fn host_key() -> HostKey {
    HostKey::parse("host_key", HOST_KEY).unwrap()
}

pub(crate) fn session_at(transport: Transport, host_trust: HostTrust, credential: Credential) -> Session {
    Session::new(
        SessionId::parse("id", "session-1").unwrap(),
        Target::parse("target", "box").unwrap(),
        Endpoint { transport, host_trust },
        Login { user: UserName::parse("user", "me").unwrap(), credential },
        Expiry::Unknown,
    )
}

pub(crate) fn session(credential: Credential) -> Session {
    session_at(tcp("gate.example.org", 2222), HostTrust::Pinned(vec![host_key()]), credential)
}

pub(crate) fn helper() -> Helper {
    Helper::new(HELPER).unwrap()
}

pub(crate) fn planned(session: &Session, options: &LaunchOptions) -> Plan {
    plan(session, options, Path::new(DIRECTORY), Some(&helper())).unwrap()
}

pub(crate) fn flags_with(words: &[&str]) -> SshFlags {
    let options = words.iter().map(|word| SshOption::parse(word).unwrap()).collect();
    SshFlags { options, ..SshFlags::default() }
}

pub(crate) fn options_with(words: &[&str]) -> LaunchOptions {
    LaunchOptions::new().with_flags(flags_with(words))
}

/// What `ssh -G` makes of these words; panics with ssh's own message if it refuses them.
pub(crate) fn resolve<W: AsRef<OsStr>>(words: &[W]) -> String {
    run_g(words).unwrap_or_else(|errors| panic!("{errors}"))
}

/// What `ssh -G` makes of these words, unless it refuses them.
pub(crate) fn try_resolve<W: AsRef<OsStr>>(words: &[W]) -> Option<String> {
    run_g(words).ok()
}

fn run_g<W: AsRef<OsStr>>(words: &[W]) -> Result<String, String> {
    let words = without_log(words);
    let output = Command::new("ssh").env_clear().arg("-G").args(&words).stdin(Stdio::null()).output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("ssh -G {words:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The words without `-E FILE`, whose directory does not exist in these tests.
fn without_log<W: AsRef<OsStr>>(words: &[W]) -> Vec<OsString> {
    let words: Vec<OsString> = words.iter().map(|word| word.as_ref().to_owned()).collect();
    assert_eq!(words[2], "-E", "the log stands where it always stands");
    [&words[..2], &words[4..]].concat()
}

/// The values that `ssh -G` printed for `key`.
pub(crate) fn values<'a>(resolved: &'a str, key: &str) -> Vec<&'a str> {
    let prefix = format!("{} ", key.to_ascii_lowercase());
    resolved.lines().filter_map(|line| line.strip_prefix(&prefix)).collect()
}
