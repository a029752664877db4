//! Directories and files that nobody else can read, from their first byte.
//!
//! [`PrivateDir`] is a directory of ours that was looked at before it is used: a real directory, of
//! our own uid, 0700, below parents that no stranger can swap (requirement F1). Files in it are made
//! 0600 by the open call itself and always through the directory's own descriptor (F2), read only if
//! they are regular and small (F4), and replaced in one step (F3).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! let pins = anyssh_private_dir::PrivateDir::open(&scratch.path().join("state").join("pins"))?;
//! pins.create_file("a", b"text")?;
//! assert_eq!(pins.read_file("a", 100)?.as_deref(), Some(&b"text"[..]));
//! # Ok(())
//! # }
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use crate::path_check::{self, DirectoryError};

/// A directory of ours, 0700, held open.
#[derive(Debug)]
pub struct PrivateDir {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl PrivateDir {
    /// Opens the directory at the absolute `path`; it and missing parents are made, 0700.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] names the path that is not ours, not 0700 or not a directory, and what to do.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let path = path_check::safe_parent(path)?;
        let failed = |source| DirectoryError::new(&path, source);
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(failed(error.into())),
        }
        let descriptor = open_directory(rustix::fs::CWD, path.as_os_str())
            .map_err(|error| path_check::explain_not_a_directory(&path, error))?;
        let stat = rustix::fs::fstat(&descriptor).map_err(|error| failed(error.into()))?;
        path_check::own_and_private(&path, &stat)?;
        Ok(Self { descriptor, path })
    }

    /// Where it is, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself, open.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Makes a subdirectory that must not be there yet.
    pub fn create_dir(&self, name: &str) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.descriptor, name, Mode::RWXU)?;
        self.open_dir(OsStr::new(name))
    }

    /// Opens a subdirectory of ours.
    pub fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        let descriptor = open_directory(&self.descriptor, name)?;
        let path = self.path.join(name);
        let stat = rustix::fs::fstat(&descriptor)?;
        path_check::own_and_private(&path, &stat).map_err(io::Error::other)?;
        Ok(Self { descriptor, path })
    }

    /// Makes a file that must not be there yet, 0600, with these contents.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken, by whatever it is.
    pub fn create_file(&self, name: &str, contents: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(contents)?;
        Ok(file)
    }

    /// The contents of a file, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// Anything but a regular file of ours with at most `cap` bytes is [`io::ErrorKind::InvalidData`].
    pub fn read_file(&self, name: &str, cap: usize) -> io::Result<Option<Vec<u8>>> {
        let mut contents = Vec::new();
        let Some(file) = self.open_file(OsStr::new(name), OFlags::RDONLY)? else { return Ok(None) };
        file.take(cap as u64 + 1).read_to_end(&mut contents)?;
        if contents.len() > cap {
            return Err(invalid(format!("{} is larger than {cap} bytes", self.path.join(name).display())));
        }
        Ok(Some(contents))
    }

    /// Opens an existing regular file of ours, or `None` if there is none.
    pub fn open_file(&self, name: &OsStr, access: OFlags) -> io::Result<Option<File>> {
        let shown = self.path.join(name);
        // NONBLOCK: opening a FIFO must not wait for its writer. It means nothing to a regular file.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(invalid(format!("{} is a symbolic link", shown.display()))),
            Err(error) => return Err(error.into()),
        };
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(invalid(format!("{} is not a regular file", shown.display())));
        }
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(invalid(format!("{} belongs to uid {}", shown.display(), stat.st_uid)));
        }
        Ok(Some(file))
    }

    /// Puts a file in place in one step: readers see the old contents or the new, also after a
    /// power cut. What was there is replaced.
    pub fn replace_file(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(contents)?;
        let renamed = rustix::fs::renameat(&self.descriptor, temporary.as_str(), &self.descriptor, name);
        self.finish(&temporary, renamed)
    }

    /// Like [`replace_file`](Self::replace_file), but the name must be free.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken; what is there stays as it is.
    pub fn place_new_file(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(contents)?;
        // A hard link fails if the name is taken; a rename would replace it without a word.
        let linked = rustix::fs::linkat(&self.descriptor, temporary.as_str(), &self.descriptor, name, AtFlags::empty());
        let result = self.finish(&temporary, linked);
        let _ = self.remove_file(&temporary);
        result
    }

    fn write_temporary(&self, contents: &[u8]) -> io::Result<String> {
        let name = format!("{TEMPORARY}{:016x}", rand::random::<u64>());
        let written = self.create_file(&name, contents).and_then(|file| file.sync_all());
        if written.is_err() {
            let _ = self.remove_file(&name);
        }
        written.map(|()| name)
    }

    fn finish(&self, temporary: &str, placed: rustix::io::Result<()>) -> io::Result<()> {
        if placed.is_err() {
            let _ = self.remove_file(temporary);
        }
        placed?;
        // The name itself is only on disk once the directory is.
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// Removes a file; one that is not there is fine.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        self.unlink(name.as_ref(), AtFlags::empty())
    }

    /// Removes an empty subdirectory; one that is not there is fine.
    pub fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, name: &OsStr, flags: AtFlags) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, flags) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of what is in it, without those of files that are being written.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        Ok(self.all_names()?.into_iter().filter(|name| !name.as_bytes().starts_with(TEMPORARY.as_bytes())).collect())
    }

    /// The names of all that is in it.
    pub fn all_names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

fn open_directory(at: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// What the names of half-written files start with.
const TEMPORARY: &str = ".new-";
