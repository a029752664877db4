//! Where anyssh keeps what it keeps. See docs/platform.md.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::report::Report;

/// The configuration file that is read when none is named: `$XDG_CONFIG_HOME/anyssh/config.toml`.
pub(crate) fn default_config_file(environment: &Environment) -> Option<PathBuf> {
    let base = environment.absolute_path("XDG_CONFIG_HOME").or_else(|| Some(environment.home()?.join(".config")))?;
    Some(base.join("anyssh").join("config.toml"))
}

/// The state directory: `ANYSSH_STATE_DIR`, else `$XDG_STATE_HOME/anyssh`.
pub(crate) fn state_dir(environment: &Environment) -> Result<PathBuf, Box<Report>> {
    if let Some(path) = environment.raw("ANYSSH_STATE_DIR") {
        let path = PathBuf::from(path);
        return if path.is_absolute() { Ok(path) } else { Err(relative("ANYSSH_STATE_DIR")) };
    }
    let base = environment
        .absolute_path("XDG_STATE_HOME")
        .or_else(|| Some(environment.home()?.join(".local").join("state")))
        .ok_or_else(|| {
            Report::local("there is no home directory to keep state in").with_hint("set HOME or ANYSSH_STATE_DIR")
        })?;
    Ok(base.join("anyssh"))
}

/// The directory in which each launch has its private one: `$XDG_RUNTIME_DIR/anyssh`, or a folder of
/// the state directory where there is no usable runtime directory.
pub(crate) fn runtime_dir(environment: &Environment, state_dir: &Path) -> PathBuf {
    match environment.absolute_path("XDG_RUNTIME_DIR") {
        Some(base) if is_private_directory(&base) => base.join("anyssh"),
        _ => state_dir.join("run"),
    }
}

/// What the XDG Base Directory Specification asks of a runtime directory: ours alone, mode 0700. After
/// `su` it is often somebody else's, which is no reason to fail.
fn is_private_directory(path: &Path) -> bool {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return false };
    metadata.is_dir() && metadata.mode() & 0o777 == 0o700 && metadata.uid() == rustix::process::geteuid().as_raw()
}

fn relative(name: &str) -> Box<Report> {
    Report::usage(format!("{name}: expected an absolute path")).with_field(name).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_directories_win_over_home_and_relative_ones_are_ignored() {
        let home = [("HOME", "/h")];
        assert_eq!(state_dir(&Environment::of(&home)).unwrap(), Path::new("/h/.local/state/anyssh"));
        assert_eq!(default_config_file(&Environment::of(&home)).unwrap(), Path::new("/h/.config/anyssh/config.toml"));
        let absolute = Environment::of(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]);
        assert_eq!(state_dir(&absolute).unwrap(), Path::new("/s/anyssh"));
        let relative = Environment::of(&[("HOME", "/h"), ("XDG_STATE_HOME", "s")]);
        assert_eq!(state_dir(&relative).unwrap(), Path::new("/h/.local/state/anyssh"));
    }

    #[test]
    fn a_relative_state_directory_of_ours_is_refused_by_name() {
        let report = state_dir(&Environment::of(&[("ANYSSH_STATE_DIR", "x")])).unwrap_err();
        assert!(report.message().starts_with("ANYSSH_STATE_DIR: expected"));
    }

    /// F6: without a private runtime directory, temporary data lives under the state directory, not in /tmp.
    #[test]
    fn a_runtime_directory_that_is_not_private_is_passed_over() {
        let shared = Environment::of(&[("XDG_RUNTIME_DIR", "/tmp")]);
        assert_eq!(runtime_dir(&shared, Path::new("/s")), Path::new("/s/run"));
        assert_eq!(runtime_dir(&Environment::default(), Path::new("/s")), Path::new("/s/run"));
    }
}
