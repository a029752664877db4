//! The verb `tunnel` between streams of every kind: pipes, sockets, files, and where there is no `/proc`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyssh_server::{BridgeConfig, WebSocketBridge};
use anyssh_tests::guest::Scenario;
use rustix::fs::{OFlags, fcntl_getfl};

use super::support::{Home, PATIENCE, file};

/// A server that sends `said`, hears until the end, and ends; what it heard.
fn server(said: Vec<u8>) -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, hears) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut writer = stream.try_clone().unwrap();
            let said = said.clone();
            let saying = std::thread::spawn(move || {
                let _gone = writer.write_all(&said);
            });
            let mut got = Vec::new();
            let _gone = stream.read_to_end(&mut got);
            saying.join().unwrap();
            let _gone = stream.shutdown(Shutdown::Both);
            heard.send(got).unwrap();
        }
    });
    (port, hears)
}

fn bytes(seed: u32, count: u32) -> Vec<u8> {
    (0..count).map(|n| ((n ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A guest whose session is this server, once over TCP and once over a WebSocket.
fn scenarios(port: u16) -> (tokio::runtime::Runtime, WebSocketBridge, [Scenario; 2]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bridge = {
        let _entered = runtime.enter();
        WebSocketBridge::start(BridgeConfig::new(([127, 0, 0, 1], port).into())).unwrap()
    };
    let mut tcp = Scenario::default();
    tcp.session.port = port;
    let mut web_socket = tcp.clone();
    web_socket.session.web_socket = Some(bridge.url("/ssh"));
    (runtime, bridge, [tcp, web_socket])
}

/// The verb between these two descriptors, in a command of the test's.
fn verb(home: &Home, scenario: &Scenario, input: impl Into<Stdio>, output: impl Into<Stdio>) -> Command {
    let mut command = home.guest(scenario, &["-q", "tunnel", "guest", "room"]).command();
    command.stdin(input).stdout(output).stderr(Stdio::piped()).env_remove("TERM");
    command
}

#[track_caller]
fn ends_well(mut command: Command) {
    let mut child = command.spawn().unwrap();
    // Ours of what the child has.
    drop(command);
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
}

/// N6: one socket for both ways, as some programs have for their ProxyCommand; its flags are put back.
#[test]
fn a_socket_carries_every_byte_and_keeps_its_flags() {
    let (said, sent) = (bytes(1, 2_000_000), bytes(2, 2_000_000));
    let (port, hears) = server(said.clone());
    let (_runtime, _bridge, scenarios) = scenarios(port);
    for scenario in scenarios {
        let home = Home::new();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let kept = theirs.try_clone().unwrap();
        let [input, output] = [theirs.try_clone().unwrap(), theirs].map(OwnedFd::from);
        let command = verb(&home, &scenario, input, output);
        std::thread::scope(|scope| {
            let (mut reader, mut writer) = (ours.try_clone().unwrap(), &ours);
            let reading = scope.spawn(move || {
                let mut got = vec![0; 2_000_000];
                reader.read_exact(&mut got).unwrap();
                got
            });
            let ending = scope.spawn(|| ends_well(command));
            writer.write_all(&sent).unwrap();
            assert!(reading.join().unwrap() == said);
            ours.shutdown(Shutdown::Write).unwrap();
            ending.join().unwrap();
        });
        assert!(hears.recv_timeout(PATIENCE).unwrap() == sent);
        assert!(!fcntl_getfl(&kept).unwrap().contains(OFlags::NONBLOCK));
    }
}

/// N6: files, whose end is the end of the input. Over TCP the server may answer after it; a WebSocket has no
/// half-close, so only what came before the end is certain to arrive there.
#[test]
fn files_are_sent_whole_and_answers_are_written_to_files() {
    let (said, sent) = (bytes(3, 1_000_000), bytes(4, 1_000_000));
    let (port, hears) = server(said.clone());
    let (_runtime, _bridge, [tcp, web_socket]) = scenarios(port);
    for (scenario, whole) in [(tcp, true), (web_socket, false)] {
        let home = Home::new();
        let (input, output) = (home.beside("input"), home.beside("output"));
        file(&output, "", 0o600);
        std::fs::File::create(&input).unwrap().write_all(&sent).unwrap();
        let (from, to) = (File::open(&input).unwrap(), File::options().write(true).open(&output).unwrap());
        ends_well(verb(&home, &scenario, from, to));
        assert!(hears.recv_timeout(PATIENCE).unwrap() == sent);
        let got = std::fs::read(&output).unwrap();
        assert!(said.starts_with(&got) && (!whole || got.len() == said.len()), "{} bytes", got.len());
    }
}

/// N6: pipes where `/proc` is not there to open them anew, as on other systems.
#[test]
fn without_proc_pipes_carry_every_byte_and_keep_their_flags() {
    let hidden = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
    let in_namespace = |words: &[&str]| {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--user", "--map-root-user", "--mount", "/bin/sh", "-c"]).args(words);
        command
    };
    if !in_namespace(&[hidden, "/bin/true"]).output().is_ok_and(|output| output.status.success()) {
        // Not everybody may have namespaces; what they show end to end a test of `stdio.rs` shows for its part.
        let _ = writeln!(std::io::stderr(), "left out: there are no namespaces here");
        return;
    }
    let (said, sent) = (bytes(5, 2_000_000), bytes(6, 2_000_000));
    let (port, hears) = server(said.clone());
    let (_runtime, _bridge, scenarios) = scenarios(port);
    for scenario in scenarios {
        let home = Home::new();
        let (from, mut to_verb) = std::io::pipe().unwrap();
        let (mut from_verb, to) = std::io::pipe().unwrap();
        let kept = [OwnedFd::from(from.try_clone().unwrap()), OwnedFd::from(to.try_clone().unwrap())];
        let plain = verb(&home, &scenario, Stdio::null(), Stdio::null());
        let mut command = in_namespace(&[hidden]);
        command.arg(plain.get_program()).args(plain.get_args()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(from).stdout(to).stderr(Stdio::piped());
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut got = vec![0; 2_000_000];
                from_verb.read_exact(&mut got).unwrap();
                got
            });
            let ending = scope.spawn(|| ends_well(command));
            to_verb.write_all(&sent).unwrap();
            assert!(reading.join().unwrap() == said);
            drop(to_verb);
            ending.join().unwrap();
        });
        assert!(hears.recv_timeout(PATIENCE).unwrap() == sent);
        assert!(kept.iter().all(|end| !fcntl_getfl(end).unwrap().contains(OFlags::NONBLOCK)));
    }
}
