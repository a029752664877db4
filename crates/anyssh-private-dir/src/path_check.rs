//! Whether a path is safe to keep private things under (requirement F1).
//!
//! The rule is the one that sshd's `StrictModes` has for `authorized_keys`: whoever can rename a
//! parent can swap what is below it, so every parent belongs to root or to us and is not writable
//! by everybody, except where the sticky bit keeps strangers from renaming.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use anyssh_core::escape::printable;

/// A path that is not safe to keep private things under, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct DirectoryError {
    path: String,
    source: io::Error,
}

impl DirectoryError {
    /// `source`, said of `path`.
    pub fn new(path: &Path, source: io::Error) -> Self {
        Self { path: printable(&path.display().to_string(), 1024), source }
    }

    fn refused(path: &Path, why: impl Into<String>) -> Self {
        Self::new(path, io::Error::new(io::ErrorKind::PermissionDenied, why.into()))
    }

    /// The operating system's kind of error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// `path` with its parents made (0700), checked, and free of symbolic links. The last part is left alone.
pub(crate) fn safe_parent(path: &Path) -> Result<PathBuf, DirectoryError> {
    if !path.is_absolute() {
        return Err(DirectoryError::refused(path, "the path is not absolute"));
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(DirectoryError::refused(path, "the path names no directory of our own"));
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|e| DirectoryError::new(parent, e))?;
    links_are_ours(parent)?;
    let real = fs::canonicalize(parent).map_err(|e| DirectoryError::new(parent, e))?;
    for ancestor in real.ancestors() {
        let metadata = fs::symlink_metadata(ancestor).map_err(|e| DirectoryError::new(ancestor, e))?;
        owned_by_root_or_us(ancestor, metadata.uid())?;
        if metadata.mode() & 0o002 != 0 && metadata.mode() & 0o1000 == 0 {
            return Err(DirectoryError::refused(ancestor, "everybody can write there: run `chmod o-w` on it"));
        }
    }
    Ok(real.join(name))
}

/// A symbolic link on the way may be root's or ours, not one that a stranger left in /tmp.
fn links_are_ours(path: &Path) -> Result<(), DirectoryError> {
    for ancestor in path.ancestors() {
        let metadata = fs::symlink_metadata(ancestor).map_err(|e| DirectoryError::new(ancestor, e))?;
        if metadata.is_symlink() {
            owned_by_root_or_us(ancestor, metadata.uid())?;
        }
    }
    Ok(())
}

fn owned_by_root_or_us(path: &Path, owner: u32) -> Result<(), DirectoryError> {
    if owner == 0 || owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(DirectoryError::refused(path, format!("it belongs to uid {owner}, who could swap what is below it")))
}

/// Whether this is a directory of our own uid with mode 0700.
pub(crate) fn own_and_private(path: &Path, stat: &Stat) -> Result<(), DirectoryError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Err(DirectoryError::refused(path, "it is not a directory"));
    }
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us {
        return Err(DirectoryError::refused(path, format!("it belongs to uid {}, not to us ({us})", stat.st_uid)));
    }
    // The type of st_mode differs between systems.
    #[allow(clippy::useless_conversion, reason = "u16 on macOS, u32 on Linux")]
    let mode = u32::from(stat.st_mode) & 0o777;
    if mode != 0o700 {
        let why = format!("its mode is {mode:04o}: run `chmod 700` on it, after a look at what is in it");
        return Err(DirectoryError::refused(path, why));
    }
    Ok(())
}

/// The error of opening something that is no directory, in words.
pub(crate) fn explain_not_a_directory(path: &Path, error: io::Error) -> DirectoryError {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => DirectoryError::refused(path, "it is a symbolic link, not a directory"),
        Ok(found) if !found.is_dir() => DirectoryError::refused(path, "it is not a directory"),
        _ => DirectoryError::new(path, error),
    }
}
