//! A directory of ours in the user's home, and files in it that nobody else can read from their first byte.
//!
//! Flyte's own client keeps its key pair in `~/.flyte/ssh-debug` and makes that directory 0755; it is
//! shared with us, so a directory of ours that others can enter is closed to them and not refused (F1).

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

/// What the names of half-written files start with.
const TEMPORARY: &str = ".anyssh-new-";

/// A directory of ours, 0700, held open.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl PrivateDir {
    /// Opens the directory at the absolute `path`; it and missing parents are made, 0700.
    ///
    /// # Errors
    /// When it is not a real directory of ours, or a stranger could swap a parent; the error names the path.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        make(path).map_err(|error| named(path, error))?;
        check_parents(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let descriptor = opened.map_err(|error| named(path, error.into()))?;
        let stat = rustix::fs::fstat(&descriptor)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused(path, "belongs to somebody else"));
        }
        if stat.st_mode & 0o077 != 0 {
            rustix::fs::fchmod(&descriptor, Mode::RWXU).map_err(|error| named(path, error.into()))?;
        }
        Ok(Self { descriptor, path: path.to_owned() })
    }

    /// Where a file in it is.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The contents of a file, or `None` if there is none.
    ///
    /// # Errors
    /// Anything but a regular file of ours with at most `cap` bytes is [`io::ErrorKind::InvalidData`] (F4).
    pub(crate) fn read(&self, name: &str, cap: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        let mut contents = Vec::new();
        file.take(cap + 1).read_to_end(&mut contents)?;
        if contents.len() as u64 > cap {
            return Err(refused(&self.join(name), "is too large"));
        }
        Ok(Some(contents))
    }

    /// Takes a file from everybody else, as `ssh` wants it of a private key.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when there is no such file.
    pub(crate) fn make_private(&self, name: &str) -> io::Result<()> {
        let file = self.open_file(name)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR)?)
    }

    /// Puts a file in place in one step, 0600: readers see the old contents or the new (F2, F3).
    pub(crate) fn replace(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(contents)?;
        let renamed = rustix::fs::renameat(&self.descriptor, temporary.as_str(), &self.descriptor, name);
        if renamed.is_err() {
            self.remove(&temporary)?;
        }
        renamed.map_err(|error| named(&self.join(name), error.into()))
    }

    /// Like [`replace`](Self::replace), but the name must be free.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if it is taken; what is there stays as it is (C3).
    pub(crate) fn place(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(contents)?;
        // A hard link fails if the name is taken; a rename would replace it without a word.
        let linked = rustix::fs::linkat(&self.descriptor, temporary.as_str(), &self.descriptor, name, AtFlags::empty());
        self.remove(&temporary)?;
        linked.map_err(|error| named(&self.join(name), error.into()))
    }

    /// Removes a file; one that is not there is fine.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(named(&self.join(name), error.into())),
        }
    }

    fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        // NONBLOCK: opening a FIFO must not wait for its writer. It means nothing to a regular file.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(refused(&self.join(name), "is a symbolic link")),
            Err(error) => return Err(named(&self.join(name), error.into())),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused(&self.join(name), "is not a regular file"));
        }
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused(&self.join(name), "belongs to somebody else"));
        }
        Ok(Some(file))
    }

    fn write_temporary(&self, contents: &[u8]) -> io::Result<String> {
        let name = format!("{TEMPORARY}{:016x}", rand::random::<u64>());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.descriptor, name.as_str(), flags, Mode::RUSR | Mode::WUSR);
        let mut file = File::from(opened.map_err(|error| named(&self.join(&name), error.into()))?);
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        if let Err(error) = written {
            self.remove(&name)?;
            return Err(named(&self.path, error));
        }
        Ok(name)
    }
}

fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(refused(path, "is not a directory")),
        other => other,
    }
}

/// Each parent is root's or ours, and nobody else can rename what is in it.
fn check_parents(path: &Path) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    let real = path.parent().unwrap_or(path).canonicalize()?;
    for parent in real.ancestors() {
        let metadata = parent.metadata()?;
        let open_to_all = metadata.mode() & 0o002 != 0 && metadata.mode() & 0o1000 == 0;
        if open_to_all || ![0, us].contains(&metadata.uid()) {
            return Err(refused(parent, "can be changed by others"));
        }
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} {why}", path.display()))
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o777
    }

    /// F2: whatever is made is ours alone from its first byte, and a directory that was open is closed.
    #[test]
    fn directories_and_files_are_for_us_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a").join("b");
        let dir = PrivateDir::open(&path).unwrap();
        dir.replace("f", b"one").unwrap();
        dir.replace("f", b"two").unwrap();
        assert_eq!((mode(&path), mode(&path.join("f"))), (0o700, 0o600));
        assert_eq!(dir.read("f", 3).unwrap().unwrap(), b"two");
        assert!(dir.read("f", 2).is_err() && dir.read("g", 2).unwrap().is_none());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        PrivateDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_name_that_is_taken_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let dir = PrivateDir::open(home.path()).unwrap();
        dir.place("f", b"one").unwrap();
        assert_eq!(dir.place("f", b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(dir.read("f", 9).unwrap().unwrap(), b"one");
    }

    /// F1, F4: links, other kinds of file and parents that everybody can write are refused by name.
    #[test]
    fn links_and_shared_parents_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let real = PrivateDir::open(&home.path().join("real")).unwrap();
        symlink("real", home.path().join("link")).unwrap();
        assert!(PrivateDir::open(&home.path().join("link")).unwrap_err().to_string().contains("link"));
        symlink("/etc/passwd", real.join("f")).unwrap();
        assert!(real.read("f", 10).unwrap_err().to_string().contains("symbolic link"));

        let shared = home.path().join("shared");
        PrivateDir::open(&shared).unwrap();
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = PrivateDir::open(&shared.join("x")).unwrap_err();
        assert!(error.to_string().ends_with("shared can be changed by others"), "{error}");
    }
}
