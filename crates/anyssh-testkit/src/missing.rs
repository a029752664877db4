//! What the real parts need on this machine, and how a test is left out where it is not.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fmt};

/// Something that has to be installed for some of the real parts. Their errors have one in them.
///
/// ```
/// use anyssh_testkit::{Sshd, left_out};
///
/// // At the beginning of a test that needs the real `sshd`:
/// if left_out(Sshd::missing()) {
///     return;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// The program `sshd`.
    Sshd,
    /// The library `libnss_wrapper.so`, which gives each session of a gateway a login name.
    NssWrapper,
}

/// Whether the test that asks is to be left out, since this is missing. Then the reason is on standard error.
///
/// # Panics
/// Where the variable `CI` is set and something is missing: a test that is left out there proves nothing.
#[track_caller]
pub fn left_out(missing: Option<Missing>) -> bool {
    #[allow(clippy::disallowed_methods, reason = "what all services for continuous integration set")]
    let ci = env::var_os("CI");
    left_out_with(missing, ci.as_deref())
}

#[track_caller]
fn left_out_with(missing: Option<Missing>, ci: Option<&OsStr>) -> bool {
    let Some(missing) = missing else { return false };
    assert!(ci.is_none_or(OsStr::is_empty), "not left out, since CI is set: {missing}");
    // Whoever closed it does not want to know.
    let _ = writeln!(io::stderr(), "left out: {missing}");
    true
}

impl Missing {
    /// What is looked for.
    fn name(self) -> &'static str {
        match self {
            Self::Sshd => "sshd",
            Self::NssWrapper => "libnss_wrapper.so",
        }
    }

    fn found_in(self, mut directories: impl Iterator<Item = PathBuf>) -> Result<PathBuf, Self> {
        directories.find_map(|directory| Some(directory.join(self.name())).filter(|path| path.is_file())).ok_or(self)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sshd => f.write_str(
                "there is no sshd in PATH or /usr/sbin: install OpenSSH's server (Debian: apt-get install openssh-server)",
            ),
            Self::NssWrapper => f.write_str(
                "there is no libnss_wrapper.so, which gives each session its login name: install nss_wrapper \
                 (Debian: apt-get install libnss-wrapper)",
            ),
        }
    }
}

impl std::error::Error for Missing {}

impl From<Missing> for io::Error {
    fn from(missing: Missing) -> Self {
        Self::new(io::ErrorKind::NotFound, missing)
    }
}

/// Where `sshd` is. It insists on being called by an absolute path.
pub(crate) fn sshd() -> Result<PathBuf, Missing> {
    #[allow(clippy::disallowed_methods, reason = "where programs are")]
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).filter(|directory| directory.is_absolute());
    Missing::Sshd.found_in(in_path.chain(SBIN.iter().map(PathBuf::from)))
}

/// Where the library is.
pub(crate) fn nss_wrapper() -> Result<PathBuf, Missing> {
    Missing::NssWrapper.found_in(LIBRARIES.iter().map(|directory| Path::new(directory).to_owned()))
}

/// Where programs for administrators are, which are in few people's `PATH`.
const SBIN: &[&str] = &["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// Where Debian, Fedora and Arch have libraries.
const LIBRARIES: &[&str] =
    &["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_none_of_the_directories_is_missing_and_the_error_says_what_to_install() {
        let (empty, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for missing in [Missing::Sshd, Missing::NssWrapper] {
            crate::file::put(&full.path().join(missing.name()), "", 0o700).unwrap();
            let found = |directories: &[&Path]| missing.found_in(directories.iter().map(|path| path.to_path_buf()));
            assert_eq!(found(&[empty.path()]), Err(missing));
            assert_eq!(found(&[empty.path(), full.path()]), Ok(full.path().join(missing.name())));
            let error = io::Error::from(missing);
            let said = error.to_string();
            assert!(said.contains(missing.name()) && said.contains("apt-get install "), "{said}");
            assert_eq!(error.get_ref().and_then(|inner| inner.downcast_ref()), Some(&missing));
        }
    }

    /// Nothing of ours is left out: without these parts this test fails, and so do those that need them.
    #[test]
    fn nothing_is_missing_where_our_tests_run() {
        assert_eq!((crate::Sshd::missing(), crate::emulator::Gateway::missing()), (None, None));
        assert!(!left_out(None));
    }

    #[test]
    fn a_test_is_left_out_where_something_is_missing() {
        assert!(left_out_with(Some(Missing::Sshd), None) && left_out_with(Some(Missing::Sshd), Some(OsStr::new(""))));
        assert!(!left_out_with(None, Some(OsStr::new("true"))));
    }

    #[test]
    #[should_panic = "not left out, since CI is set: there is no libnss_wrapper.so"]
    fn no_test_is_left_out_in_ci() {
        left_out_with(Some(Missing::NssWrapper), Some(OsStr::new("true")));
    }
}
