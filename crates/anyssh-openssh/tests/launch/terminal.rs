//! ssh on a terminal (requirements P7, P8): a shell with job control on a pseudo-terminal runs a launch.

use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};
use std::thread;

use anyssh_server::{Account, PasswordLogin, ServerConfig, ServerThread};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::{LocalModes, Termios};

use crate::runner::tests;
use crate::support::{
    HOST_SEED, PASSWORD, Scratch, USER, drive_words, eventually, key, real_ssh, result, this_program,
};

tests![
    a_session_that_suspends_itself_gives_the_terminal_back_and_goes_on,
    an_ssh_that_is_killed_leaves_the_terminal_as_it_was,
    ctrl_c_before_login_ends_the_launch,
];

/// A shell on a terminal of its own.
struct Shell {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<String>>,
    shell: Box<dyn Child + Send + Sync>,
}

impl Shell {
    /// An interactive shell with job control.
    fn start(scratch: &Scratch) -> Self {
        let shell = Self::run(scratch, &["bash", "--norc", "--noprofile", "-i"]);
        shell.shows("SHELL> ");
        shell
    }

    fn run(scratch: &Scratch, words: &[&str]) -> Self {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.env("PS1", "SHELL> ");
        command.env("HISTFILE", "");
        command.cwd(scratch.path(""));
        let shell = pair.slave.spawn_command(command).unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let text = Arc::clone(&screen);
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..count]));
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self { master: pair.master, keyboard, screen, shell }
    }

    /// Starts a launch whose outcome goes to the result file.
    fn launch(&mut self, words: &[String]) {
        self.types(&format!("{}\n", launch_line(words)));
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until `text` is on the screen and forgets all up to it.
    fn shows(&self, text: &str) {
        eventually(&format!("{text:?} on the screen: {:?}", self.screen.lock().unwrap()), || {
            let mut screen = self.screen.lock().unwrap();
            let found = screen.find(text).map(|at| at + text.len());
            if let Some(end) = found {
                screen.drain(..end);
            }
            found.is_some()
        });
    }

    fn settings(&self) -> Termios {
        rustix::termios::tcgetattr(terminal_of(&*self.master)).unwrap()
    }

    fn is_raw(&self) -> bool {
        !self.settings().local_modes.contains(LocalModes::ICANON)
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// The shell's words for a launch.
fn launch_line(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("'{}' {}", this_program().display(), words.join(" "))
}

/// The terminal, opened by its name: the crate's own descriptor is a bare number.
fn terminal_of(master: &dyn MasterPty) -> std::fs::File {
    std::fs::File::open(master.tty_name().unwrap()).unwrap()
}

/// Not sshd: without root it cannot hand out a terminal.
fn start_server() -> ServerThread {
    let login = Arc::new(PasswordLogin::new(USER, PASSWORD.into()));
    ServerThread::start(ServerConfig::new(key(HOST_SEED), login, Account::new(USER, "/", "/bin/sh"))).unwrap()
}

/// `words` for a session with the remote login shell, which is told to be quiet and known.
fn words(scratch: &Scratch, server: &ServerThread) -> Vec<String> {
    drive_words(scratch, &real_ssh(), server.port(), USER, "password")
}

/// P7: `~^Z` stops ssh alone; the shell has to come back, and `fg` to bring the session back.
fn a_session_that_suspends_itself_gives_the_terminal_back_and_goes_on() {
    let (scratch, server) = (Scratch::new(), start_server());
    let mut shell = Shell::start(&scratch);
    shell.launch(&words(&scratch, &server));
    for turn in 1..=2 {
        // The sum is only on the screen if a shell worked it out.
        shell.types(&format!("echo far-$((40 + {turn}))\r"));
        shell.shows(&format!("far-{}", 40 + turn));
        eventually("the terminal is raw", || shell.is_raw());
        shell.types("\r~\x1a");
        shell.shows("Stopped");
        shell.shows("SHELL> ");
        shell.types(&format!("echo near-$((50 + {turn}))\n"));
        shell.shows(&format!("near-{}", 50 + turn));
        shell.types("fg\n");
        eventually("the terminal is raw again", || shell.is_raw());
    }
    shell.types("exit 7\r");
    let result = result(&scratch);
    assert!(result.contains("Ran { status: Exited(7), interrupted_by: None,"), "{result}");
    scratch.assert_nothing_left();
}

/// P8: an interactive shell would mend the terminal by itself, so here is one that does not.
fn an_ssh_that_is_killed_leaves_the_terminal_as_it_was() {
    let (scratch, server) = (Scratch::new(), start_server());
    let line = format!("stty -echo; {}; exec sleep 600", launch_line(&words(&scratch, &server)));
    let mut shell = Shell::run(&scratch, &["sh", "-c", &line]);
    shell.types("echo far-$((40 + 1))\r");
    shell.shows("far-41");
    eventually("the terminal is raw", || shell.is_raw());
    kill_ssh_of(&scratch);
    let result = result(&scratch);
    assert!(result.contains("Ran { status: Killed(9)"), "{result}");
    let modes = shell.settings().local_modes;
    assert!(modes.contains(LocalModes::ICANON | LocalModes::ISIG) && !modes.contains(LocalModes::ECHO), "{modes:?}");
    scratch.assert_nothing_left();
}

/// Kills the ssh that logs below this scratch directory.
fn kill_ssh_of(scratch: &Scratch) {
    let pattern = format!("^[^ ]*ssh .*-E {}", scratch.base().display());
    let found = std::process::Command::new("pgrep").args(["-f", &pattern]).output().unwrap().stdout;
    let pid = String::from_utf8(found).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
}

/// P7: before login ssh has not taken the terminal, so Ctrl-C is a signal for all of us.
fn ctrl_c_before_login_ends_the_launch() {
    let scratch = Scratch::new();
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut shell = Shell::start(&scratch);
    shell.launch(&drive_words(&scratch, &real_ssh(), silent.local_addr().unwrap().port(), "me", "key"));
    let _connection = silent.accept().unwrap();
    shell.types("\x03");
    let result = result(&scratch);
    assert!(result.contains("NotAuthenticated") && result.contains("interrupted_by: Some(2)"), "{result}");
    assert!(result.contains("Killed(2)"), "{result}");
    scratch.assert_nothing_left();
}
