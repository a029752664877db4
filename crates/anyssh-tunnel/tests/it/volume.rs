//! N6: large amounts, both ways at once and independent of each other, compared byte for byte as they flow.

use std::net::SocketAddr;
use std::time::Duration;

use anyssh_server::Script;
use anyssh_tunnel::{Dialer, Stdio, Stream, pump};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::kit::{Tokens, bridge, server, url, within};

/// Not a power of two, so that its ends fall everywhere in reads, frames and buffers.
const BLOCK: usize = 65_521;

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes whose every block is another one: what is lost, doubled, moved or changed is seen where it happens.
/// Nothing of it is held but one block.
struct Pattern {
    block: Vec<u8>,
    number: u64,
}

impl Pattern {
    fn new(seed: u64) -> Self {
        let mut state = seed;
        let byte = |_| {
            // SplitMix64's step; the upper bits are its best.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 56) as u8
        };
        Self { block: (0..BLOCK).map(byte).collect(), number: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.block[..8].copy_from_slice(&self.number.to_le_bytes());
        self.number += 1;
        &self.block
    }
}

async fn write(mut to: impl AsyncWrite + Unpin, seed: u64, mut left: usize) {
    let mut pattern = Pattern::new(seed);
    while left > 0 {
        let count = left.min(BLOCK);
        to.write_all(&pattern.next()[..count]).await.unwrap();
        left -= count;
    }
    to.flush().await.unwrap();
}

async fn check(from: &mut (impl AsyncRead + Unpin), seed: u64, mut left: usize) {
    let (mut pattern, mut got) = (Pattern::new(seed), vec![0; BLOCK]);
    while left > 0 {
        let count = left.min(BLOCK);
        from.read_exact(&mut got[..count]).await.unwrap();
        assert!(got[..count] == pattern.next()[..count], "seed {seed}, block {}", pattern.number - 1);
        left -= count;
    }
}

/// The seed of one tunnel's way up; that of its way down is the next one.
fn seed(tunnel: u64) -> u64 {
    tunnel * 2
}

/// Each connection says which tunnel it is with its first byte. It is sent `amount` bytes while as many are
/// checked, and reports when they were there, and again when nothing came after them.
async fn checking_server(amount: usize, reports: mpsc::Sender<u64>) -> SocketAddr {
    server(move |stream| {
        let reports = reports.clone();
        async move {
            let (mut read, mut write_half) = stream.into_split();
            let tunnel = u64::from(read.read_u8().await.unwrap());
            let sending = tokio::spawn(async move {
                write(&mut write_half, seed(tunnel) + 1, amount).await;
                write_half
            });
            check(&mut read, seed(tunnel), amount).await;
            reports.send(tunnel).await.unwrap();
            assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0, "more than was sent");
            drop(sending.await.unwrap());
            reports.send(tunnel).await.unwrap();
        }
    })
    .await
}

/// One tunnel between a program and the server: everything is there, and nothing else.
async fn carry(mut stream: Stream, tunnel: u8, amount: usize) {
    let (mut to_pump, input) = duplex(64 * 1024);
    let (output, mut from_pump) = duplex(64 * 1024);
    let pumping = tokio::spawn(async move {
        let mut stdio = Stdio::new(input, output);
        pump(&mut stream, &mut stdio).await.unwrap()
    });
    let sending = tokio::spawn(async move {
        to_pump.write_u8(tunnel).await.unwrap();
        write(&mut to_pump, seed(tunnel.into()), amount).await;
        to_pump
    });
    check(&mut from_pump, seed(tunnel.into()) + 1, amount).await;
    // What is still on its way up goes before the close frame.
    drop(sending.await.unwrap());
    let mut rest = Vec::new();
    from_pump.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "tunnel {tunnel}: {} bytes more than were sent", rest.len());
    pumping.await.unwrap();
}

/// So many tunnels at once, with so much each way in each.
async fn carry_all(tunnels: u8, amount: usize) {
    let (reports, mut reported) = mpsc::channel(256);
    let bridge = bridge(checking_server(amount, reports).await, Script::new());
    let mut running = JoinSet::new();
    for tunnel in 0..tunnels {
        let stream = Dialer::new().dial_web_socket(&url(&bridge), &Tokens::good(), within(30_000)).await.unwrap();
        running.spawn(carry(stream, tunnel, amount));
    }
    tokio::time::timeout(PATIENCE, running.join_all()).await.expect("a tunnel hangs");
    for _ in 0..2 * u16::from(tunnels) {
        tokio::time::timeout(PATIENCE, reported.recv()).await.expect("the server saw something else").unwrap();
    }
}

/// N6: a long way up and down, without a byte held back, doubled or moved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_each_way_is_exact() {
    carry_all(1, 1 << 30).await;
}

/// N6: and no byte of one tunnel in another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tunnels_at_once_carry_sixteen_mebibytes_each_way() {
    carry_all(64, 16 << 20).await;
}
