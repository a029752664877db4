//! Plans carried out by hand against the real `ssh` and `sshd`: what `ssh -G` cannot tell.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

mod plan_common;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use anyssh_core::secrecy::ExposeSecret as _;
use anyssh_core::ssh_key::LineEnding;
use anyssh_core::ssh_key::certificate::{Builder, CertType};
use anyssh_core::{CallerKey, Credential, HostKey, HostTrust, Login, Session, UserName};
use anyssh_openssh::{Helper, LaunchOptions, Plan, RemoteCommand, plan};
use plan_common::*;

/// One `sshd -i` for each connection to a port that the system chose.
struct Server {
    address: SocketAddr,
    host_key: HostKey,
    user: UserName,
    files: tempfile::TempDir,
}

impl Server {
    fn start(address: &str) -> Self {
        Self::start_certified(address, None)
    }

    /// The same with a host certificate for this name, signed by key 98.
    fn start_certified(address: &str, principal: Option<&str>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let at = |name: &str| files.path().join(name);
        write(&at("host"), key(50).to_openssh(LineEnding::LF).unwrap().as_bytes());
        write(&at("ca.pub"), key(99).public_key().to_openssh().unwrap().as_bytes());
        write(&at("principals"), b"me\n");
        write(&at("keys"), key(5).public_key().to_openssh().unwrap().as_bytes());
        let config = format!(
            "HostKey {0}/host\nTrustedUserCAKeys {0}/ca.pub\nAuthorizedPrincipalsFile {0}/principals\n\
             AuthorizedKeysFile {0}/keys\nPermitRootLogin yes\nStrictModes no\nUsePAM no\nPidFile none\n",
            files.path().display()
        );
        let certificate = match principal {
            Some(principal) => {
                write(&at("host-cert.pub"), host_certificate(principal).as_bytes());
                format!("HostCertificate {}/host-cert.pub\n", files.path().display())
            }
            None => String::new(),
        };
        let config = config + &certificate;
        write(&at("sshd_config"), config.as_bytes());
        privilege_separation_directory();
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let config = at("sshd_config");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let input: OwnedFd = stream.unwrap().into();
                let output = input.try_clone().unwrap();
                let mut sshd = Command::new("/usr/sbin/sshd");
                sshd.arg("-i").arg("-f").arg(&config).stdin(input).stdout(output).stderr(Stdio::null());
                let mut child = sshd.spawn().unwrap();
                std::thread::spawn(move || child.wait());
            }
        });
        let name = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = UserName::parse("user", String::from_utf8(name).unwrap().trim()).unwrap();
        let host_key = HostKey::from_public_key(key(50).public_key()).unwrap();
        Self { address, host_key, user, files }
    }

    fn session(&self, credential: Credential) -> Session {
        let transport = tcp(&self.address.ip().to_string(), self.address.port().into());
        let mut session = session_at(transport, HostTrust::Pinned(vec![self.host_key.clone()]), credential);
        session.login = Login { user: self.user.clone(), credential: session.login.credential };
        session
    }
}

fn host_certificate(principal: &str) -> String {
    let subject = key(50).public_key().key_data().clone();
    let mut builder = Builder::new(vec![7; 16], subject, 1, u64::MAX - 1).unwrap();
    builder.cert_type(CertType::Host).unwrap();
    builder.valid_principal(principal).unwrap();
    builder.sign(&key(98)).unwrap().to_openssh().unwrap()
}

/// sshd run by root wants this directory of Debian's; its service unit would make it.
fn privilege_separation_directory() {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    #[allow(clippy::disallowed_methods, reason = "a system directory with the mode that sshd expects")]
    if root {
        fs::create_dir_all("/run/sshd").unwrap();
    }
}

fn write(path: &Path, contents: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(contents).unwrap();
}

/// Does what the launcher does with a plan: write the files, set the environment, run ssh.
fn run(plan: &Plan, directory: &Path, variables: &[(&str, &Path)]) -> Output {
    for file in &plan.files {
        write(&directory.join(file.name), file.contents.expose_secret());
    }
    let mut ssh = Command::new("ssh");
    ssh.env_clear().env("PATH", "/usr/bin:/bin").args(&plan.arguments).stdin(Stdio::null());
    for (name, value) in variables {
        ssh.env(name, value);
    }
    ssh.envs(plan.set_environment.iter().map(|(name, value)| (name, value)));
    ssh.output().unwrap()
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}

fn private_directory(within: &Path, name: &str) -> PathBuf {
    let directory = within.join(name);
    #[allow(clippy::disallowed_methods, reason = "inside a temporary directory that is private already")]
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    directory
}

fn echo() -> LaunchOptions {
    LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["echo", "a  b", "-n"]).unwrap())
}

fn assert_runs(session: &Session, directory: &Path, variables: &[(&str, &Path)]) {
    let plan = plan(session, &echo(), directory, None).unwrap();
    let output = run(&plan, directory, variables);
    let shown = format!("{} {}", String::from_utf8_lossy(&output.stderr), log(directory));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a  b -n\n", "{shown}");
    assert!(log(directory).contains("Authenticated to"), "the log file says so: {shown}");
}

/// F5: the key, its certificate and known_hosts are read from a directory with a hostile name.
#[test]
fn certificates_and_keys_log_in_from_a_directory_with_a_hostile_name() {
    let server = Server::start("127.0.0.1:0");
    for (number, name) in ["plain", "a b\t#%h %% '\"\\ $HOME é ~", "%", "-o"].iter().enumerate() {
        let directory = private_directory(server.files.path(), &format!("{number}{name}"));
        assert_runs(&server.session(certificate()), &directory, &[]);
    }
    let directory = private_directory(server.files.path(), "key");
    assert_runs(&server.session(Credential::Key(Arc::new(key(5)))), &directory, &[]);
    let directory = private_directory(server.files.path(), "file");
    let file = directory.join("my key %h");
    write(&file, key(5).to_openssh(LineEnding::LF).unwrap().as_bytes());
    assert_runs(&server.session(Credential::KeyFile(file)), &directory, &[]);
}

#[test]
fn a_certificate_logs_in_with_a_key_that_the_caller_keeps_in_a_file() {
    let server = Server::start("127.0.0.1:0");
    let directory = private_directory(server.files.path(), "only");
    let file = server.files.path().join("caller's key");
    write(&file, key(1).to_openssh(LineEnding::LF).unwrap().as_bytes());
    let credential = Credential::CertificateOnly { certificate: user_certificate(1), key: CallerKey::File(file) };
    assert_runs(&server.session(credential), &directory, &[]);
}

/// An agent of the test's own, ended with it.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_certificate_logs_in_with_a_key_in_the_agent() {
    let server = Server::start("127.0.0.1:0");
    let directory = private_directory(server.files.path(), "agent");
    let socket = server.files.path().join("agent.sock");
    let mut agent = Command::new("ssh-agent");
    agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::piped());
    let mut agent = Agent(agent.spawn().unwrap());
    // It prints its variables once it listens.
    let mut first_line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(agent.0.stdout.take().unwrap()), &mut first_line).unwrap();
    let file = server.files.path().join("agent key");
    write(&file, key(1).to_openssh(LineEnding::LF).unwrap().as_bytes());
    let added = Command::new("ssh-add").arg("-q").arg(&file).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    fs::remove_file(&file).unwrap();
    let credential = Credential::CertificateOnly { certificate: user_certificate(1), key: CallerKey::Agent };
    assert_runs(&server.session(credential), &directory, &[("SSH_AUTH_SOCK", &socket)]);
}

/// A refused certificate is the end: the plain key, which the server would take, is not offered.
#[test]
fn a_refused_certificate_is_not_followed_by_its_plain_key() {
    let server = Server::start("127.0.0.1:0");
    write(&server.files.path().join("none"), b"nobody\n");
    fs::rename(server.files.path().join("none"), server.files.path().join("principals")).unwrap();
    let directory = private_directory(server.files.path(), "refused");
    let credential = Credential::Certificate { key: Arc::new(key(5)), certificate: user_certificate(5) };
    let plan = plan(&server.session(credential), &echo(), &directory, None).unwrap();
    let output = run(&plan, &directory, &[]);
    assert_eq!(output.status.code(), Some(255), "{}", log(&directory));
    assert!(log(&directory).contains("Permission denied"), "{}", log(&directory));
}

/// S4: a server with another key than the pinned one gets nothing.
#[test]
fn another_host_key_than_the_pinned_one_ends_the_launch() {
    let mut server = Server::start("127.0.0.1:0");
    server.host_key = HostKey::from_public_key(key(51).public_key()).unwrap();
    let directory = private_directory(server.files.path(), "changed");
    let plan = plan(&server.session(certificate()), &echo(), &directory, None).unwrap();
    let output = run(&plan, &directory, &[]);
    assert_eq!(output.status.code(), Some(255));
    assert!(log(&directory).contains("Host key verification failed"), "{}", log(&directory));
}

/// S2, S3: a host certificate counts for the endpoint's own name alone, and only if the session's
/// authority signed it; the plain key under it counts for nothing.
#[test]
fn a_host_certificate_has_to_be_for_the_endpoint_and_from_its_authority() {
    for (principal, authority, let_in) in [("127.0.0.1", 98, true), ("127.0.0.2", 98, false), ("127.0.0.1", 97, false)]
    {
        let server = Server::start_certified("127.0.0.1:0", Some(principal));
        let directory = private_directory(server.files.path(), "authority");
        let mut session = server.session(certificate());
        let authority = HostKey::from_public_key(key(authority).public_key()).unwrap();
        session.endpoint.host_trust = HostTrust::CertAuthority { key: authority };
        if let_in {
            assert_runs(&session, &directory, &[]);
            continue;
        }
        let plan = plan(&session, &echo(), &directory, None).unwrap();
        assert_eq!(run(&plan, &directory, &[]).status.code(), Some(255));
        assert!(log(&directory).contains("Host key verification failed"), "{}", log(&directory));
    }
}

/// K2: what ssh asks is one of the two prompts to the byte, with the host as it spells it, without port.
#[test]
fn ssh_asks_exactly_the_planned_prompt() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let server = Server::start(address);
        let directory = private_directory(server.files.path(), "password");
        let asked = server.files.path().join("asked");
        let askpass = program(&server.files.path().join("askpass"), "printf %s \"$1\" >> \"$ASKED\"; exit 1");
        let session = server.session(password());
        let plan = plan(&session, &echo(), &directory, Some(&askpass)).unwrap();
        let output = run(&plan, &directory, &[("ASKED", &asked)]);
        assert_eq!(output.status.code(), Some(255));
        let asked = fs::read_to_string(&asked).unwrap_or_else(|error| panic!("{error}: {}", log(&directory)));
        assert_eq!(asked, plan.askpass.unwrap().prompts[0]);
    }
}

/// P4: the helper is found at an odd path, through /bin/sh, with two words.
#[test]
fn ssh_runs_the_helper_as_its_proxy_command_from_an_odd_path() {
    let files = tempfile::tempdir().unwrap();
    for name in ["plain", "a b (x86) 100% %h #1 $HOME `x` & ; | é ~ {a,b} *", "-x"] {
        let odd = private_directory(files.path(), name);
        let helper = program(&odd.join("helper $x"), "printf '%s|' \"$#\" \"$@\" \"$SHELL\" > \"$CALLED\"; exit 1");
        let session =
            session_at(web_socket("wss://pod.example.org/"), HostTrust::Pinned(vec![host_key()]), certificate());
        let plan = plan(&session, &LaunchOptions::new(), &odd, Some(&helper)).unwrap();
        let called = odd.join("called");
        run(&plan, &odd, &[("CALLED", &called), ("SHELL", Path::new("/nonexistent/fish"))]);
        let called = fs::read_to_string(&called).unwrap_or_else(|error| panic!("{error}: {}", log(&odd)));
        assert_eq!(called, "2|tunnel-helper|v1|/bin/sh|");
    }
}

/// A script as a helper. Another process copies it to its place: were the file ever open for writing
/// here, a program that another test starts meanwhile could hold it, and running it would fail (ETXTBSY).
fn program(path: &Path, script: &str) -> Helper {
    let source = path.with_extension("source");
    write(&source, format!("#!/bin/sh\n{script}\n").as_bytes());
    let copied = Command::new("install").args(["-m", "700", "--"]).arg(&source).arg(path).status().unwrap();
    assert!(copied.success());
    Helper::new(path).unwrap()
}
