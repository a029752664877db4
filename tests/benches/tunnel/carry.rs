//! Bytes through a process between two pipes, as `ssh` has it: ours, the vendor's, and `socat` on plain TCP.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio as Streams};
use std::time::{Duration, Instant};

use anyssh_core::{Deadline, Transport, WebSocketUrl};
use anyssh_server::{BridgeConfig, WebSocketBridge};
use anyssh_tunnel::{Dialer, Stdio, pump};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::{Result, median};

const MIB: usize = 1 << 20;
const ROUNDS: usize = 5;
/// The vendor's takes so long for its bytes that it is given fewer of them.
const AMOUNTS: [usize; 3] = [1024 * MIB, 128 * MIB, 1024 * MIB];
/// A taker says a byte after so many.
const STEP: usize = 64 * MIB;

/// The process that this program starts itself as: what the helper of `ssh` does, without `ssh`.
pub(super) fn pump_of_ours(url: &str) -> Result<()> {
    let transport = Transport::WebSocket { url: WebSocketUrl::parse("url", url)?, headers: Vec::new(), ca_file: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let deadline = Deadline::at(Instant::now() + Duration::from_secs(10));
        let mut stream = Dialer::new().dial(&transport, deadline).await?;
        pump(&mut stream, &mut Stdio::of_process()?).await?;
        Ok(())
    })
}

pub(super) fn rows(runtime: &Runtime, theirs: &Path) -> Result<()> {
    let (giver, taker) =
        runtime.block_on(async { Ok::<_, std::io::Error>((serve(give).await?, serve(take).await?)) })?;
    row("download", giver, download, runtime, theirs)?;
    row("upload", taker, upload, runtime, theirs)?;
    floor()
}

/// What this machine takes for the same bytes from one pipe to another, without any network.
fn floor() -> Result<()> {
    let amount = AMOUNTS[0];
    let costs = (0..ROUNDS).map(|_| {
        cost(
            Command::new("cat"),
            |child, amount| {
                let mut input = child.stdin.take().ok_or("no stdin")?;
                let writing = std::thread::spawn(move || -> std::io::Result<_> {
                    let chunk = vec![b'c'; MIB];
                    (0..amount / MIB).try_for_each(|_| input.write_all(&chunk)).map(|()| input)
                });
                download(child, amount)?;
                // Its input stays open: it is looked at while it is there.
                child.stdin = Some(writing.join().map_err(|_| "the writer panicked")??);
                Ok(())
            },
            amount,
        )
    });
    let costs = costs.collect::<Result<Vec<_>>>()?;
    let cpu = median(costs.iter().map(|cost| cost.cpu).collect());
    println!("| CPU for each GiB through `cat`, from pipe to pipe | | | {cpu:.2} s | |");
    Ok(())
}

/// What carrying so many bytes took, for each GiB of them.
struct Cost {
    seconds: f64,
    cpu: f64,
    memory: f64,
}

type Carry = fn(&mut Child, usize) -> Result<()>;

fn row(name: &str, server: SocketAddr, carry: Carry, runtime: &Runtime, theirs: &Path) -> Result<()> {
    let bridge = {
        let _entered = runtime.enter();
        WebSocketBridge::start(BridgeConfig::new(server))?
    };
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let mut ours = Command::new(std::env::current_exe()?);
        ours.args(["pump", &bridge.url("/")]);
        let mut official = Command::new(theirs);
        official.arg(bridge.url("/"));
        let mut socat = Command::new("socat");
        socat.arg("-").arg(format!("TCP:{server}"));
        for ((command, amount), costs) in [ours, official, socat].into_iter().zip(AMOUNTS).zip(&mut costs) {
            costs.push(cost(command, carry, amount)?);
        }
    }
    let of = |number: fn(&Cost) -> f64| costs.each_ref().map(|costs| median(costs.iter().map(number).collect()));
    let [ours, official, plain] = of(|cost| 1024.0 / cost.seconds);
    let (ratio, their_ratio) = (ours / plain, official / plain);
    let aim = if name == "download" { "0.9 of socat" } else { "" };
    println!(
        "| {name} | {ours:.0} MiB/s: {ratio:.2} of socat | {official:.0} MiB/s: {their_ratio:.2} | socat: {plain:.0} MiB/s | {aim} |"
    );
    let [ours, official, plain] = of(|cost| cost.cpu);
    println!("| CPU for each GiB of {name} | {ours:.2} s | {official:.2} s | socat: {plain:.2} s | 0.2 s |");
    let [ours, official, plain] = of(|cost| cost.memory);
    println!("| peak memory of that | {ours:.1} MiB | {official:.1} MiB | socat: {plain:.1} MiB | 12 MiB |");
    Ok(())
}

fn cost(mut command: Command, carry: Carry, amount: usize) -> Result<Cost> {
    let mut child = command.stdin(Streams::piped()).stdout(Streams::piped()).stderr(Streams::null()).spawn()?;
    let start = Instant::now();
    let carried = carry(&mut child, amount);
    let gibs = amount as f64 / 1024.0 / MIB as f64;
    let seconds = start.elapsed().as_secs_f64() / gibs;
    // It is still there: what it took can be read.
    let cost = cpu(child.id()).and_then(|cpu| Ok(Cost { seconds, cpu: cpu / gibs, memory: peak_memory(child.id())? }));
    child.kill()?;
    child.wait()?;
    carried.and(cost)
}

/// In seconds, user and system together.
fn cpu(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let [user, system] = [fields[11].parse::<f64>()?, fields[12].parse::<f64>()?];
    Ok((user + system) / 100.0)
}

/// In MiB.
pub(super) fn peak_memory(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

fn download(child: &mut Child, amount: usize) -> Result<()> {
    let output = child.stdout.as_mut().ok_or("no stdout")?;
    let (mut chunk, mut left) = (vec![0; MIB], amount);
    while left > 0 {
        match output.read(&mut chunk[..left.min(MIB)])? {
            0 => return Err(format!("it ended {left} bytes too early").into()),
            count => left -= count,
        }
    }
    Ok(())
}

fn upload(child: &mut Child, amount: usize) -> Result<()> {
    let (input, output) = (child.stdin.as_mut().ok_or("no stdin")?, child.stdout.as_mut().ok_or("no stdout")?);
    let chunk = vec![b'u'; MIB];
    for _ in 0..amount / MIB {
        input.write_all(&chunk)?;
    }
    Ok(output.read_exact(&mut vec![0; amount / STEP])?)
}

/// A server on loopback that does this with each connection.
async fn serve<F>(what: fn(TcpStream) -> F) -> std::io::Result<SocketAddr>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(what(stream));
        }
    });
    Ok(address)
}

async fn give(mut stream: TcpStream) -> std::io::Result<()> {
    let chunk = vec![b'd'; 256 * 1024];
    loop {
        stream.write_all(&chunk).await?;
    }
}

async fn take(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut chunk, mut taken) = (vec![0; 256 * 1024], 0);
    while let count @ 1.. = stream.read(&mut chunk).await? {
        let before = taken / STEP;
        taken += count;
        stream.write_all(&vec![b'.'; taken / STEP - before]).await?;
    }
    Ok(())
}
