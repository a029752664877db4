//! The file with the ingress's header, for proxies that read it from there, such as Flyte's own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyssh_core::{ErrorKind, HostAlias, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::local;
use crate::flyte::Flyte;
use crate::keypair;

/// Writes the header to the file that was named, or to the one that goes with the alias; which it was.
pub(crate) fn write_for(
    flyte: &Flyte,
    file: Option<&Path>,
    alias: &HostAlias,
    token: &SecretString,
) -> Result<PathBuf, ProviderError> {
    let path = match file {
        Some(file) => file.to_owned(),
        None => default_path(flyte.home()?, alias)?,
    };
    write(&path, token).map(|()| path)
}

/// Where the file of an alias is, below the home directory.
fn default_path(home: &Path, alias: &HostAlias) -> Result<PathBuf, ProviderError> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let name: String = alias.as_str().chars().map(plain).collect();
    Ok(keypair::directory(home)?.path().join(format!("{name}.headers")))
}

/// Writes `Authorization: Bearer TOKEN`, 0600 from the first byte, in place of what was there: whoever reads
/// it sees the old line or the new one (F2).
pub(crate) fn write(path: &Path, token: &SecretString) -> Result<(), ProviderError> {
    let what = path.display().to_string();
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(ProviderError::new(ErrorKind::Usage, "headers-file: expected the name of a file"));
    };
    let temporary = parent.join(format!(".{}.{:016x}", name.to_string_lossy(), rand::random::<u64>()));
    let line = format!("Authorization: Bearer {}\n", token.expose_secret());
    let placed = write_new(&temporary, line.as_bytes()).and_then(|()| fs::rename(&temporary, path));
    if placed.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    placed.map_err(|error| local(&what, error))
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    /// F2: the file is ours alone, and what stood in its place is replaced and not followed.
    #[test]
    fn the_header_is_written_for_us_alone_in_one_step() {
        let home = tempfile::tempdir().unwrap();
        let alias = HostAlias::parse("host-alias", "my.debug-1").unwrap();
        let path = default_path(home.path(), &alias).unwrap();
        assert!(path.ends_with(".flyte/ssh-debug/my_debug-1.headers"), "{}", path.display());
        let elsewhere = home.path().join("elsewhere");
        symlink(&elsewhere, &path).unwrap();
        for token in ["one", "two"] {
            write(&path, &token.into()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("Authorization: Bearer {token}\n"));
        }
        let found = path.symlink_metadata().unwrap();
        assert!(found.is_file() && found.mode() & 0o777 == 0o600 && !elsewhere.exists());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    /// K6: a directory that is not there is named, and the token is not.
    #[test]
    fn a_file_that_cannot_be_written_is_named_without_its_token() {
        let error = write(Path::new("/nonexistent/dir/f.headers"), &"hunter22".into()).unwrap_err();
        assert!(
            error.to_string().starts_with("/nonexistent/dir/f.headers: ") && !error.to_string().contains("hunter22")
        );
    }
}
