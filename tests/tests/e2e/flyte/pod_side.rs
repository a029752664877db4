//! Our client and our tunnel with the pod side that the vendor ships: asyncssh behind its own bridge.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyssh_testkit::emulator::FlyteEmulator;
use anyssh_testkit::{Terminal, key};

use super::super::support::{Home, PATIENCE, file, until};
use super::{RUN, anyssh, builder, home};
use crate::sdk::PodSide;

fn start() -> (PodSide, FlyteEmulator) {
    let (pod, emulator) = (PodSide::start(key(1).public_key()), builder().start_blocking().unwrap());
    emulator.lead_to(RUN, pod.port());
    (pod, emulator)
}

/// One pod for all that is short: it takes seconds to start.
#[test]
fn commands_run_in_the_vendors_pod_with_streams_status_and_terminal() {
    let (pod, emulator) = start();
    let home = home();
    let run = |words: &[&str]| anyssh(&home, &emulator, &[&["flyte", RUN], words].concat());

    let plain = run(&["--", "echo out; echo err >&2; echo $HOME; exit 7"]).run();
    assert_eq!(plain.exits(7).text(), format!("out\n{}\n", pod.home().home().display()));
    assert!(plain.stderr.contains("err\n"), "{}", plain.stderr);

    let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let through = run(&["--", "cat"]).stdin(bytes.clone()).run();
    assert!(through.exits(0).stdout == bytes, "{} bytes came back", through.stdout.len());

    let in_terminal = run(&["-t", "--", "test -t 0 && test -t 1 && stty size && echo a terminal; exit 5"]);
    let mut terminal = Terminal::spawn(&in_terminal.command()).unwrap();
    terminal.wait_for("a terminal", PATIENCE).unwrap();
    assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 5, "{}", terminal.screen());

    // The key that was seen first is known from now on, and it is the pod's.
    let pins: Vec<_> =
        home.files().into_iter().filter(|path| path.components().any(|part| part.as_os_str() == "pins")).collect();
    let [pin] = &pins[..] else { panic!("{pins:?}") };
    let pinned = std::fs::read_to_string(pin).unwrap();
    let line = pod.host_key().to_openssh().unwrap();
    assert!(pinned.contains(line.split(' ').nth(1).unwrap()), "{pinned}");
}

/// `-L` to the pod's own SSH port, and through that, so through our tunnel twice over, what OpenSSH's
/// programs do with the vendor's server.
#[test]
fn forwards_sftp_and_scp_go_through_our_tunnel_to_the_vendors_server() {
    let (pod, emulator) = start();
    let home = home();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let forward = format!("{port}:127.0.0.1:{}", pod.ssh_port());
    let running = anyssh(&home, &emulator, &["flyte", RUN, "-N", "-L", &forward]).start();
    let mut said = [0; 17];
    let mut speaks = || TcpStream::connect(("127.0.0.1", port))?.read_exact(&mut said);
    until(&format!("the forward; {}", running.stderr()), || speaks().is_ok());
    assert_eq!(&said, b"SSH-2.0-AsyncSSH_");

    let content: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let (source, back) = (home.beside("source"), home.beside("back"));
    std::fs::write(&source, &content).unwrap();
    let config = ssh_config(&home, &pod, port);
    let remote = pod.home().home().join("copy");
    let put = format!("put {} {}\nls -l {1}\nget {1} {}\n", source.display(), remote.display(), back.display());
    let batch = home.beside("batch");
    file(&batch, &put, 0o600);
    succeeds(tool("sftp", &config).arg("-b").arg(&batch).arg("pod"));
    assert!(std::fs::read(&remote).unwrap() == content && std::fs::read(&back).unwrap() == content);

    // Without -O the vendor's server ends scp with status 1, although all arrives.
    let (up, down) = (home.beside("up"), home.beside("down"));
    std::fs::write(&up, &content[7..]).unwrap();
    let there = format!("pod:{}", pod.home().home().join("scp").display());
    succeeds(tool("scp", &config).arg("-O").arg(&up).arg(&there));
    succeeds(tool("scp", &config).arg("-O").arg(&there).arg(&down));
    assert!(std::fs::read(&down).unwrap() == content[7..]);
    drop(running);
    until("the end of all tunnels", || emulator.tunnels() == 0);
}

/// `scp -O` with anyssh itself in the place of ssh: a file goes through the tunnel as a command's input.
#[test]
fn scp_takes_anyssh_for_its_ssh() {
    let (pod, emulator) = start();
    let home = home();
    let content = vec![b'x'; 100_000];
    let source = home.beside("source");
    std::fs::write(&source, &content).unwrap();
    // scp's options end with `--`; behind it are the host and the command.
    let wrapper = home.script(
        "ssh-in-place",
        "while [ \"$1\" != -- ]; do shift; done; shift 2; exec \"$ANYSSH_PROGRAM\" flyte pond-dbg -- \"$*\"",
    );
    let there = format!("pod:{}", pod.home().home().join("scp").display());
    let run = anyssh(&home, &emulator, &["-O", "-S"]).word(&wrapper).word(&source).word(&there);
    let run = run.env("ANYSSH_PROGRAM", env!("CARGO_BIN_EXE_anyssh-under-test")).program("scp");
    run.run().exits(0);
    assert_eq!(std::fs::read(pod.home().home().join("scp")).unwrap(), content);
}

/// A configuration for OpenSSH's own programs, with the pod's key as the only one that is known.
fn ssh_config(home: &Home, pod: &PodSide, port: u16) -> std::path::PathBuf {
    let (known_hosts, config) = (home.beside("known_hosts"), home.beside("ssh_config"));
    file(&known_hosts, &format!("[127.0.0.1]:{port} {}\n", pod.host_key().to_openssh().unwrap()), 0o600);
    let key = home.path().join(".flyte/ssh-debug/id_ed25519");
    let text = format!(
        "Host pod\n  HostName 127.0.0.1\n  Port {port}\n  User flyte\n  IdentityFile {}\n  IdentityAgent none\n  \
         UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
        key.display(),
        known_hosts.display()
    );
    file(&config, &text, 0o600);
    config
}

fn tool(program: &str, config: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("-F").arg(config).stdin(Stdio::null());
    command
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
