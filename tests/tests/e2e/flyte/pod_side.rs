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

    let content: String = (0..40_000u32).map(|n| format!("line {n}\n")).collect();
    let (source, back) = (home.beside("source"), home.beside("back"));
    file(&source, &content, 0o600);
    let config = ssh_config(&home, &pod, port);
    let remote = pod.home().home().join("copy");
    let put = format!("put {} {}\nls -l {1}\nget {1} {}\n", source.display(), remote.display(), back.display());
    let batch = home.beside("batch");
    file(&batch, &put, 0o600);
    succeeds(tool("sftp", &config).arg("-b").arg(&batch).arg("pod"));
    assert!([&remote, &back].into_iter().all(|copy| std::fs::read(copy).unwrap() == content.as_bytes()));

    // Without -O the vendor's server ends scp with status 1, although all arrives.
    let (up, down) = (home.beside("up"), home.beside("down"));
    file(&up, &content[7..], 0o600);
    let there = format!("pod:{}", pod.home().home().join("scp").display());
    succeeds(tool("scp", &config).arg("-O").arg(&up).arg(&there));
    succeeds(tool("scp", &config).arg("-O").arg(&there).arg(&down));
    assert!(std::fs::read(&down).unwrap() == content.as_bytes()[7..]);
    drop(running);
    until("the end of all tunnels", || emulator.tunnels() == 0);
}

/// OpenSSH's programs with `anyssh tunnel` as their ProxyCommand.
#[test]
fn ssh_sftp_and_scp_reach_the_vendors_pod_through_the_verb_tunnel() {
    let (pod, emulator) = start();
    let home = home();
    let (known_hosts, config) = (home.beside("known_hosts"), home.beside("ssh_config"));
    file(&known_hosts, &format!("pod {}\n", pod.host_key().to_openssh().unwrap()), 0o600);
    let text = format!(
        "Host pod\n  User flyte\n  IdentityFile {}\n  IdentityAgent none\n  UserKnownHostsFile {}\n  HostKeyAlias pod\n  \
         StrictHostKeyChecking yes\n  ProxyCommand {} tunnel flyte {RUN}\n",
        home.path().join(".flyte/ssh-debug/id_ed25519").display(),
        known_hosts.display(),
        env!("CARGO_BIN_EXE_anyssh-under-test")
    );
    file(&config, &text, 0o600);
    let run = |program: &str, words: &[&str]| {
        let run = anyssh(&home, &emulator, &["-F"]).word(&config);
        words.iter().fold(run, |run, word| run.word(word)).program(program).run()
    };
    assert_eq!(run("ssh", &["pod", "echo in; exit 7"]).exits(7).text(), "in\n");
    let content = "one line\n".repeat(20_000);
    let (source, back, batch) = (home.beside("source"), home.beside("back"), home.beside("batch"));
    file(&source, &content, 0o600);
    let there = pod.home().home().join("scp");
    run("scp", &["-O", &source.to_string_lossy(), &format!("pod:{}", there.display())]).exits(0);
    assert!(std::fs::read(&there).unwrap() == content.as_bytes());
    file(&batch, &format!("get {} {}\n", there.display(), back.display()), 0o600);
    run("sftp", &["-b", &batch.to_string_lossy(), "pod"]).exits(0);
    assert!(std::fs::read(&back).unwrap() == content.as_bytes());
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
