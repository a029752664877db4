//! Much data through the real helper and the real `ssh`: the session's own streams, and forwarded ports.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};

use rustix::process::Signal;

use super::flyte;
use super::support::{Anyssh, Home, PATIENCE, until};

/// Bytes that are different everywhere.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// N6: 64 MiB up while 64 MiB come down, through `ssh`, the helper and a WebSocket.
#[test]
fn sixty_four_mebibytes_each_way_go_through_the_helper() {
    let home = Home::new();
    goes_through(home.anyssh(&["-q", "mock", "tunnel", "--", "cat; exit 7"]));
    let (home, emulator) = (flyte::home(), flyte::builder().start_blocking().unwrap());
    goes_through(flyte::anyssh(&home, &emulator, &["-q", "flyte", flyte::RUN, "--", "cat; exit 7"]));
}

#[track_caller]
fn goes_through(run: Anyssh) {
    let sent = bytes(64 << 20);
    let ran = run.stdin(sent.clone()).run();
    assert!(ran.exits(7).stdout == sent, "{} bytes came back", ran.stdout.len());
    assert_eq!(ran.stderr, "");
}

/// N6: a forwarded port carries every byte both ways, several connections at once, and the end of each.
#[test]
fn a_forwarded_port_carries_every_byte_over_a_web_socket() {
    let (home, emulator) = (flyte::home(), flyte::builder().start_blocking().unwrap());
    let plain = Home::new();
    for run in [plain.anyssh(&["mock", "tunnel"]), flyte::anyssh(&home, &emulator, &["flyte", flyte::RUN])] {
        let (echo, port) = (echo_server(), free_port());
        let forward = format!("127.0.0.1:{port}:127.0.0.1:{echo}");
        let running = run.word("-N").word("-o").word("ExitOnForwardFailure=yes").word("-L").word(forward).start();
        until(&format!("the forward; {}", running.stderr()), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        std::thread::scope(|scope| {
            for number in 1..=4 {
                scope.spawn(move || comes_back(port, &bytes(number << 20)));
            }
        });
        running.signal(Signal::TERM);
        running.finish().exits(143);
    }
    until("the end of all tunnels", || emulator.tunnels() == 0);
}

/// All that is sent, and after its end the end.
#[track_caller]
fn comes_back(port: u16, sent: &[u8]) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let mut got = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            writer.write_all(sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        stream.read_to_end(&mut got).unwrap();
    });
    assert!(got == sent, "{} of {} bytes came back", got.len(), sent.len());
}

/// Says to each connection what it hears, until that ends.
fn echo_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut from, mut to) = (&stream, &stream);
                let _gone = std::io::copy(&mut from, &mut to);
                let _gone = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
