//! Commands with a terminal.

use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use portable_pty::{CommandBuilder, MasterPty, PtySize, PtySystem as _};

use crate::support::{Pair, USER, output, text, until};

const SIZE: PtySize = PtySize { rows: 33, cols: 77, pixel_width: 0, pixel_height: 0 };

/// The real `ssh` in a terminal of ours.
struct Screen {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn std::io::Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    seen: String,
    child: Box<dyn portable_pty::Child + Send + Sync>,
}

impl Screen {
    fn ssh(pair: &Pair, words: &[&str]) -> Self {
        let terminal = portable_pty::unix::UnixPtySystem::default().openpty(SIZE).unwrap();
        let mut command = CommandBuilder::new("/usr/bin/ssh");
        let port = pair.server.port().to_string();
        command.args(["-tt"]);
        command.args(pair.options());
        command.args(["-l", USER, "-p", &port, "--", "127.0.0.1"]);
        command.args(words);
        command.env_clear();
        command.env("HOME", pair.home.path());
        command.env("TERM", "xterm-test");
        command.env("SSH_ASKPASS", pair.path("askpass"));
        command.env("SSH_ASKPASS_REQUIRE", "force");
        let child = terminal.slave.spawn_command(command).unwrap();
        let (sender, output) = mpsc::channel();
        let mut reader = terminal.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = terminal.master.take_writer().unwrap();
        Self { master: terminal.master, keys, output, seen: String::new(), child }
    }

    fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn wait_for(&mut self, expected: &str) {
        while !self.seen.contains(expected) {
            match self.output.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => self.seen.push_str(&text(&bytes)),
                Err(_) => panic!("never came: {expected:?}; there was {:?}", self.seen),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_the_clients_terminal_and_its_size_as_it_changes() {
    let pair = Pair::with_password().await;
    let mut screen =
        Screen::ssh(&pair, &["trap 'stty size' WINCH; stty size; echo $TERM; while sleep 0.05; do :; done"]);
    screen.wait_for("33 77\r\nxterm-test");
    screen.master.resize(PtySize { rows: 11, cols: 55, ..SIZE }).unwrap();
    screen.wait_for("11 55");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_interrupts_the_command_and_not_the_connection() {
    let pair = Pair::with_password().await;
    let mut screen = Screen::ssh(&pair, &["trap 'echo caught; exit 9' INT; echo ready; while sleep 0.05; do :; done"]);
    screen.wait_for("ready");
    screen.type_keys("\x03");
    screen.wait_for("caught");
    assert_eq!(screen.child.wait().unwrap().exit_code(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interactive_shell_is_a_login_shell_with_job_control() {
    let pair = Pair::with_password().await;
    let mut screen = Screen::ssh(&pair, &[]);
    screen.type_keys("echo $0-$((40+2)); test -t 0 && test -t 1 && tty\n");
    screen.wait_for("-sh-42");
    screen.wait_for("/dev/pts/");
    screen.type_keys("sh -c 'echo $((20+1))-runs; exec sleep 1000'\n");
    screen.wait_for("21-runs");
    screen.type_keys("\x03");
    screen.type_keys("exit 6\n");
    assert_eq!(screen.child.wait().unwrap().exit_code(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_output_of_a_command_with_a_terminal_arrives() {
    let pair = Pair::with_password().await;
    for _ in 0..5 {
        let result = output(pair.ssh(&["-tt"], &["seq 1 20000"])).await;
        let lines = text(&result.stdout);
        assert_eq!((lines.lines().count(), lines.lines().last()), (20000, Some("20000")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_server_kills_a_shell_and_its_background_jobs() {
    let pair = Pair::with_password().await;
    let mut screen = Screen::ssh(&pair, &[]);
    let mark = format!("/proc/self/fd/../../../tmp/{}", pair.server.port());
    // Three process groups in one session: the shell's, one in the background, one in the foreground.
    screen.type_keys(&format!("set -m; sh -c 'trap \"\" HUP TERM; : {mark}; sleep 1000; :' &\n"));
    screen.type_keys(&format!("echo started; sh -c 'trap \"\" HUP; : {mark}; sleep 1000; :'\n"));
    until("both run", || processes_with(&mark) == 2).await;
    drop(pair);
    until("both are gone", || processes_with(&mark) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_killed_hangs_the_terminal_up() {
    let pair = Pair::with_password().await;
    let mark = format!("/proc/self/../../tmp/{}", pair.server.port());
    let mut screen = Screen::ssh(&pair, &[&format!("echo ready; sh -c ': {mark}; sleep 1000; :'")]);
    screen.wait_for("ready");
    until("it runs", || processes_with(&mark) > 0).await;
    screen.child.kill().unwrap();
    until("it is gone", || processes_with(&mark) == 0).await;
}

/// Processes other than `ssh` with this text in a word of their own.
fn processes_with(mark: &str) -> usize {
    let is_one = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.starts_with(b"sh\0-c\0") && text(&line).contains(mark)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().join("cmdline").exists())
        .map(is_one)
        .filter(|is| *is)
        .count()
}
