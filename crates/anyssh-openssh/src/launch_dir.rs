//! The private directory of one launch, and the sweep of those that a crash left (requirement C7).
//!
//! Each launch has a directory of its own with a random name under one base directory. It goes when
//! the value is dropped. A file lock in it says that its owner lives: the lock ends with the process,
//! however that ends, so whoever finds the lock free may remove the directory. No pid is looked up.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use anyssh_private_dir::DirectoryError;
use anyssh_private_dir::PrivateDir;

/// The private directory of one launch; removed with all that is in it on drop.
#[derive(Debug)]
pub(crate) struct LaunchDir {
    base: PrivateDir,
    dir: PrivateDir,
    name: String,
    /// Held, not read: it shows other processes that we live.
    _lock: File,
}

impl LaunchDir {
    /// Removes what crashed launches left under `base`, then makes a directory for this one.
    pub(crate) fn create(base: &Path) -> Result<Self, DirectoryError> {
        let base = PrivateDir::open(base)?;
        sweep(&base);
        let failed = |base: &PrivateDir, error| DirectoryError::new(base.path(), error);
        for _ in 0..TRIES {
            match claim(&base) {
                Ok(Some((name, dir, lock))) => return Ok(Self { base, dir, name, _lock: lock }),
                Ok(None) => {}
                Err(error) => return Err(failed(&base, error)),
            }
        }
        Err(failed(&base, io::Error::other("other processes keep removing our new directory")))
    }

    pub(crate) fn dir(&self) -> &PrivateDir {
        &self.dir
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for LaunchDir {
    fn drop(&mut self) {
        // Nobody is left to tell; the next launch sweeps what could not go now.
        let _ = remove(&self.base, OsStr::new(&self.name), &self.dir);
    }
}

/// Makes and locks a new directory, or `None` if a sweep took it away in between.
fn claim(base: &PrivateDir) -> io::Result<Option<(String, PrivateDir, File)>> {
    let name = format!("{PREFIX}{:016x}", rand::random::<u64>());
    match make(base, &name) {
        Ok(made) => Ok(made.map(|(dir, lock)| (name, dir, lock))),
        // Swept in between, or a name that somebody has: that directory is not ours to clean.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists) => Ok(None),
        Err(error) => {
            // A full disk, or a umask that took our own rights: half a directory is of no use to anybody.
            if let Ok(dir) = base.open_dir(OsStr::new(&name)) {
                let _ = dir.remove_file(LOCK);
            }
            let _ = base.remove_dir(OsStr::new(&name));
            Err(error)
        }
    }
}

fn make(base: &PrivateDir, name: &str) -> io::Result<Option<(PrivateDir, File)>> {
    let dir = base.create_dir(name)?;
    let lock = dir.create_file(LOCK, machine().as_bytes())?;
    match lock.try_lock() {
        // Locked, but was it removed between its making and its locking?
        Ok(()) if rustix::fs::fstat(&lock)?.st_nlink > 0 => Ok(Some((dir, lock))),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes directories of launches that are no more. What is not surely stale stays, silently: the
/// sweep is a courtesy and never keeps a launch from starting.
fn sweep(base: &PrivateDir) {
    for name in base.all_names().unwrap_or_default() {
        if is_ours(&name) {
            let _ = sweep_one(base, &name);
        }
    }
}

/// [`sweep`] by itself; nothing to do where there is no such directory.
pub(crate) fn sweep_below(base: &Path) -> Result<(), DirectoryError> {
    if base.symlink_metadata().is_ok() {
        sweep(&PrivateDir::open(base)?);
    }
    Ok(())
}

fn sweep_one(base: &PrivateDir, name: &OsStr) -> io::Result<()> {
    let dir = base.open_dir(name)?;
    let Some(lock) = dir.open_file(OsStr::new(LOCK), OFlags::RDWR)? else {
        // Just being made, or almost removed. Only an empty one goes, and its maker then takes a new name.
        return base.remove_dir(name);
    };
    let mut owner = String::new();
    (&lock).take(256).read_to_string(&mut owner)?;
    // Under a home on NFS there are launches of other machines too; their locks say nothing here.
    let of_this_machine = owner.is_empty() || owner == machine();
    if of_this_machine && lock.try_lock().is_ok() {
        remove(base, name, &dir)?;
    }
    Ok(())
}

/// Removes what is in `dir`, the lock last, then the directory itself.
fn remove(base: &PrivateDir, name: &OsStr, dir: &PrivateDir) -> io::Result<()> {
    for entry in dir.all_names()? {
        if entry != LOCK {
            dir.remove_file(&entry)?;
        }
    }
    dir.remove_file(LOCK)?;
    base.remove_dir(name)
}

fn is_ours(name: &OsStr) -> bool {
    let digits = name.as_bytes().strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

const PREFIX: &str = "launch-";
const LOCK: &str = "lock";
const TRIES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// C7: a directory that is being made is nobody's to sweep.
    #[test]
    fn a_new_directory_survives_the_sweeps_of_others() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().join("run");
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..40 {
                        let made = LaunchDir::create(&base).unwrap();
                        made.dir().create_file("id", b"secret").unwrap();
                        assert!(made.path().join(LOCK).exists() && made.path().join("id").exists());
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(&base).unwrap().count(), 0);
    }

    /// C6: also when the launch panics.
    #[test]
    fn a_panic_leaves_no_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let base = scratch.path().join("run");
        let panicked = std::panic::catch_unwind(|| {
            let made = LaunchDir::create(&base).unwrap();
            made.dir().create_file("id", b"secret").unwrap();
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        assert_eq!(std::fs::read_dir(&base).unwrap().count(), 0);
    }
}
