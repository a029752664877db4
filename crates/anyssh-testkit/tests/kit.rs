//! The kit's parts against the real `ssh`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyssh_server::Account;
use anyssh_testkit::{Answer, FakeSsh, Home, HostileServer, Sshd, SshdConfig, Trick, key, user_certificate};
use ssh_key::{LineEnding, PublicKey};

fn put(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn user() -> String {
    Account::current().expect("ssh needs an entry in /etc/passwd").name
}

/// `ssh` with `key(1)`, which trusts this host key and asks no questions.
fn ssh(home: &Home, port: u16, host_key: &PublicKey, flags: &[&str]) -> Command {
    let dir = home.home();
    put(&dir.join("known_hosts"), &format!("[127.0.0.1]:{port} {}\n", host_key.to_openssh().unwrap()), 0o600);
    put(&dir.join("key"), &key(1).to_openssh(LineEnding::LF).unwrap(), 0o600);
    let mut command = home.command("ssh");
    command.args(flags);
    command.args(["-F", "none", "-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null"]);
    command.arg(format!("-oUserKnownHostsFile={}", dir.join("known_hosts").display()));
    command.arg(format!("-oIdentityFile={}", dir.join("key").display()));
    command.args(["-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oLogLevel=ERROR"]);
    command.args(["-l", &user(), "-p", &port.to_string(), "--", "127.0.0.1", "echo hi; exit 7"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(home: &Home, port: u16, host_key: &PublicKey, flags: &[&str]) -> Output {
    ssh(home, port, host_key, flags).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn sshd_lets_a_certificate_of_its_authority_in_and_logs_it() {
    let home = Home::new().unwrap();
    let sshd = Sshd::start(SshdConfig::new(key(9)).with_user_authority(key(2).public_key())).unwrap();
    let certificate = |signer, principal: &str| user_certificate(key(1).public_key(), &key(signer), principal).unwrap();
    put(&home.home().join("key-cert.pub"), &certificate(2, &user()), 0o600);
    let good = output(&home, sshd.port(), key(9).public_key(), &[]);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(7), "hi\n".into()), "{}", sshd.log());
    assert!(sshd.log().contains("Accepted publickey"), "{}", sshd.log());
    for bad in [certificate(3, &user()), certificate(2, "somebody-else")] {
        put(&home.home().join("key-cert.pub"), &bad, 0o600);
        assert_eq!(output(&home, sshd.port(), key(9).public_key(), &["-oBatchMode=yes"]).status.code(), Some(255));
    }
}

#[test]
fn sshd_lets_an_authorized_key_in_until_it_is_revoked() {
    let home = Home::new().unwrap();
    let config = SshdConfig::new(key(9)).with_authorized_key(key(1).public_key());
    let sshd = Sshd::start(config.clone()).unwrap();
    assert_eq!(output(&home, sshd.port(), key(9).public_key(), &[]).status.code(), Some(7), "{}", sshd.log());
    let revoked = Sshd::start(config.with_revoked_key(key(1).public_key())).unwrap();
    let result = output(&home, revoked.port(), key(9).public_key(), &["-oBatchMode=yes"]);
    assert_eq!(result.status.code(), Some(255));
}

#[test]
fn sshd_refuses_a_bad_configuration_at_once_and_closes_its_port_in_the_end() {
    let error = Sshd::start(SshdConfig::new(key(9)).with_lines("Nonsense yes")).unwrap_err();
    assert!(error.to_string().contains("Nonsense"), "{error}");
    let sshd = Sshd::start(SshdConfig::new(key(9))).unwrap();
    let port = sshd.port();
    drop(sshd);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn sshd_serves_more_clients_at_once_than_a_daemon_would() {
    let home = Home::new().unwrap();
    let sshd = Sshd::start(SshdConfig::new(key(9)).with_authorized_key(key(1).public_key())).unwrap();
    let start = |_| ssh(&home, sshd.port(), key(9).public_key(), &[]).spawn().unwrap();
    let children: Vec<Child> = (0..15).map(start).collect();
    for child in children {
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(7));
    }
}

#[test]
fn the_fake_ssh_writes_down_arguments_environment_and_files_with_their_modes() {
    let home = Home::with_odd_name().unwrap();
    let fake = FakeSsh::new().log("Authenticated to x").exit(9).install().unwrap();
    let file = home.home().join("id");
    put(&file, "secret\nkey\n", 0o600);
    let quoted = file.to_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    let log = home.home().join("log");
    let mut command = home.command(fake.path());
    command.args(["-o", &format!("IdentityFile=\"{quoted}\""), "-oUserKnownHostsFile=/nowhere", "-E"]).arg(&log);
    command.args(["--", "host", "-oIdentityFile=not-an-option", "two\nlines", ""]).env("MARK", "a\nb");
    assert_eq!(command.status().unwrap().code(), Some(9));
    let call = fake.calls().unwrap().remove(0);
    assert_eq!(call.args[call.args.len() - 4..], ["host", "-oIdentityFile=not-an-option", "two\nlines", ""]);
    assert_eq!(call.environment["MARK".as_ref() as &std::ffi::OsStr], "a\nb");
    assert_eq!(call.files.len(), 2, "{:?}", call.files);
    assert_eq!((call.files[0].modes, call.files[0].content.as_slice()), (Some((0o600, 0o700)), &b"secret\nkey\n"[..]));
    assert_eq!(call.files[0].path, file);
    assert_eq!((call.files[1].option.as_str(), call.files[1].modes), ("UserKnownHostsFile", None));
    assert_eq!(std::fs::read_to_string(log).unwrap(), "Authenticated to x\n");
}

#[test]
fn the_fake_ssh_asks_askpass_and_tells_its_version() {
    let home = Home::new().unwrap();
    let askpass = home.home().join("askpass");
    put(&askpass, "#!/bin/sh\necho \"answer to $1\"\nexit 3\n", 0o700);
    let fake = FakeSsh::new().version("OpenSSH_8.3p1").ask("me@host's password: ").install().unwrap();
    assert!(home.command(fake.path()).env("SSH_ASKPASS", &askpass).status().unwrap().success());
    let expected =
        Answer { prompt: "me@host's password: ".into(), status: 3, text: "answer to me@host's password: \n".into() };
    assert_eq!(fake.calls().unwrap()[0].answers, [expected]);
    let version = home.command(fake.path()).arg("-V").output().unwrap();
    assert_eq!((text(&version.stderr), fake.calls().unwrap().len()), ("OpenSSH_8.3p1\n".into(), 1));
}

#[test]
fn the_fake_ssh_waits_for_a_signal_or_dies_by_one() {
    let home = Home::new().unwrap();
    let fake = FakeSsh::new().wait_for_signal().exit(255).install().unwrap();
    let mut child = home.command(fake.path()).spawn().unwrap();
    until(|| fake.is_waiting());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(255));
    assert_eq!(fake.calls().unwrap()[0].signals, ["TERM"]);
    let dying = FakeSsh::new().kill_itself("KILL").install().unwrap();
    assert_eq!(home.command(dying.path()).status().unwrap().signal(), Some(9));
}

#[test]
fn hostile_servers_ask_what_they_are_told_to_and_hear_the_answers() {
    let home = Home::new().unwrap();
    put(&home.home().join("askpass"), "#!/bin/sh\ncase $1 in *'your bank?'*) echo b;; *) echo a;; esac\n", 0o700);
    let server = HostileServer::start(Trick::Ask(vec![vec!["Password: ".into()], vec!["your bank?".into()]])).unwrap();
    let host_key = server.host_key().unwrap();
    let mut command = ssh(&home, server.port(), host_key.public_key(), &[]);
    command.env("SSH_ASKPASS", home.home().join("askpass")).env("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(command.output().unwrap().status.code(), Some(7));
    assert_eq!((server.received(), server.connections()), (vec!["a".into(), "b".into()], 1));
}

#[test]
fn hostile_servers_let_anybody_in_or_nobody() {
    let home = Home::new().unwrap();
    for (trick, code) in [(Trick::AcceptAnybody, Some(7)), (Trick::RefuseEverybody, Some(255))] {
        let server = HostileServer::start(trick.clone()).unwrap();
        let host_key = server.host_key().unwrap();
        let result = output(&home, server.port(), host_key.public_key(), &["-oBatchMode=yes"]);
        assert_eq!(result.status.code(), code, "{trick:?}");
    }
}

#[test]
fn a_hostile_server_shows_another_host_key_to_the_second_connection() {
    let home = Home::new().unwrap();
    let server = HostileServer::start(Trick::AnotherHostKeyEachTime).unwrap();
    let host_key = server.host_key().unwrap();
    assert_eq!(output(&home, server.port(), host_key.public_key(), &[]).status.code(), Some(7));
    let changed = output(&home, server.port(), host_key.public_key(), &[]);
    assert!(text(&changed.stderr).contains("HOST IDENTIFICATION HAS CHANGED"), "{}", text(&changed.stderr));
}

#[test]
fn hostile_servers_close_when_they_are_told_to() {
    let home = Home::new().unwrap();
    for (trick, exchanged) in [
        (Trick::CloseAtOnce, false),
        (Trick::Banner(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), false),
        (Trick::CloseAfterKeyExchange, true),
    ] {
        let server = HostileServer::start(trick.clone()).unwrap();
        let host_key = server.host_key().unwrap();
        let result = output(&home, server.port(), host_key.public_key(), &["-v", "-oLogLevel=DEBUG1"]);
        assert_eq!(result.status.code(), Some(255), "{trick:?}");
        let said = text(&result.stderr);
        assert_eq!(said.contains("SSH2_MSG_NEWKEYS sent"), exchanged, "{trick:?} {said}");
        assert!(!said.contains("Authenticated to"), "{trick:?} {said}");
    }
}

/// Each one is reached and left alone: `ssh` is still there, at exactly the stage that the trick is about.
#[test]
fn hostile_servers_fall_silent_when_they_are_told_to() {
    let home = Home::new().unwrap();
    let stages = ["Local version string", "Remote protocol version", "SSH2_MSG_KEXINIT received", "SSH2_MSG_NEWKEYS"];
    for (trick, reached) in [(Trick::Silence, 1), (Trick::SilenceAfterBanner, 2), (Trick::SilenceInKeyExchange, 3)] {
        let server = HostileServer::start(trick.clone()).unwrap();
        let host_key = server.host_key().unwrap();
        let log = home.home().join(format!("log-{reached}"));
        let flags = ["-E", log.to_str().unwrap(), "-oLogLevel=DEBUG1"];
        let mut child = ssh(&home, server.port(), host_key.public_key(), &flags).spawn().unwrap();
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        until(|| said().contains(stages[reached - 1]));
        assert!(!said().contains(stages[reached]), "{trick:?} {}", said());
        drop(server);
        assert_eq!(child.wait().unwrap().code(), Some(255), "{trick:?} {}", said());
    }
}

fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "never");
        std::thread::sleep(Duration::from_millis(2));
    }
}
