//! The generation at a base URL, remembered in a file, so that not every process has to ask again.
//!
//! It is a hint: what is written there decides what is tried first, and nothing else. So a file that
//! cannot be read or written is as good as none, and no error.

use std::io;
use std::path::{Path, PathBuf};

use anyssh_core::ssh_key::HashAlg;
use anyssh_http::BaseUrl;
use anyssh_private_dir::PrivateDir;

use crate::generations::Generation;

/// More than the file ever holds: a base URL has at most 2048 bytes.
const LARGEST: usize = 4096;

/// The file for one base URL.
#[derive(Debug)]
pub(crate) struct Memory {
    directory: PathBuf,
    name: String,
    base: String,
}

impl Memory {
    /// The memory of `base` in `directory`, if there is a directory at all. Nothing is touched yet.
    pub(crate) fn of(directory: Option<&Path>, base: &BaseUrl) -> Option<Self> {
        let base = base.to_string();
        let digest = HashAlg::Sha256.digest(base.as_bytes());
        let name = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
        Some(Self { directory: directory?.to_owned(), name: format!("generation-{name}"), base })
    }

    /// What was written last, if it is a file as [`write`](Self::write) makes it. Reading makes nothing.
    pub(crate) fn read(&self) -> Option<Generation> {
        if !self.directory.is_dir() {
            return None;
        }
        let contents = PrivateDir::open(&self.directory).ok()?.read_file(&self.name, LARGEST).ok()??;
        [Generation::One, Generation::Two].into_iter().find(|generation| contents == self.text(*generation).as_bytes())
    }

    /// Writes it down, in one step, for us alone.
    pub(crate) fn write(&self, generation: Generation) {
        // There is nobody to tell and nothing to do about a failure: the next process asks the API.
        let _not_remembered = self.try_write(generation).is_err();
    }

    fn try_write(&self, generation: Generation) -> io::Result<()> {
        let directory = PrivateDir::open(&self.directory).map_err(io::Error::other)?;
        directory.replace_file(&self.name, self.text(generation).as_bytes())
    }

    fn text(&self, generation: Generation) -> String {
        let number = match generation {
            Generation::One => 1,
            Generation::Two => 2,
        };
        format!("anyssh-leap0-generation 1\nbase {}\ngeneration {number}\n", self.base)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests write their files plainly")]

    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn path(memory: &Memory) -> PathBuf {
        memory.directory.join(&memory.name)
    }

    fn memory(directory: &Path, base: &str) -> Memory {
        Memory::of(Some(directory), &BaseUrl::parse("u", base).unwrap()).unwrap()
    }

    #[test]
    fn what_was_written_is_read_by_the_next_process_for_the_same_base_url_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("providers/leap0");
        let ours = memory(&directory, "https://leap0.example");
        assert_eq!(ours.read(), None);
        ours.write(Generation::One);
        assert_eq!(memory(&directory, "https://leap0.example/").read(), Some(Generation::One));
        assert_eq!(memory(&directory, "https://other.example").read(), None);
        ours.write(Generation::Two);
        assert_eq!(ours.read(), Some(Generation::Two));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&path(&ours))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "no temporary file stays");
    }

    /// F4: only a small regular file that is exactly as we write it is believed.
    #[test]
    fn what_is_no_memory_of_ours_is_as_good_as_none() {
        let scratch = tempfile::tempdir().unwrap();
        let ours = memory(scratch.path(), "https://leap0.example");
        let good = ours.text(Generation::One);
        for text in ["", "1", &good.replace("generation 1\n", "generation 3\n"), &format!("{good} "), &"x".repeat(9000)]
        {
            fs::write(path(&ours), text).unwrap();
            assert_eq!(ours.read(), None, "{text:.80}");
        }
        fs::remove_file(path(&ours)).unwrap();
        let elsewhere = scratch.path().join("elsewhere");
        fs::write(&elsewhere, &good).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path(&ours)).unwrap();
        assert_eq!(ours.read(), None);
        fs::remove_file(path(&ours)).unwrap();
        fs::create_dir(path(&ours)).unwrap();
        assert_eq!(ours.read(), None);
        ours.write(Generation::One);
    }

    /// F1: nothing is put where others can write.
    #[test]
    fn a_directory_that_is_not_ours_alone_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("open");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        memory(&directory, "https://leap0.example").write(Generation::One);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }
}
