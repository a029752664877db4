//! Runs `ssh` for a session and tells how it ended.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};

use anyssh_core::{Deadline, Session};

use crate::capture::Captured;
use crate::helper_program::Helper;
use crate::late_port::LatePort;
use crate::launch_dir::{LaunchDir, sweep_below};
use crate::launch_error::LaunchError;
use crate::launch_options::LaunchOptions;
use crate::outcome::{ExitStatus, NotAuthenticated, Outcome, Reason};
use crate::plan::{check, plan};
use crate::program::{SshProgram, SshVersion};
use crate::run::{Ended, Streams, run_once};
use crate::signals::Interrupts;
use crate::tunnel_server::{Dialling, RefreshHeaders};
use anyssh_private_dir::DirectoryError;

/// Where lines for the user go: ssh's log at the level the user asked for, escaped, without a newline.
/// While ssh runs it may have the terminal raw, so end a line there with `\r\n`.
pub type Show<'a> = &'a mut (dyn FnMut(&str) + Send);

/// Runs `ssh` for sessions: writes its private files, starts it, answers its one password prompt,
/// passes signals on, restores the terminal, waits, and leaves nothing behind.
///
/// ```no_run
/// # async fn example(session: anyssh_core::Session) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::{Duration, Instant};
/// use anyssh_core::Deadline;
/// use anyssh_openssh::{Helper, LaunchOptions, Launcher, SshProgram};
///
/// let launcher = Launcher::new(SshProgram::at("/usr/bin/ssh")?, "/run/user/1000/anyssh")
///     .with_helper(Helper::new("/usr/bin/anyssh")?);
/// let deadline = Deadline::at(Instant::now() + Duration::from_secs(30));
/// let output = launcher.output(&session, &LaunchOptions::default(), deadline).await?;
/// println!("{:?}: {} bytes", output.outcome, output.stdout.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Launcher {
    ssh: SshProgram,
    base: PathBuf,
    helper: Option<Helper>,
    refresh: Option<RefreshHeaders>,
}

/// What an ssh without a terminal said and how it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    /// How it ended.
    pub outcome: Outcome,
    /// The remote command's output, at most [`Launcher::OUTPUT_CAP`] bytes.
    pub stdout: Vec<u8>,
    /// The remote command's error output, at most [`Launcher::OUTPUT_CAP`] bytes.
    pub stderr: Vec<u8>,
    /// Whether either of them was longer than the cap; the rest was read and dropped.
    pub truncated: bool,
    /// ssh's own log at the level that the options ask for, escaped lines; the last 100.
    pub log: Vec<String>,
}

impl Launcher {
    /// The most that [`output`](Self::output) keeps of each stream, in bytes.
    pub const OUTPUT_CAP: usize = 16 * 1024 * 1024;

    /// A launcher that runs `ssh` and makes a private directory for each launch below `base`.
    pub fn new(ssh: SshProgram, base: impl Into<PathBuf>) -> Self {
        Self { ssh, base: base.into(), helper: None, refresh: None }
    }

    /// The same with the program that ssh calls back; sessions with a password need one.
    #[must_use]
    pub fn with_helper(mut self, helper: Helper) -> Self {
        self.helper = Some(helper);
        self
    }

    /// The same with a way to other headers, should a WebSocket's be refused when they are shown.
    #[must_use]
    pub fn with_refresh(mut self, refresh: RefreshHeaders) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// What a tunnel's helper is told: to be done before ssh gives up itself, so that its reason is heard.
    pub(crate) fn dialling(&self, options: &LaunchOptions) -> Dialling {
        let limit = options.flags.connect_timeout().unwrap_or(options.connect_timeout);
        Dialling { within: limit.saturating_sub(BEFORE_SSH), refresh: self.refresh.clone() }
    }

    /// The program it runs.
    pub fn ssh(&self) -> &SshProgram {
        &self.ssh
    }

    /// The program that ssh calls back.
    pub(crate) fn helper(&self) -> Option<&Helper> {
        self.helper.as_ref()
    }

    /// Where its private directories are.
    pub fn base(&self) -> &std::path::Path {
        &self.base
    }

    /// Refuses what cannot work with any session, before one is made that somebody pays for: flags that
    /// contradict each other, and a place for private files that is not private or takes none (a full
    /// disk, requirement C5).
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn check(&self, options: &LaunchOptions) -> Result<(), LaunchError> {
        check(options, &self.base)?;
        LaunchDir::create(&self.base)?;
        Ok(())
    }

    /// Removes what launches that crashed left behind. Every launch does this first.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] if the base directory is not ours alone.
    pub fn sweep(&self) -> Result<(), DirectoryError> {
        sweep_below(&self.base)
    }

    /// Runs ssh on our own stdin, stdout, stderr and terminal until it ends.
    ///
    /// HUP, INT, QUIT and TERM are passed on to ssh and named in the outcome, from the first call on
    /// for the rest of the process. The deadline bounds the time until ssh is started, retries
    /// included: a connection that ends before or during key exchange is tried again up to 3 times, and a
    /// port that refuses connections for up to a minute, if the session says that it may open late.
    /// Needs a tokio runtime with I/O, time and signals. If the future is dropped, ssh is killed.
    ///
    /// # Errors
    ///
    /// [`LaunchError`] if ssh could not be run; how ssh itself fails is in the [`Outcome`].
    pub async fn run(
        &self,
        session: &Session,
        options: &LaunchOptions,
        deadline: Deadline,
        show: Show<'_>,
    ) -> Result<Outcome, LaunchError> {
        let mut interrupts = Interrupts::listen().map_err(LaunchError::Running)?;
        let ended = self.run_with_retries(session, options, deadline, Streams::Inherit, &mut interrupts, show).await?;
        Ok(ended.outcome)
    }

    /// Runs ssh without input or a terminal and collects its output. The process's own signals are
    /// left alone. As with [`run`](Self::run) the deadline ends when ssh is started; drop the future
    /// to end ssh earlier.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn output(
        &self,
        session: &Session,
        options: &LaunchOptions,
        deadline: Deadline,
    ) -> Result<Output, LaunchError> {
        let mut log = Vec::new();
        let mut keep = |line: &str| {
            if log.len() == MOST_LOG_LINES {
                log.remove(0);
            }
            log.push(line.to_owned());
        };
        let mut interrupts = Interrupts::none();
        let ended =
            self.run_with_retries(session, options, deadline, Streams::Capture, &mut interrupts, &mut keep).await?;
        let Captured { stdout, stderr, truncated } = ended.captured;
        Ok(Output { outcome: ended.outcome, stdout, stderr, truncated, log })
    }

    async fn run_with_retries(
        &self,
        session: &Session,
        options: &LaunchOptions,
        deadline: Deadline,
        streams: Streams,
        interrupts: &mut Interrupts,
        show: Show<'_>,
    ) -> Result<Ended, LaunchError> {
        // Planned once before anything is asked or made, so that what cannot work says so first.
        let first_plan = plan(session, options, &self.base, self.helper.as_ref())?;
        if deadline.remaining(Instant::now()).is_zero() {
            return Err(LaunchError::TimedOut);
        }
        if first_plan.askpass.is_some() || first_plan.tunnel.is_some() {
            self.require_helper()?;
        }
        if first_plan.askpass.is_some() {
            self.require_askpass(options, deadline).await?;
        }
        let late_port = LatePort::of(session);
        let mut tries_left = RETRIES;
        let mut pause = FIRST_PAUSE;
        loop {
            if deadline.remaining(Instant::now()).is_zero() {
                return Err(LaunchError::TimedOut);
            }
            let make_plan = |directory: &std::path::Path| plan(session, options, directory, self.helper.as_ref());
            let ended =
                run_once(&self.ssh, &self.base, &make_plan, &self.dialling(options), streams, interrupts, show).await?;
            let time_left = deadline.remaining(Instant::now()) > pause;
            let awaited = ended.port_is_closed && late_port.is_awaited();
            if !ended.may_be_repeated || !time_left || (tries_left == 0 && !awaited) {
                return Ok(ended);
            }
            if !awaited {
                tries_left -= 1;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                signal = interrupts.next() => return Ok(interrupted(signal.as_raw(), ended)),
            }
            pause = (pause * 3).min(LONGEST_PAUSE);
        }
    }

    /// ssh takes a helper that cannot be run for an empty password.
    fn require_helper(&self) -> Result<(), LaunchError> {
        match &self.helper {
            Some(helper) if access(helper.path(), Access::EXEC_OK).is_err() => {
                Err(LaunchError::NoHelper(helper.path().to_owned()))
            }
            _ => Ok(()),
        }
    }

    async fn require_askpass(&self, options: &LaunchOptions, deadline: Deadline) -> Result<(), LaunchError> {
        let version = self.ssh.version_without(deadline, &options.hidden_environment).await?;
        if version < SshVersion::WITH_ASKPASS_REQUIRE {
            return Err(LaunchError::TooOld { path: self.ssh.path().to_owned(), version });
        }
        Ok(())
    }
}

/// A signal that came while no ssh was running.
fn interrupted(signal: i32, ended: Ended) -> Ended {
    let outcome = Outcome::NotAuthenticated(NotAuthenticated {
        status: ExitStatus::Killed(signal),
        interrupted_by: Some(signal),
        reason: Reason::Other,
        message: "interrupted".to_owned(),
    });
    Ended { outcome, ..ended }
}

const RETRIES: u32 = 3;
const BEFORE_SSH: Duration = Duration::from_millis(300);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const MOST_LOG_LINES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SshFlags, SshOption};

    /// N7: the helper is done before ssh gives up, whoever said when that is: else nobody hears its reason.
    #[test]
    fn the_helper_gives_up_before_ssh_does() {
        let launcher = Launcher::new(SshProgram::at("/usr/bin/ssh").unwrap(), "/nonexistent");
        let within = |words: &[&str]| {
            let options = words.iter().map(|word| SshOption::parse(word).unwrap()).collect();
            launcher.dialling(&LaunchOptions::new().with_flags(SshFlags { options, ..SshFlags::default() })).within
        };
        assert_eq!(within(&[]), Duration::from_millis(29_700));
        assert_eq!(within(&["ConnectTimeout=2", "ConnectTimeout=9"]), Duration::from_millis(1700));
        assert_eq!(within(&["connecttimeout 1m30"]), Duration::from_millis(89_700));
        assert_eq!(within(&["ConnectTimeout=0"]), Duration::from_millis(29_700));
    }
}
