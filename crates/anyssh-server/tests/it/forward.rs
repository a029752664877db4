//! Forwarded connections, files, and what is refused.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Pair, output, text, until};

/// A socket that answers with the bytes it got, in capitals, after their end.
async fn shouter() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = Vec::new();
            stream.read_to_end(&mut text).await.unwrap();
            stream.write_all(&text.to_ascii_uppercase()).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn stdio_is_forwarded_to_a_loopback_port_and_each_end_is_passed_on() {
    let pair = Pair::with_password().await;
    let target = format!("127.0.0.1:{}", shouter().await);
    let mut child = pair.ssh(&["-W", &target], &[]).stdin(Stdio::piped()).spawn().unwrap();
    let data = "abc".repeat(1_000_000);
    let mut stdin = child.stdin.take().unwrap();
    let sent = data.clone();
    tokio::spawn(async move { stdin.write_all(sent.as_bytes()).await });
    let result = child.wait_with_output().await.unwrap();
    assert!(text(&result.stdout) == data.to_uppercase(), "{} bytes", result.stdout.len());
}

#[tokio::test]
async fn nothing_but_loopback_is_forwarded_to() {
    let pair = Pair::with_password().await;
    let result = output(pair.ssh(&["-W", "192.0.2.1:80", "-oLogLevel=INFO"], &[])).await;
    assert_eq!(result.status.code(), Some(255));
    assert!(text(&result.stderr).contains("administratively prohibited"), "{}", text(&result.stderr));
}

#[tokio::test]
async fn a_port_asked_for_with_remote_forward_leads_back_to_the_client() {
    let pair = Pair::with_password().await;
    let target = format!("-R0:127.0.0.1:{}", shouter().await);
    let flags = [target.as_str(), "-oLogLevel=INFO", "-oExitOnForwardFailure=yes"];
    let mut child = pair.ssh(&flags, &["cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let port: u16 = line.split_whitespace().nth(2).unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "HELLO");
    drop(child.stdin.take());
    let status = child.wait().await.unwrap();
    let mut said = String::new();
    lines.into_inner().read_to_string(&mut said).await.unwrap();
    assert!(status.success(), "{status}: {said}");
    until("the port is closed", || std::net::TcpStream::connect(("127.0.0.1", port)).is_err()).await;
}

#[tokio::test]
async fn agent_and_x11_forwarding_are_refused_and_the_command_runs() {
    let pair = Pair::with_password().await;
    let result = output(pair.ssh(&["-A"], &["echo ${SSH_AUTH_SOCK-none}"])).await;
    assert_eq!(text(&result.stdout), "none\n");
}

#[tokio::test]
async fn an_unknown_subsystem_is_refused() {
    let pair = Pair::with_password().await;
    let result = output(pair.ssh(&["-s"], &["nonsense"])).await;
    assert!(text(&result.stderr).contains("subsystem request failed"), "{}", text(&result.stderr));
}

#[tokio::test]
async fn scp_copies_a_file_in_and_out() {
    if !std::path::Path::new("/usr/lib/openssh/sftp-server").exists() {
        return;
    }
    let pair = Pair::with_password().await;
    pair.file("from", &"0123456789".repeat(300_000), 0o600);
    let port = pair.server.port().to_string();
    let host = format!("{}@127.0.0.1", crate::support::USER);
    for (from, to) in [("from".to_owned(), format!("{host}:there")), (format!("{host}:there"), "back".to_owned())] {
        let mut command = pair.command("scp", &["-P", &port]);
        command.current_dir(pair.home.path()).args(["--", &from, &to]);
        let result = output(command).await;
        assert!(result.status.success(), "{}", text(&result.stderr));
    }
    assert!(std::fs::read(pair.path("back")).unwrap() == std::fs::read(pair.path("from")).unwrap());
}
