//! What a command sees and what its client gets back.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Pair, output, text, until};

#[tokio::test]
async fn exit_statuses_come_back_as_they_are() {
    let pair = Pair::with_password().await;
    for status in [0, 1, 2, 7, 126, 127, 254, 255] {
        assert_eq!(pair.run(&format!("exit {status}")).await.status.code(), Some(status));
    }
}

#[tokio::test]
async fn a_command_killed_by_a_signal_is_told_as_exit_signal() {
    let pair = Pair::with_password().await;
    let result = output(pair.ssh(&["-oLogLevel=DEBUG1"], &["kill -TERM $$"])).await;
    assert_eq!(result.status.code(), Some(255));
    assert!(text(&result.stderr).contains("rtype exit-signal"), "{}", text(&result.stderr));
}

#[tokio::test]
async fn standard_output_and_error_stay_apart() {
    let pair = Pair::with_password().await;
    let result = pair.run("echo out; echo err >&2").await;
    assert_eq!((text(&result.stdout), text(&result.stderr)), ("out\n".into(), "err\n".into()));
}

#[tokio::test]
async fn the_end_of_input_reaches_the_command_and_its_answer_comes_back() {
    let pair = Pair::with_password().await;
    let result = pair.run_with_input("wc -c; echo done", vec![b'x'; 12345]).await;
    assert_eq!(text(&result.stdout).split_whitespace().collect::<Vec<_>>(), ["12345", "done"]);
}

#[tokio::test]
async fn a_shell_without_a_terminal_reads_its_commands_from_input() {
    let pair = Pair::with_password().await;
    let mut child = pair.ssh(&[], &[]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"echo $0; exit 3\n").await.unwrap();
    let result = child.wait_with_output().await.unwrap();
    assert_eq!((text(&result.stdout), result.status.code()), ("-sh\n".into(), Some(3)));
}

/// K1 and the rule that no floor reads the environment: nothing of the server's own environment is there.
#[tokio::test]
async fn a_command_gets_the_accounts_environment_and_nothing_of_the_servers() {
    let pair = Pair::with_password().await;
    let mut command = pair.ssh(&["-oSendEnv=LC_TEST", "-oSendEnv=LD_TEST"], &["pwd; env"]);
    let result = output({
        command.env("LC_TEST", "sent").env("LD_TEST", "sent");
        command
    })
    .await;
    let lines = text(&result.stdout);
    let mut names: Vec<&str> = lines.lines().skip(1).filter_map(|line| line.split('=').next()).collect();
    names.retain(|name| !matches!(*name, "PWD" | "_" | "SHLVL" | "OLDPWD"));
    names.sort_unstable();
    let expected = ["HOME", "LC_TEST", "LOGNAME", "MARK", "PATH", "SHELL", "SSH_CLIENT", "SSH_CONNECTION", "USER"];
    assert_eq!(names, expected);
    assert!(lines.starts_with(pair.home.path().to_str().unwrap()));
}

#[tokio::test]
async fn thirty_two_mebibytes_arrive_unchanged_in_both_directions_at_once() {
    let pair = Pair::with_password().await;
    let data = noise(32 * 1024 * 1024);
    let result = pair.run_with_input("cat", data.clone()).await;
    assert_eq!(result.status.code(), Some(0));
    assert!(result.stdout == data, "{} bytes came back of {}", result.stdout.len(), data.len());
}

/// The deadlock that a session loop runs into when it waits for a command (research/bridge.md §3).
#[tokio::test]
async fn a_local_reader_that_stalls_while_much_goes_both_ways_hangs_nothing() {
    let pair = Pair::with_password().await;
    let data = noise(32 * 1024 * 1024);
    let mut child = pair.ssh(&[], &["cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let sent = data.clone();
    let writing = tokio::spawn(async move { stdin.write_all(&sent).await });
    // The stall itself is what is tested, so here time does pass.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut received = Vec::new();
    let reading = stdout.read_to_end(&mut received);
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("hangs").unwrap();
    writing.await.unwrap().unwrap();
    assert!(received == data && child.wait().await.unwrap().success());
}

/// The gate: a command that reads slowly holds the client back instead of filling memory, and the
/// connection goes on afterwards.
#[tokio::test]
async fn a_command_that_reads_late_gets_everything() {
    let pair = Pair::with_password().await;
    let result = pair.run_with_input("sleep 1; cksum", noise(40 * 1024 * 1024)).await;
    let expected = pair.run_with_input("cksum", noise(40 * 1024 * 1024)).await;
    assert_eq!(text(&result.stdout), text(&expected.stdout));
    assert!(text(&result.stdout).contains("41943040"));
}

#[tokio::test]
async fn a_command_that_reads_nothing_ends_all_the_same() {
    let pair = Pair::with_password().await;
    let result = pair.run_with_input("head -c 3; exit 4", noise(20 * 1024 * 1024)).await;
    assert_eq!((result.stdout.len(), result.status.code()), (3, Some(4)));
}

#[tokio::test]
async fn many_commands_run_at_once() {
    let pair = std::sync::Arc::new(Pair::with_password().await);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..20 {
        let pair = std::sync::Arc::clone(&pair);
        running.spawn(async move { (number, pair.run(&format!("exit {number}")).await.status.code()) });
    }
    while let Some(result) = running.join_next().await {
        let (number, code) = result.unwrap();
        assert_eq!(code, Some(number));
    }
}

#[tokio::test]
async fn dropping_the_server_kills_what_it_started_and_closes_the_port() {
    let pair = Pair::with_password().await;
    let mut child = pair.ssh(&[], &["echo $$; trap '' HUP TERM; sleep 1000"]).spawn().unwrap();
    let mut line = [0; 16];
    let count = child.stdout.as_mut().unwrap().read(&mut line).await.unwrap();
    let process = format!("/proc/{}", text(&line[..count]).trim());
    assert!(std::path::Path::new(&process).exists());
    let address = pair.server.addr();
    let Pair { server, home: _home, .. } = pair;
    drop(server);
    until("the command is gone", || is_gone(&process)).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(255));
    until("the port is closed", || std::net::TcpStream::connect(address).is_err()).await;
}

#[tokio::test]
async fn a_client_that_is_killed_hangs_its_command_up() {
    let pair = Pair::with_password().await;
    let mut child = pair.ssh(&[], &["echo $$; exec sleep 1000"]).spawn().unwrap();
    let mut line = [0; 16];
    let count = child.stdout.as_mut().unwrap().read(&mut line).await.unwrap();
    child.kill().await.unwrap();
    let process = format!("/proc/{}", text(&line[..count]).trim());
    until("the command is gone", || is_gone(&process)).await;
}

/// Gone, or dead and not yet waited for.
fn is_gone(process: &str) -> bool {
    std::fs::read_to_string(format!("{process}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// Bytes that neither compress nor repeat.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
