//! What a tunnel costs, beside plain TCP to the same server: `cargo bench -p anyssh-tests --bench tunnel`.
//!
//! The bytes go through a process of their own, as with `ssh`: this program starts itself as the pump. Each
//! number stands beside one of the same run, rounds are interleaved and medians compared.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its table")]
#![allow(clippy::disallowed_methods, reason = "it starts itself again, and is no library")]

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio as Streams};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyssh_core::ssh_key::PrivateKey;
use anyssh_core::ssh_key::private::Ed25519Keypair;
use anyssh_core::{
    Credential, Deadline, Endpoint, Expiry, Host, HostKey, HostTrust, Login, Port, Progress, Session, SessionId,
    Target, Transport, UserName, WebSocketUrl,
};
use anyssh_openssh::{Helper, LaunchOptions, Launcher, RemoteCommand, SshProgram};
use anyssh_server::{Account, BridgeConfig, Cut, Decision, LoginPolicy, Method, Server, ServerConfig, WebSocketBridge};
use anyssh_tunnel::{Dialer, FixedHeaders, Stdio, Stream, pump};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const GIB: usize = 1 << 30;
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, word, kind, place] = &words[..]
        && word == "pump"
    {
        return pump_once(kind, place);
    }
    let anyssh = build_release()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("| what | tunnel | beside | ratio or difference | aim |");
    println!("|---|---|---|---|---|");
    latency(&anyssh)?;
    throughput(&runtime)?;
    memory_of_the_helper(&anyssh)?;
    ready_to_connected(&runtime)?;
    cut_to_ended(&runtime, &anyssh)?;
    many_at_once(&runtime)?;
    Ok(())
}

/// The pump's process: between its own streams and a server. Its last word is what it cost.
fn pump_once(kind: &str, place: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut stream = dial(kind, place).await?;
        pump(&mut stream, &mut Stdio::of_process()?).await?;
        Ok::<_, Box<dyn Error>>(())
    })?;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    eprintln!("{} {}", ticks / 100.0, peak_of(Path::new("/proc/self/status"))?);
    Ok(())
}

async fn dial(kind: &str, place: &str) -> Result<Stream> {
    let deadline = Deadline::at(Instant::now() + Duration::from_secs(10));
    let transport = match kind {
        "tcp" => {
            let address: SocketAddr = place.parse()?;
            let port = Port::from_number("port", address.port().into())?;
            Transport::Tcp { host: Host::Address(address.ip()), port }
        }
        _ => Transport::WebSocket { url: WebSocketUrl::parse("url", place)?, headers: Vec::new(), ca_file: None },
    };
    Ok(Dialer::new().dial(&transport, deadline).await?)
}

/// A whole session with one command, over TCP and over a WebSocket.
fn latency(anyssh: &Path) -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..30 {
        for (target, times) in ["certificate", "tunnel"].into_iter().zip(&mut times) {
            let mut command = Command::new(anyssh);
            command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
            command.args(["mock", target, "--", "echo ok"]).stdin(Streams::null()).stderr(Streams::null());
            let start = Instant::now();
            let output = command.output()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            if !output.status.success() {
                return Err(format!("{target}: {}", output.status).into());
            }
        }
    }
    let [tcp, tunnel] = times.map(median);
    println!("| `anyssh mock … -- echo ok` | {tunnel:.1} ms | TCP {tcp:.1} ms | +{:.1} ms | +10 ms |", tunnel - tcp);
    Ok(())
}

/// 1 GiB each way through the pump, over a WebSocket and over TCP, and over TCP through socat.
fn throughput(runtime: &Runtime) -> Result<()> {
    let source = runtime.block_on(raw_server(true))?;
    let sink = runtime.block_on(raw_server(false))?;
    let (down, up) = {
        let _entered = runtime.enter();
        (WebSocketBridge::start(BridgeConfig::new(source))?, WebSocketBridge::start(BridgeConfig::new(sink))?)
    };
    for (name, address, bridge, run) in
        [("download", source, &down, download as fn(Child) -> Result<Cost>), ("upload", sink, &up, upload)]
    {
        let mut costs = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            costs[0].push(run(pump_process("ws", &bridge.url("/"))?)?);
            costs[1].push(run(pump_process("tcp", &address.to_string())?)?);
            if let Ok(socat) = piped(Command::new("socat").arg("-").arg(format!("TCP:{address}"))) {
                costs[2].push(run(socat)?);
            }
        }
        let rate = |costs: &[Cost]| median(costs.iter().map(|cost| 1024.0 / cost.seconds).collect());
        let cpu = |costs: &[Cost]| median(costs.iter().map(|cost| cost.cpu).collect());
        let (tunnel, tcp, socat) = (rate(&costs[0]), rate(&costs[1]), rate(&costs[2]));
        let aim = if name == "download" { "0.9 of socat" } else { "" };
        println!("| {name}, 1 GiB | {tunnel:.0} MiB/s | socat {socat:.0} MiB/s | {:.2} | {aim} |", tunnel / socat);
        println!("| {name}, 1 GiB | {tunnel:.0} MiB/s | our pump on TCP {tcp:.0} MiB/s | {:.2} | |", tunnel / tcp);
        let (own, plain) = (cpu(&costs[0]), cpu(&costs[1]));
        println!("| {name}, CPU of the pump | {own:.2} s/GiB | on TCP {plain:.2} s/GiB | | 0.2 s/GiB |");
        let memory = costs[0].iter().map(|cost| cost.memory).fold(0.0, f64::max);
        println!("| {name}, peak memory of the pump (this program) | {memory:.1} MiB | | | 12 MiB |");
    }
    Ok(())
}

/// What carrying 1 GiB took.
struct Cost {
    seconds: f64,
    cpu: f64,
    memory: f64,
}

fn download(mut child: Child) -> Result<Cost> {
    let _held_open = child.stdin.take();
    let mut output = child.stdout.take().ok_or("no stdout")?;
    let start = Instant::now();
    let (mut chunk, mut total) = (vec![0; 1 << 20], 0);
    while let count @ 1.. = output.read(&mut chunk)? {
        total += count;
    }
    if total != GIB {
        return Err(format!("{total} bytes came").into());
    }
    cost(child, start.elapsed())
}

fn upload(mut child: Child) -> Result<Cost> {
    let mut input = child.stdin.take().ok_or("no stdin")?;
    let start = Instant::now();
    let chunk = vec![b'u'; 1 << 20];
    for _ in 0..GIB >> 20 {
        input.write_all(&chunk)?;
    }
    // The server answers one byte when it has everything.
    let mut output = child.stdout.take().ok_or("no stdout")?;
    output.read_exact(&mut [0])?;
    let took = start.elapsed();
    drop(input);
    cost(child, took)
}

fn cost(child: Child, took: Duration) -> Result<Cost> {
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut numbers = said.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().and_then(std::result::Result::ok).unwrap_or_default();
    Ok(Cost { seconds: took.as_secs_f64(), cpu: next(), memory: next() })
}

fn pump_process(kind: &str, place: &str) -> Result<Child> {
    piped(Command::new(std::env::current_exe()?).args(["pump", kind, place]))
}

fn piped(command: &mut Command) -> Result<Child> {
    Ok(command.stdin(Streams::piped()).stdout(Streams::piped()).stderr(Streams::piped()).spawn()?)
}

/// A server that sends 1 GiB and ends, or takes 1 GiB and says so.
async fn raw_server(sends: bool) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut chunk = vec![b'd'; 256 * 1024];
                let mut left = GIB;
                while left > 0 {
                    let count = if sends {
                        stream.write(&chunk[..left.min(256 * 1024)]).await.unwrap_or(0)
                    } else {
                        stream.read(&mut chunk).await.unwrap_or(0)
                    };
                    if count == 0 {
                        return;
                    }
                    left -= count;
                }
                let said = if sends { Ok(()) } else { stream.write_all(b".").await };
                if said.and(stream.shutdown().await).is_ok() {
                    while stream.read(&mut chunk).await.is_ok_and(|count| count > 0) {}
                }
            });
        }
    });
    Ok(address)
}

/// The helper of a session that idles.
fn memory_of_the_helper(anyssh: &Path) -> Result<()> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(anyssh);
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let mut child = piped(command.args(["mock", "tunnel", "--", "head -c 100000000 /dev/zero; sleep 1; echo .; cat"]))?;
    let mut output = child.stdout.take().ok_or("no stdout")?;
    output.read_exact(&mut vec![0; 100_000_002])?;
    let is_helper =
        |path: &PathBuf| std::fs::read(path.join("cmdline")).is_ok_and(|words| words.ends_with(b"tunnel-helper\0v1\0"));
    let helper = std::fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path())).find(is_helper);
    let memory = peak_of(&helper.ok_or("no helper")?.join("status"))?;
    println!("| peak memory of the helper, 100 MB | {memory:.1} MiB | | | 12 MiB |");
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

fn peak_of(status: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(status)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// From the moment at which a route works to the end of the wait for it.
fn ready_to_connected(runtime: &Runtime) -> Result<()> {
    let upstream = runtime.block_on(hello())?;
    let mut times = Vec::new();
    for round in 0..15 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        drop(listener);
        let url = WebSocketUrl::parse("url", &format!("ws://{address}/"))?;
        let waiting = runtime.spawn(async move {
            let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
            let (headers, progress) = (FixedHeaders(Vec::new()), Progress::silent());
            Dialer::new().wait_until_ready(&url, &headers, &progress, deadline).await.map(|_| Instant::now())
        });
        std::thread::sleep(Duration::from_millis(2000 + round * 37));
        let _entered = runtime.enter();
        let _bridge =
            WebSocketBridge::start(BridgeConfig::new(upstream).with_listener(std::net::TcpListener::bind(address)?))?;
        let ready = Instant::now();
        times.push((runtime.block_on(waiting)?? - ready).as_secs_f64() * 1e3);
    }
    println!("| route ready to connected, after 2 s | {:.0} ms | | | 100 ms |", median(times));
    Ok(())
}

async fn hello() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { stream.write_all(b"SSH-2.0-x\r\n").await.map(|()| stream) });
        }
    });
    Ok(address)
}

/// From the cut of an idle tunnel to the end of ssh.
fn cut_to_ended(runtime: &Runtime, anyssh: &Path) -> Result<()> {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
    let config = ServerConfig::new(key.clone(), Arc::new(Anybody), Account::nobody());
    let server = runtime.block_on(Server::start(config))?;
    let base = tempfile::tempdir()?;
    let launcher =
        Launcher::new(SshProgram::at("/usr/bin/ssh")?, base.path().join("run")).with_helper(Helper::new(anyssh)?);
    for (name, how) in [("FIN", Cut::Fin), ("RST", Cut::Rst), ("close frame", Cut::CloseFrame(1001))] {
        let bridge = {
            let _entered = runtime.enter();
            WebSocketBridge::start(BridgeConfig::new(server.addr()))?
        };
        let session = session(&bridge, &key)?;
        let launcher = launcher.clone();
        let running = runtime.spawn(async move {
            let options = LaunchOptions::new().with_remote_command(RemoteCommand::from_words(&["sleep 60"])?);
            let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
            launcher.output(&session, &options, deadline).await?;
            Ok::<_, Box<dyn Error + Send + Sync>>(Instant::now())
        });
        std::thread::sleep(Duration::from_millis(1500));
        let cut = Instant::now();
        bridge.cut_tunnels(how);
        let ended = runtime.block_on(running)?.map_err(|error| error.to_string())?;
        println!(
            "| idle tunnel cut ({name}) to ssh ended | {:.0} ms | | | 1000 ms |",
            (ended - cut).as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn session(bridge: &WebSocketBridge, host_key: &PrivateKey) -> Result<Session> {
    let url = WebSocketUrl::parse("url", &bridge.url("/"))?;
    let host_trust = HostTrust::Pinned(vec![HostKey::from_public_key(host_key.public_key()).ok_or("no host key")?]);
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&[9; 32]));
    Ok(Session::new(
        SessionId::parse("id", "bench")?,
        Target::parse("target", "bench")?,
        Endpoint { transport: Transport::WebSocket { url, headers: Vec::new(), ca_file: None }, host_trust },
        Login { user: UserName::parse("user", "me")?, credential: Credential::Key(Arc::new(key)) },
        Expiry::Unknown,
    ))
}

/// Lets every key in.
#[derive(Debug)]
struct Anybody;

impl LoginPolicy for Anybody {
    fn methods(&self) -> Vec<Method> {
        vec![Method::PublicKey]
    }

    fn public_key(&self, _: &str, _: &anyssh_core::ssh_key::PublicKey) -> Decision {
        Decision::Accept
    }
}

/// 64 tunnels, each of them 16 MiB there and back, compared byte by byte.
fn many_at_once(runtime: &Runtime) -> Result<()> {
    const SIZE: usize = 16 << 20;
    let start = Instant::now();
    runtime
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let bridge = WebSocketBridge::start(BridgeConfig::new(listener.local_addr()?))?;
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let (mut read, mut write) = stream.split();
                        tokio::io::copy(&mut read, &mut write).await
                    });
                }
            });
            let mut tunnels = tokio::task::JoinSet::new();
            for seed in 0..64_u32 {
                let stream = dial("ws", &bridge.url("/")).await?;
                tunnels.spawn(async move {
                    let byte = move |n: usize| ((n as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8;
                    let (mut read, mut write) = tokio::io::split(stream);
                    let sent: Vec<u8> = (0..SIZE).map(byte).collect();
                    let writing =
                        tokio::spawn(
                            async move { write.write_all(&sent).await.and(write.flush().await).map(|()| write) },
                        );
                    let mut got = vec![0; SIZE];
                    let read = read.read_exact(&mut got).await;
                    let exact = read.is_ok() && got.iter().enumerate().all(|(n, found)| *found == byte(n));
                    exact && writing.await.is_ok_and(|written| written.is_ok())
                });
            }
            if tunnels.join_all().await.into_iter().all(|exact| exact) { Ok(()) } else { Err("bytes were lost".into()) }
        })
        .map_err(|error: Box<dyn Error>| error)?;
    println!("| 64 tunnels of 16 MiB each way, byte-exact | {:.1} s | | | |", start.elapsed().as_secs_f64());
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The command as users have it.
fn build_release() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no workspace")?;
    let build = ["build", "--release", "--quiet", "-p", "anyssh"];
    if !Command::new(env!("CARGO")).current_dir(root).args(build).status()?.success() {
        return Err("the release build failed".into());
    }
    let metadata = ["metadata", "--format-version=1", "--no-deps", "--offline"];
    let output = Command::new(env!("CARGO")).current_dir(root).args(metadata).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let target = metadata["target_directory"].as_str().ok_or("no target directory")?;
    Ok(Path::new(target).join("release/anyssh"))
}
