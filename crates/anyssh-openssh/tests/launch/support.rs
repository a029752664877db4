//! A world for one test: a scratch directory, a real sshd on a free port, sessions for it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyssh_core::ssh_key::private::{Ed25519Keypair, KeypairData};
use anyssh_core::ssh_key::{LineEnding, PrivateKey};
use anyssh_core::{
    Credential, Deadline, Endpoint, Expiry, Host, HostKey, HostTrust, Login, Password, Port, Session, SessionId,
    Target, Transport, UserName,
};
use anyssh_openssh::{Helper, LaunchOptions, Launcher, Output, RemoteCommand, SshProgram};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const USER: &str = "me";

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])), "").unwrap()
}

pub(crate) fn host_key(seed: u8) -> HostKey {
    HostKey::from_public_key(key(seed).public_key()).unwrap()
}

/// The seeds of the keys that a test sshd has and lets in.
pub(crate) const HOST_SEED: u8 = 1;
pub(crate) const USER_SEED: u8 = 2;

pub(crate) fn soon() -> Deadline {
    Deadline::at(Instant::now() + Duration::from_secs(20))
}

#[allow(clippy::disallowed_methods, reason = "this binary is the helper of its own tests")]
pub(crate) fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// A scratch directory with a base for launches.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.path("run")
    }

    pub(crate) fn launcher(&self, ssh: &SshProgram) -> Launcher {
        Launcher::new(ssh.clone(), self.base()).with_helper(Helper::new(this_program()).unwrap())
    }

    /// K7, C6: nothing is left of a launch.
    pub(crate) fn assert_nothing_left(&self) {
        let left: Vec<_> = fs::read_dir(self.base()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// A program that plays ssh: it says a version for `-V`; else `$LOG` is its log file and `$HERE`
    /// the scratch directory.
    pub(crate) fn fake_ssh(&self, version: &str, script: &str) -> SshProgram {
        let path = self.path("ssh");
        let here = self.0.path().display();
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = -V ]; then echo '{version}' >&2; exit 0; fi\nHERE='{here}'\nLOG=\"$4\"\n\
             PROMPT=\"{USER}@127.0.0.1's password: \"\n{script}\n"
        );
        write(&path, &text, 0o755);
        SshProgram::at(path).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's own scratch directory")]
pub(crate) fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) fn real_ssh() -> SshProgram {
    SshProgram::find(Some("/usr/local/bin:/usr/bin:/bin".as_ref())).unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Waits until `is_so`, or fails saying `what`.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never happened: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn session(port: u16, user: &str, host_trust: HostTrust, credential: Credential) -> Session {
    let transport = Transport::Tcp {
        host: Host::parse("host", "127.0.0.1").unwrap(),
        port: Port::from_number("port", i64::from(port)).unwrap(),
    };
    Session::new(
        SessionId::parse("id", "session-1").unwrap(),
        Target::parse("target", "box").unwrap(),
        Endpoint { transport, host_trust },
        Login { user: UserName::parse("user", user).unwrap(), credential },
        Expiry::Unknown,
    )
}

/// A session with a password, for a fake ssh.
pub(crate) fn password_session() -> Session {
    let password = Password::parse("password", PASSWORD.into()).unwrap();
    session(9, USER, HostTrust::Pinned(vec![host_key(HOST_SEED)]), Credential::Password(password))
}

pub(crate) fn command(line: &str) -> LaunchOptions {
    LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&[line]).unwrap())
}

pub(crate) fn output(launcher: &Launcher, session: &Session, options: &LaunchOptions) -> Output {
    block_on(launcher.output(session, options, soon())).unwrap()
}

/// OpenSSH's server behind a port of ours: `sshd -i` for each connection.
pub(crate) struct Sshd {
    address: SocketAddr,
    /// How many connections came.
    pub(crate) connections: Arc<AtomicUsize>,
    /// How many of the next connections are closed at once.
    pub(crate) closes: Arc<AtomicUsize>,
    _files: tempfile::TempDir,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let file = |name: &str| files.path().join(name);
        write(&file("host"), &key(HOST_SEED).to_openssh(LineEnding::LF).unwrap(), 0o600);
        write(&file("keys"), &key(USER_SEED).public_key().to_openssh().unwrap(), 0o600);
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPrintMotd no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
            file("host").display(),
            file("keys").display()
        );
        write(&file("config"), &config, 0o600);
        if rustix::process::geteuid().is_root() {
            // Debian's sshd wants its empty directory even with -i.
            let _ = fs::DirBuilder::new().create("/run/sshd");
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, closes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counter, closer, config, log) =
            (Arc::clone(&connections), Arc::clone(&closes), file("config"), file("log"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                if closer.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    continue;
                }
                let (input, output) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
                let mut sshd = Command::new("/usr/sbin/sshd");
                sshd.arg("-i").arg("-f").arg(&config).arg("-E").arg(&log);
                let child = sshd.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::null()).spawn();
                thread::spawn(move || child.unwrap().wait());
            }
        });
        Self { address, connections, closes, _files: files }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// A session that this server lets in.
    pub(crate) fn session(&self) -> Session {
        self.session_with(HOST_SEED, USER_SEED)
    }

    /// A session that trusts one host key and logs in with one key.
    pub(crate) fn session_with(&self, host_seed: u8, user_seed: u8) -> Session {
        let credential = Credential::Key(Arc::new(key(user_seed)));
        session(self.port(), &login_name(), HostTrust::Pinned(vec![host_key(host_seed)]), credential)
    }
}

/// Who runs the tests: an unprivileged sshd lets in nobody else.
pub(crate) fn login_name() -> String {
    let name = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(name).unwrap().trim().to_owned()
}

/// The words after this program that make it `drive` a launch; see the driver.
pub(crate) fn drive_words(scratch: &Scratch, ssh: &SshProgram, port: u16, user: &str, credential: &str) -> Vec<String> {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (base, result) = (path(&scratch.base()), path(&scratch.path("result")));
    ["drive".to_owned(), base, path(ssh.path()), port.to_string(), user.to_owned(), credential.to_owned(), result]
        .into()
}

/// A process that drives a launch of a fake ssh; killed on drop.
pub(crate) struct Driver(pub(crate) std::process::Child);

impl Driver {
    pub(crate) fn start(scratch: &Scratch, script: &str) -> Self {
        let ssh = scratch.fake_ssh("OpenSSH_9.9p9", script);
        let mut command = Command::new(this_program());
        command.args(drive_words(scratch, &ssh, 9, USER, "password")).arg("true");
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a driver wrote when its launch was over.
pub(crate) fn result(scratch: &Scratch) -> String {
    eventually("the driver writes its result", || scratch.exists("result"));
    scratch.read("result")
}
