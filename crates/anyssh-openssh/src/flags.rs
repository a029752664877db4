//! What the user may ask of ssh, parsed.

use std::time::Duration;

use anyssh_core::UserName;

use crate::forward::Forward;
use crate::option_table::seconds;
use crate::ssh_option::{Setting, SshOption};

/// What the user asked of ssh, each flag with ssh's own meaning (ssh(1)).
///
/// Where a flag and a `-o` option say different things the flag counts; of two equal options the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshFlags {
    /// `-L`, `-R` and `-D`, in the order given.
    pub forwards: Vec<Forward>,
    /// `-A`: the agent may be used from the far end. Its keys are still not offered for the login.
    pub forward_agent: bool,
    /// `-N`: no command and no shell, for forwardings alone.
    pub no_command: bool,
    /// `-T`, `-t`, `-tt`.
    pub terminal: Terminal,
    /// `-X`, `-Y`.
    pub x11: X11,
    /// `-q`, `-v`, `-vv`, `-vvv`.
    pub log_level: LogLevel,
    /// `-l`.
    pub user: Option<UserName>,
    /// `-o`, in the order given.
    pub options: Vec<SshOption>,
}

/// Whether a terminal is allocated at the far end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// For a shell, not for a command.
    #[default]
    Default,
    /// `-T`: never.
    Never,
    /// `-t`: for a command too, if there is a terminal here.
    Request,
    /// `-tt`: always.
    Force,
}

/// Whether windows of the far end may open here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum X11 {
    /// Not at all.
    #[default]
    No,
    /// `-X`: under the X11 SECURITY extension.
    Untrusted,
    /// `-Y`: with every right on the display.
    Trusted,
}

/// How much of ssh's log the user wants to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `-q`: nothing.
    Quiet,
    /// What ssh says by itself.
    #[default]
    Info,
    /// `-v`.
    Debug1,
    /// `-vv`.
    Debug2,
    /// `-vvv`.
    Debug3,
}

impl SshFlags {
    /// All forwardings: those given by flags, then those given by `-o`.
    pub fn all_forwards(&self) -> impl Iterator<Item = &Forward> {
        let options = self.options.iter().filter_map(|option| match option.setting() {
            Setting::Forward(forward) => Some(forward),
            _ => None,
        });
        self.forwards.iter().chain(options)
    }

    /// Whether the agent is forwarded, by `-A` or `-o ForwardAgent=yes`.
    pub fn forwards_agent(&self) -> bool {
        let option = |setting: &Setting| match setting {
            Setting::ForwardAgent(wanted) => Some(*wanted),
            _ => None,
        };
        self.forward_agent || self.first(option).unwrap_or_default()
    }

    /// The terminal asked for, by a flag or `-o RequestTTY`.
    pub fn effective_terminal(&self) -> Terminal {
        let option = |setting: &Setting| match setting {
            Setting::Terminal(terminal) => Some(*terminal),
            _ => None,
        };
        match self.terminal {
            Terminal::Default => self.first(option).unwrap_or_default(),
            flag => flag,
        }
    }

    /// X11 as asked for, by a flag or `-o ForwardX11` and `ForwardX11Trusted`. Without a word on trust
    /// it is untrusted, as in OpenSSH itself (Debian's default differs).
    pub fn effective_x11(&self) -> X11 {
        let wanted = self.first(|setting| match setting {
            Setting::ForwardX11(wanted) => Some(*wanted),
            _ => None,
        });
        let trusted = self.first(|setting| match setting {
            Setting::ForwardX11Trusted(trusted) => Some(*trusted),
            _ => None,
        });
        match (self.x11, wanted.unwrap_or_default(), trusted.unwrap_or_default()) {
            (X11::No, false, _) => X11::No,
            (X11::Trusted, ..) | (_, _, true) => X11::Trusted,
            _ => X11::Untrusted,
        }
    }

    /// How much of ssh's log is shown, by a flag or `-o LogLevel`.
    pub fn effective_log_level(&self) -> LogLevel {
        let option = |setting: &Setting| match setting {
            Setting::LogLevel(level) => Some(*level),
            _ => None,
        };
        match self.log_level {
            LogLevel::Info => self.first(option).unwrap_or_default(),
            flag => flag,
        }
    }

    /// The user's own limit for connecting, by `-o ConnectTimeout`; 0 sets none.
    pub(crate) fn connect_timeout(&self) -> Option<Duration> {
        let asked = self.first(|setting| match setting {
            Setting::Passed { key: "ConnectTimeout", value } => seconds(value),
            _ => None,
        });
        asked.filter(|seconds| *seconds > 0).map(Duration::from_secs)
    }

    /// The options that ssh itself gets, as `KEY=VALUE`.
    pub(crate) fn passed_options(&self) -> impl Iterator<Item = String> {
        self.options.iter().filter_map(|option| match option.setting() {
            Setting::Passed { key, value } => Some(format!("{key}={value}")),
            _ => None,
        })
    }

    fn first<T>(&self, pick: impl Fn(&Setting) -> Option<T>) -> Option<T> {
        self.options.iter().find_map(|option| pick(option.setting()))
    }
}
