//! A stand-in for `ssh` that writes down how it was called and then behaves as told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::file::{make_dir, put};

/// Each call gets a directory of its own. Arguments end with NUL, so that no byte in them is lost.
/// The values of the file options are written as ssh_config(5) has them: perhaps in quotes, with
/// backslashes, and with `%` doubled.
const RECORD: &str = r#"
n=1
until mkdir "$record/$n" 2>/dev/null; do n=$((n + 1)); done
record=$record/$n
printf '%s\0' "$@" > "$record/args"
cat "/proc/$$/environ" > "$record/environment" 2>/dev/null || env -0 > "$record/environment"
log=/dev/null
count=0
keep() {
    path=$(printf '%s' "${2#=}" | sed -e 's/^"//' -e 's/"$//' -e 's/\\\(.\)/\1/g' -e 's/%%/%/g')
    count=$((count + 1))
    [ -f "$path" ] || { printf '%s\0%s\0missing\0\0' "$1" "$path" > "$record/file-$count"; return; }
    mode=$(stat -c %a -- "$path" 2>/dev/null || stat -f %Lp -- "$path")
    dir=$(stat -c %a -- "$(dirname -- "$path")" 2>/dev/null || stat -f %Lp -- "$(dirname -- "$path")")
    { printf '%s\0%s\0%s\0%s\0' "$1" "$path" "$mode" "$dir"; cat -- "$path"; } > "$record/file-$count"
}
option() {
    case $1 in
        IdentityFile[=\ ]*|CertificateFile[=\ ]*|UserKnownHostsFile[=\ ]*) keep "${1%%[= ]*}" "${1#*[= ]}" ;;
    esac
}
before=
for word in "$@"; do
    case $before in
        -o) option "$word" ;;
        -i) keep IdentityFile "$word" ;;
        -E) log=$word ;;
    esac
    case $before$word in --) break ;; esac
    case $word in
        -o?*) option "${word#-o}" ;;
        -E?*) log=${word#-E} ;;
    esac
    case $word in -o|-i|-E) before=$word ;; *) before= ;; esac
done
ask() {
    number=$((${number:-0} + 1))
    answer=$("$SSH_ASKPASS" "$1"; printf '%s' "x$?")
    printf '%s\0%s\0%s' "$1" "${answer##*x}" "${answer%x*}" > "$record/answer-$number"
}
"#;

/// An executable that can stand where `ssh` stands.
///
/// Without more words it exits with 0. What it is told is done in the order of the calls here.
///
/// ```
/// use anyssh_testkit::FakeSsh;
/// let ssh = FakeSsh::new().log("Authenticated to x").exit(7).install().unwrap();
/// let status = std::process::Command::new(ssh.path()).args(["-l", "me", "--", "host", "a b"]).status().unwrap();
/// assert_eq!(status.code(), Some(7));
/// assert_eq!(ssh.calls().unwrap()[0].args, ["-l", "me", "--", "host", "a b"]);
/// ```
#[derive(Debug)]
pub struct FakeSsh {
    version: String,
    lines: String,
}

/// A [`FakeSsh`] on disk, and what it wrote down. Dropping it removes both.
#[derive(Debug)]
pub struct InstalledSsh {
    dir: TempDir,
}

/// One call of a [`FakeSsh`].
#[derive(Clone, Debug)]
pub struct Call {
    /// The arguments after the program's name.
    pub args: Vec<OsString>,
    /// The environment it was started with.
    pub environment: BTreeMap<OsString, OsString>,
    /// The files that its options named, as they were then.
    pub files: Vec<SeenFile>,
    /// What askpass answered.
    pub answers: Vec<Answer>,
    /// The signals that came while it waited, such as `TERM`.
    pub signals: Vec<String>,
}

/// A file that an option named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFile {
    /// The option: `IdentityFile`, `CertificateFile` or `UserKnownHostsFile`.
    pub option: String,
    /// Where it was.
    pub path: PathBuf,
    /// Its permission bits and those of its directory; `None` if it was not there.
    pub modes: Option<(u32, u32)>,
    /// What was in it.
    pub content: Vec<u8>,
}

/// An answer of askpass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub prompt: String,
    /// Its exit status.
    pub status: i32,
    /// What it wrote to standard output.
    pub text: String,
}

impl FakeSsh {
    /// One that calls itself OpenSSH 9.2p1 when asked with `-V`.
    pub fn new() -> Self {
        Self { version: "OpenSSH_9.2p1".into(), lines: String::new() }
    }

    /// Calls itself something else.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Appends a line to the file that `-E` names.
    #[must_use]
    pub fn log(self, line: &str) -> Self {
        self.line(format_args!("printf '%s\\n' {} >> \"$log\"", quoted(line)))
    }

    /// Writes text to standard output.
    #[must_use]
    pub fn print(self, text: &str) -> Self {
        self.line(format_args!("printf '%s' {}", quoted(text)))
    }

    /// Calls `SSH_ASKPASS` with a question, as `ssh` does, and writes down what comes back.
    #[must_use]
    pub fn ask(self, prompt: &str) -> Self {
        self.line(format_args!("ask {}", quoted(prompt)))
    }

    /// Waits for SIGINT, SIGTERM or SIGHUP, writes down which, and goes on.
    #[must_use]
    pub fn wait_for_signal(self) -> Self {
        let traps = "for s in INT TERM HUP; do trap \"echo $s >> \\\"\\$record/signals\\\"\" $s; done";
        self.line(format_args!(
            "{traps}\necho > \"$record/waiting\"\nuntil [ -s \"$record/signals\" ]; do sleep 0.02; done"
        ))
    }

    /// Ends by a signal, such as `KILL`.
    #[must_use]
    pub fn kill_itself(self, signal: &str) -> Self {
        self.line(format_args!("kill -s {} $$", quoted(signal)))
    }

    /// Ends with a status.
    #[must_use]
    pub fn exit(self, status: u8) -> Self {
        self.line(format_args!("exit {status}"))
    }

    fn line(mut self, line: std::fmt::Arguments<'_>) -> Self {
        // Writing to a string does not fail.
        let _ = writeln!(self.lines, "{line}");
        self
    }

    /// Writes the program into a directory of its own.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(self) -> io::Result<InstalledSsh> {
        let dir = tempfile::tempdir()?;
        make_dir(&dir.path().join("record"))?;
        let record = quoted(&dir.path().join("record").to_string_lossy());
        let Self { version, lines } = self;
        let version = format!("if [ \"$1\" = -V ]; then echo {} >&2; exit 0; fi", quoted(&version));
        let text = format!("#!/bin/sh\numask 077\n{version}\nrecord={record}\n{RECORD}\n{lines}");
        put(&dir.path().join("ssh"), text, 0o700)?;
        Ok(InstalledSsh { dir })
    }
}

impl Default for FakeSsh {
    fn default() -> Self {
        Self::new()
    }
}

impl InstalledSsh {
    /// The program. Its name is `ssh`, so its directory can also stand in `PATH`.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("ssh")
    }

    /// The calls so far, in order. `ssh -V` is none.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn calls(&self) -> io::Result<Vec<Call>> {
        let record = self.dir.path().join("record");
        let dirs = (1..).map(|number: u32| record.join(number.to_string())).take_while(|dir| dir.is_dir());
        dirs.map(|dir| read_call(&dir)).collect()
    }

    /// Whether one of the calls is waiting for a signal now, or was.
    pub fn is_waiting(&self) -> bool {
        let record = self.dir.path().join("record");
        let entries = std::fs::read_dir(record).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().join("waiting").exists())
    }
}

fn read_call(dir: &Path) -> io::Result<Call> {
    let environment = std::fs::read(dir.join("environment"))?;
    let environment = words(&environment).filter_map(|word| {
        let at = word.iter().position(|byte| *byte == b'=')?;
        Some((OsString::from_vec(word[..at].to_vec()), OsString::from_vec(word[at + 1..].to_vec())))
    });
    let signals = std::fs::read_to_string(dir.join("signals")).unwrap_or_default();
    Ok(Call {
        args: words(&std::fs::read(dir.join("args"))?).map(|word| OsString::from_vec(word.to_vec())).collect(),
        environment: environment.collect(),
        files: numbered(dir, "file-")?.iter().filter_map(|record| seen_file(record)).collect(),
        answers: numbered(dir, "answer-")?.iter().filter_map(|record| answer(record)).collect(),
        signals: signals.lines().map(str::to_owned).collect(),
    })
}

/// The words of a record in which each one ends with NUL.
fn words(record: &[u8]) -> impl Iterator<Item = &[u8]> {
    record.split_inclusive(|byte| *byte == 0).map(|word| word.strip_suffix(b"\0").unwrap_or(word))
}

fn numbered(dir: &Path, prefix: &str) -> io::Result<Vec<Vec<u8>>> {
    let paths = (1..).map(|number: u32| dir.join(format!("{prefix}{number}"))).take_while(|path| path.exists());
    paths.map(std::fs::read).collect()
}

fn seen_file(record: &[u8]) -> Option<SeenFile> {
    let mut parts = record.splitn(5, |byte| *byte == 0);
    let option = String::from_utf8(parts.next()?.to_vec()).ok()?;
    let path = PathBuf::from(OsString::from_vec(parts.next()?.to_vec()));
    let mut mode = || u32::from_str_radix(std::str::from_utf8(parts.next()?).ok()?, 8).ok();
    let modes = mode().zip(mode());
    let content = parts.next().unwrap_or_default().to_vec();
    Some(SeenFile { option, path, modes, content })
}

fn answer(record: &[u8]) -> Option<Answer> {
    let mut parts = record.splitn(3, |byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
    Some(Answer { prompt: parts.next()?, status: parts.next()?.parse().ok()?, text: parts.next()? })
}

/// Quoted for sh(1).
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
