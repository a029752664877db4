//! A terminal with a program in it, as a user has one.

use std::fmt;
use std::io::{self, Read as _, Write};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, PtySystem as _};
use rustix::termios::{LocalModes, tcgetattr};

/// A terminal with a program in it. Dropping it kills the program.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    seen: Vec<u8>,
    read_up_to: usize,
    child: Box<dyn Child + Send + Sync>,
}

/// How a terminal treats keys (termios(3)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Whole lines, echoed; Ctrl-C is a signal. What a shell gives to its commands.
    Cooked,
    /// Each key at once, not echoed. What `ssh` sets while a remote terminal is open.
    Raw,
    /// Neither.
    Other,
}

impl Terminal {
    /// Starts a command in a new terminal of 80 by 24. Of the command, its program, arguments,
    /// directory and the variables that were set are used; the environment is otherwise empty.
    ///
    /// # Errors
    /// When there is no terminal to be had or the program cannot be started.
    pub fn spawn(command: &Command) -> io::Result<Self> {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = portable_pty::unix::UnixPtySystem::default().openpty(size).map_err(io::Error::other)?;
        let child = pair.slave.spawn_command(builder(command)).map_err(io::Error::other)?;
        let mut reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
        let keys = pair.master.take_writer().map_err(io::Error::other)?;
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { master: pair.master, keys, output, seen: Vec::new(), read_up_to: 0, child })
    }

    /// Presses keys: `"\x03"` is Ctrl-C, `"\r"` is Enter.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn type_keys(&mut self, keys: &str) -> io::Result<()> {
        self.keys.write_all(keys.as_bytes())
    }

    /// Waits until `text` appears after all that earlier calls have waited for.
    ///
    /// # Errors
    /// When it has not appeared in time or cannot any more; the error shows what has.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let fresh = &self.seen[self.read_up_to..];
            if let Some(at) = fresh.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.read_up_to += at + text.len();
                return Ok(());
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(error) => return Err(self.never(text, error)),
            }
        }
    }

    fn never(&self, text: &str, error: RecvTimeoutError) -> io::Error {
        let kind = match error {
            RecvTimeoutError::Timeout => io::ErrorKind::TimedOut,
            RecvTimeoutError::Disconnected => io::ErrorKind::UnexpectedEof,
        };
        io::Error::new(kind, format!("{text:?} never came; there was {:?}", self.screen()))
    }

    /// All that has come out so far, as far as it was waited for.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Gives the terminal another size; the program gets a SIGWINCH.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).map_err(io::Error::other)
    }

    /// How the terminal treats keys now.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn mode(&self) -> io::Result<Mode> {
        let name = self.master.tty_name().ok_or(io::ErrorKind::NotFound)?;
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let terminal = rustix::fs::open(name, flags, rustix::fs::Mode::empty())?;
        let modes = tcgetattr(terminal)?.local_modes;
        let line_by_line = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        Ok(match modes & line_by_line {
            set if set == line_by_line => Mode::Cooked,
            set if set.is_empty() => Mode::Raw,
            _ => Mode::Other,
        })
    }

    /// The program's id.
    pub fn process_id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    /// When it has not ended in time.
    pub fn wait(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            // Output is taken meanwhile: a program that cannot write does not end.
            self.seen.extend(self.output.try_iter().flatten());
            match self.child.try_wait()? {
                Some(status) => return Ok(status),
                None if Instant::now() > deadline => return Err(io::ErrorKind::TimedOut.into()),
                None => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // One that has ended already needs no kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("screen", &self.screen()).finish_non_exhaustive()
    }
}

fn builder(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    builder.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            builder.env(name, value);
        }
    }
    builder.cwd(command.get_current_dir().map_or("/".as_ref(), std::path::Path::as_os_str));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(line: &str) -> (Home, Terminal) {
        let home = Home::new().unwrap();
        let terminal = Terminal::spawn(home.command("/bin/sh").args(["-c", line])).unwrap();
        (home, terminal)
    }

    #[test]
    fn keys_go_in_text_comes_out_and_the_status_comes_back() {
        let (_home, mut terminal) = shell("read x; echo got-$x; exit 7");
        terminal.type_keys("abc\r").unwrap();
        terminal.wait_for("got-abc", PATIENCE).unwrap();
        assert_eq!(terminal.wait(PATIENCE).unwrap().exit_code(), 7);
    }

    #[test]
    fn the_size_changes_and_the_program_hears_of_it() {
        let (_home, mut terminal) = shell("trap 'stty size' WINCH; stty size; while sleep 0.02; do :; done");
        terminal.wait_for("24 80", PATIENCE).unwrap();
        terminal.resize(55, 11).unwrap();
        terminal.wait_for("11 55", PATIENCE).unwrap();
    }

    #[test]
    fn raw_and_cooked_are_told_apart() {
        let (_home, mut terminal) = shell("stty raw -echo; echo is-raw; read x; stty sane; echo is-cooked; read x");
        terminal.wait_for("is-raw", PATIENCE).unwrap();
        assert_eq!(terminal.mode().unwrap(), Mode::Raw);
        terminal.type_keys("\n").unwrap();
        terminal.wait_for("is-cooked", PATIENCE).unwrap();
        assert_eq!(terminal.mode().unwrap(), Mode::Cooked);
    }

    #[test]
    fn what_never_comes_is_an_error_that_shows_what_came() {
        let (_home, mut terminal) = shell("echo something else");
        let error = terminal.wait_for("expected", PATIENCE).unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
    }
}
