//! A hermetic environment: nothing of the developer's own reaches a test, and what a test leaves can be
//! listed.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::file::make_dir;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Directories of their own for one test, all with mode 0700, gone when it is dropped.
#[derive(Debug)]
pub struct Home {
    _dir: TempDir,
    root: PathBuf,
    runtime_dir: bool,
}

/// Something that was left in a [`Home`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// Where, from the home's root.
    pub path: PathBuf,
    /// The permission bits.
    pub mode: u32,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl Home {
    /// A home with a plain name.
    ///
    /// # Errors
    /// When the directories cannot be made.
    pub fn new() -> io::Result<Self> {
        Self::named("t")
    }

    /// A home whose path has blanks, quotes, `%`, `#` and a backslash in it (requirement F5).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_odd_name() -> io::Result<Self> {
        Self::named("a b%h'c\"d#e\\f%%")
    }

    /// A home in a directory of this name.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn named(name: &str) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let root = dir.path().join(name);
        make_dir(&root)?;
        let home = Self { _dir: dir, root, runtime_dir: true };
        home.parts().iter().try_for_each(|(_, path)| make_dir(path))?;
        Ok(home)
    }

    /// The same home without `XDG_RUNTIME_DIR`, as on a machine without a login manager.
    #[must_use]
    pub fn without_runtime_dir(mut self) -> Self {
        // An empty directory that nobody names does no harm, should removing it fail.
        let _ = std::fs::remove_dir(self.runtime_dir());
        self.runtime_dir = false;
        self
    }

    /// The directory that holds all others.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.root.join("home")
    }

    /// `XDG_STATE_HOME`.
    pub fn state_dir(&self) -> PathBuf {
        self.root.join("state")
    }

    /// `XDG_CONFIG_HOME`.
    pub fn config_dir(&self) -> PathBuf {
        self.root.join("config")
    }

    /// `XDG_RUNTIME_DIR`, which may be one that nobody is told of.
    pub fn runtime_dir(&self) -> PathBuf {
        self.root.join("run")
    }

    /// `TMPDIR`.
    pub fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn parts(&self) -> Vec<(&'static str, PathBuf)> {
        let mut parts = vec![
            ("HOME", self.home()),
            ("XDG_STATE_HOME", self.state_dir()),
            ("XDG_CONFIG_HOME", self.config_dir()),
            ("TMPDIR", self.tmp_dir()),
        ];
        if self.runtime_dir {
            parts.push(("XDG_RUNTIME_DIR", self.runtime_dir()));
        }
        parts
    }

    /// A command that sees this home, a minimal `PATH` and nothing else. It starts in `HOME`.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", PATH).envs(self.parts()).current_dir(self.home());
        command
    }

    /// Everything below the directories that this home was made with, in order.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn leftovers(&self) -> io::Result<Vec<Leftover>> {
        let own: Vec<PathBuf> = self.parts().into_iter().map(|(_, path)| path).collect();
        let mut found = Vec::new();
        visit(&self.root, &mut |path, metadata| {
            if !own.iter().any(|dir| dir == path) {
                let relative = path.strip_prefix(&self.root).unwrap_or(path).to_owned();
                let mode = metadata.permissions().mode() & 0o7777;
                found.push(Leftover { path: relative, mode, is_dir: metadata.is_dir() });
            }
            Ok(())
        })?;
        found.sort();
        Ok(found)
    }

    /// The files that hold `needle` in their bytes or in their path.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn files_with(&self, needle: &str) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        visit(&self.root, &mut |path, metadata| {
            let in_name = contains(path.as_os_str().as_bytes(), needle.as_bytes());
            if in_name || (metadata.is_file() && contains(&std::fs::read(path)?, needle.as_bytes())) {
                found.push(path.to_owned());
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Whether `bytes` hold `needle`. An empty needle is nowhere, so that a test that lost its secret fails.
pub(crate) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
}

/// Calls `see` for all that is below `dir`. What vanishes meanwhile is not there; links are not followed.
fn visit(dir: &Path, see: &mut dyn FnMut(&Path, &std::fs::Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        see(&path, &metadata)?;
        if metadata.is_dir() {
            visit(&path, see)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::put;

    #[test]
    fn a_command_sees_this_home_and_nothing_else() {
        let home = Home::with_odd_name().unwrap();
        let output = home.command("/usr/bin/env").output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<_> = lines.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"]);
        assert!(home.root().to_string_lossy().contains("a b%h'c\"d#e\\f%%"));
        let without = Home::new().unwrap().without_runtime_dir();
        let output = without.command("/usr/bin/env").output().unwrap();
        assert!(!String::from_utf8_lossy(&output.stdout).contains("XDG_RUNTIME_DIR"));
    }

    #[test]
    fn what_is_left_is_listed_with_its_mode_and_secrets_are_found() {
        let home = Home::new().unwrap();
        assert_eq!(home.leftovers().unwrap(), []);
        put(&home.runtime_dir().join("key"), "the hunter2 key", 0o600).unwrap();
        let left = Leftover { path: "run/key".into(), mode: 0o600, is_dir: false };
        assert_eq!(home.leftovers().unwrap(), [left]);
        assert_eq!(home.files_with("hunter2").unwrap(), [home.runtime_dir().join("key")]);
        assert!(home.files_with("hunter3").unwrap().is_empty() && home.files_with("").unwrap().is_empty());
    }
}
