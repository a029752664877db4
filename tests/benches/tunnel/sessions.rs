//! Whole SSH sessions through a tunnel, with the real `ssh` and one server behind all of them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::ssh_key::{LineEnding, PrivateKey, PublicKey};
use anyssh_core::{
    Credential, Deadline, Endpoint, Expiry, Host, HostKey, HostTrust, Login, Port, Session, SessionId, Target,
    Transport, UserName, WebSocketUrl,
};
use anyssh_openssh::{Helper, LaunchOptions, Launcher, RemoteCommand, SshProgram};
use anyssh_server::{Account, BridgeConfig, Cut, Decision, LoginPolicy, Method, Server, ServerConfig, WebSocketBridge};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Result, carry, median};

const ROUNDS: usize = 30;

pub(super) fn rows(runtime: &Runtime, anyssh: &Path, theirs: &Path) -> Result<()> {
    let place = Place::new(runtime, anyssh)?;
    place.echo(runtime, theirs)?;
    place.cut(runtime, theirs)?;
    memory_of_the_helper(anyssh)
}

/// A server, a bridge before it, and what logs in to it.
struct Place {
    server: Server,
    bridge: WebSocketBridge,
    launcher: Launcher,
    host_key: PublicKey,
    directory: TempDir,
}

impl Place {
    fn new(runtime: &Runtime, anyssh: &Path) -> Result<Self> {
        let host_key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
        let config = ServerConfig::new(host_key.clone(), Arc::new(Anybody), Account::nobody());
        let server = runtime.block_on(Server::start(config))?;
        let bridge = {
            let _entered = runtime.enter();
            WebSocketBridge::start(BridgeConfig::new(server.addr()))?
        };
        let directory = tempfile::tempdir()?;
        login_key().write_openssh_file(directory.path().join("key"), LineEnding::LF)?;
        let host_key = host_key.public_key().clone();
        std::fs::write(directory.path().join("known_hosts"), format!("bench {}\n", host_key.to_openssh()?))?;
        let launcher = Launcher::new(SshProgram::at("/usr/bin/ssh")?, directory.path().join("run"))
            .with_helper(Helper::new(anyssh)?);
        Ok(Self { server, bridge, launcher, host_key, directory })
    }

    /// The same command over TCP and through a tunnel: ours with our launcher both times, the others as a
    /// user would write them down.
    fn echo(&self, runtime: &Runtime, theirs: &Path) -> Result<()> {
        let socat = format!("socat - TCP:{}", self.server.addr());
        let proxy = format!("{} {}", theirs.display(), self.bridge.url("/"));
        let mut times = [const { Vec::new() }; 5];
        for _ in 0..ROUNDS {
            let seconds = [
                timed(|| ends_well(&mut self.ssh(None, "echo ok")))?,
                timed(|| ends_well(&mut self.ssh(Some(&socat), "echo ok")))?,
                timed(|| ends_well(&mut self.ssh(Some(&proxy), "echo ok")))?,
                timed(|| runtime.block_on(self.launch(self.over_tcp()?)))?,
                timed(|| runtime.block_on(self.launch(self.over_web_socket()?)))?,
            ];
            for (times, seconds) in times.iter_mut().zip(seconds) {
                times.push(seconds * 1e3);
            }
        }
        let [tcp, socat, official, ours_tcp, ours] = times.map(median);
        let (extra, their_extra, socat_extra) = (ours - ours_tcp, official - tcp, socat - tcp);
        println!(
            "| `echo ok`, more than over TCP | {extra:+.1} ms (to {ours:.0} ms) | {their_extra:+.1} ms (to {official:.0} ms) | socat: {socat_extra:+.1} ms (to {socat:.0} ms) | +10 ms |"
        );
        Ok(())
    }

    /// From the cut of an idle tunnel to the end of ssh.
    fn cut(&self, runtime: &Runtime, theirs: &Path) -> Result<()> {
        for (name, how) in [("FIN", Cut::Fin), ("RST", Cut::Rst), ("close frame", Cut::CloseFrame(1001))] {
            let session = self.over_web_socket()?;
            let ours = std::thread::scope(|scope| {
                let running =
                    scope.spawn(|| runtime.block_on(self.output(session, "sleep 60")).map(|_| Instant::now()));
                let since = self.cut_when_idle(how);
                let ended = running.join().map_err(|_| "the launch panicked")?;
                Ok::<_, Box<dyn std::error::Error>>((ended.map_err(|error| error.to_string())? - since).as_secs_f64())
            })?;
            let official = self.cut_theirs(how, theirs)?;
            println!(
                "| idle tunnel cut ({name}) to the end of ssh | {:.0} ms | {:.1} s | | 1 s |",
                ours * 1e3,
                official
            );
        }
        Ok(())
    }

    /// `ServerAliveInterval 30` is what the vendor's block for ssh_config says.
    fn cut_theirs(&self, how: Cut, theirs: &Path) -> Result<f64> {
        let proxy = format!("{} {}", theirs.display(), self.bridge.url("/"));
        let mut ssh = self.ssh(Some(&proxy), "sleep 100").spawn()?;
        let since = self.cut_when_idle(how);
        ssh.wait()?;
        Ok(since.elapsed().as_secs_f64())
    }

    /// A tunnel that carries nothing can only be seen from outside: a second and a half is more than a login takes.
    fn cut_when_idle(&self, how: Cut) -> Instant {
        std::thread::sleep(Duration::from_millis(1500));
        let since = Instant::now();
        self.bridge.cut_tunnels(how);
        since
    }

    async fn launch(&self, session: Session) -> Result<()> {
        let output = self.output(session, "echo ok").await.map_err(|error| error.to_string())?;
        if output == b"ok\n" { Ok(()) } else { Err(format!("it printed {output:?}").into()) }
    }

    async fn output(
        &self,
        session: Session,
        command: &str,
    ) -> std::result::Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&[command])?);
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
        Ok(self.launcher.output(&session, &options, deadline).await?.stdout)
    }

    fn over_tcp(&self) -> Result<Session> {
        let address = self.server.addr();
        let port = Port::from_number("port", address.port().into())?;
        self.session(Transport::Tcp { host: Host::Address(address.ip()), port })
    }

    fn over_web_socket(&self) -> Result<Session> {
        let url = WebSocketUrl::parse("url", &self.bridge.url("/"))?;
        self.session(Transport::WebSocket { url, headers: Vec::new(), ca_file: None })
    }

    fn session(&self, transport: Transport) -> Result<Session> {
        let host_key = HostKey::from_public_key(&self.host_key).ok_or("no host key")?;
        Ok(Session::new(
            SessionId::parse("id", "bench")?,
            Target::parse("target", "bench")?,
            Endpoint { transport, host_trust: HostTrust::Pinned(vec![host_key]) },
            Login { user: UserName::parse("user", "me")?, credential: Credential::Key(Arc::new(login_key())) },
            Expiry::Unknown,
        ))
    }

    fn ssh(&self, proxy: Option<&str>, remote: &str) -> Command {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let mut command = Command::new("/usr/bin/ssh");
        command.args(["-F", "none", "-oIdentitiesOnly=yes", "-oIdentityAgent=none", "-oHostKeyAlias=bench"]);
        command.args(["-oStrictHostKeyChecking=yes", "-oGlobalKnownHostsFile=/dev/null", "-oServerAliveInterval=30"]);
        command.arg(format!("-oUserKnownHostsFile={}", at("known_hosts"))).args(["-i", &at("key")]);
        command.args(proxy.map(|proxy| format!("-oProxyCommand={proxy}")));
        command.args(["-p", &self.server.addr().port().to_string(), "-l", "me", "127.0.0.1", remote]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn login_key() -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[9; 32]))
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn ends_well(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

/// The real helper, below the real `ssh`, with 100 MB.
fn memory_of_the_helper(anyssh: &Path) -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut command = super::common::quiet(anyssh, home.path());
    command.args(["mock", "tunnel", "--", "head -c 100000000 /dev/zero; echo; cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut output = child.stdout.take().ok_or("no stdout")?;
    std::io::Read::read_exact(&mut output, &mut vec![0; 100_000_001])?;
    let is_helper =
        |path: &PathBuf| std::fs::read(path.join("cmdline")).is_ok_and(|words| words.ends_with(b"tunnel-helper\0v1\0"));
    let helper = std::fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path())).find(is_helper);
    let helper = helper.and_then(|path| path.file_name()?.to_str()?.parse().ok()).ok_or("no helper")?;
    let memory = carry::peak_memory(helper)?;
    println!("| peak memory of the helper of `ssh`, 100 MB | {memory:.1} MiB | | | 12 MiB |");
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

/// Lets every key in.
#[derive(Debug)]
struct Anybody;

impl LoginPolicy for Anybody {
    fn methods(&self) -> Vec<Method> {
        vec![Method::PublicKey]
    }

    fn public_key(&self, _: &str, _: &PublicKey) -> Decision {
        Decision::Accept
    }
}
