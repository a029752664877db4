//! A scratch directory with a home in it.

use std::ffi::OsStr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyssh_tests::guest::{self, Call, Scenario};
use tempfile::TempDir;

use super::run::Anyssh;

/// A home directory, and room beside it for what a test needs.
#[derive(Debug)]
pub(crate) struct Home {
    scratch: TempDir,
    path: PathBuf,
}

impl Home {
    /// An empty home.
    pub(crate) fn new() -> Self {
        Self::called("home")
    }

    /// An empty home whose directory has this name.
    pub(crate) fn called(name: impl AsRef<OsStr>) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join(name.as_ref());
        directory(&path, 0o700);
        Self { scratch, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A place beside the home.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The command in this home, with nothing else in its environment than a `PATH`.
    pub(crate) fn anyssh(&self, words: &[&str]) -> Anyssh {
        Anyssh::new(self, words)
    }

    /// The command with a key for the guest, which does what this scenario says.
    pub(crate) fn guest(&self, scenario: &Scenario, words: &[&str]) -> Anyssh {
        let path = self.beside("scenario.json");
        let _nothing_there = std::fs::remove_file(&path);
        Scenario { record: self.record(), ..scenario.clone() }.write(&path).unwrap();
        self.anyssh(words).env(guest::API_KEY, "key-1").env(guest::SCENARIO, &path)
    }

    /// The calls that the guest heard.
    pub(crate) fn calls(&self) -> Vec<Call> {
        guest::calls(&self.record()).unwrap()
    }

    /// The calls of one verb at their beginning.
    pub(crate) fn begun(&self, verb: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.verb == verb && call.phase == "begin").collect()
    }

    fn record(&self) -> PathBuf {
        self.beside("record")
    }

    /// An executable script beside the home.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.beside(name);
        file(&path, &format!("#!/bin/sh\n{text}\n"), 0o755);
        path
    }

    /// The configuration file, with this text and mode.
    pub(crate) fn config(&self, text: &str, mode: u32) -> PathBuf {
        let path = self.path.join(".config/anyssh/config.toml");
        directory(path.parent().unwrap(), 0o700);
        file(&path, text, mode);
        path
    }

    /// Everything in the home that is not a directory, in order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut waiting = vec![self.path.clone()];
        while let Some(directory) = waiting.pop() {
            for entry in std::fs::read_dir(&directory).unwrap() {
                let entry = entry.unwrap();
                match entry.file_type().unwrap().is_dir() {
                    true => waiting.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.sort();
        found
    }

    /// What a launch has in the home while it runs, or has left there.
    pub(crate) fn launches(&self) -> Vec<PathBuf> {
        let base = self.path.join(".local/state/anyssh/run");
        let entries = std::fs::read_dir(base).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Gives the home and what is beside it to another user.
    pub(crate) fn give_to(&self, uid: u32) {
        for path in [self.scratch.path(), &self.path] {
            std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
        }
    }
}

/// Makes a directory with exactly this mode.
pub(crate) fn directory(path: &Path, mode: u32) {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Writes a file with exactly this mode.
pub(crate) fn file(path: &Path, text: &str, mode: u32) {
    use std::io::Write as _;
    let _nothing_there = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    drop(file);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
