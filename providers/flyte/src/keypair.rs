//! The key pair that logs in to every debug pod, kept where Flyte's own client keeps it and shared with it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyssh_core::ProviderError;
use anyssh_core::ssh_key::private::{Ed25519Keypair, KeypairData};
use anyssh_core::ssh_key::{LineEnding, PrivateKey, PublicKey};
use anyssh_private_dir::PrivateDir;

use crate::error::local;

/// Below the home directory.
const DIRECTORY: [&str; 2] = [".flyte", "ssh-debug"];

const PRIVATE: &str = "id_ed25519";
const PUBLIC: &str = "id_ed25519.pub";

/// What Flyte's own client writes there too.
const COMMENT: &str = "flyte-ssh-debug";

/// No key that ssh-keygen makes comes near this.
const LARGEST: usize = 16 * 1024;

/// A key pair on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DebugKeyPair {
    /// Where the private half is: OpenSSH's format, 0600, without a passphrase.
    pub private_key: PathBuf,
    /// The public half, one line without a newline.
    pub public_key: String,
}

/// The directory `~/.flyte/ssh-debug`, 0700.
///
/// Flyte's own client makes it with the user's mask, so one of ours that others can enter is closed to
/// them and not refused.
pub(crate) fn directory(home: &Path) -> Result<PrivateDir, ProviderError> {
    let path = home.join(DIRECTORY[0]).join(DIRECTORY[1]);
    if let Ok(found) = fs::symlink_metadata(&path)
        && found.is_dir()
        && found.mode() & 0o077 != 0
    {
        // Somebody else's stays as it is, and is refused below.
        let _ = fs::set_permissions(&path, fs::Permissions::from_mode(0o700));
    }
    PrivateDir::open(&path).map_err(|error| local("Flyte's directory for SSH", error))
}

/// The pair in this home, made if there is none. Of many at once one makes it, and all get the same (C3).
///
/// # Errors
/// Of kind `Local`: a file there is not ours, not regular or not a key; the disk is full.
pub(crate) fn ensure(home: &Path) -> Result<DebugKeyPair, ProviderError> {
    let dir = directory(home)?;
    let key = ensure_private(&dir)?;
    let line = public_line(key.public_key())?;
    ensure_public(&dir, &line)?;
    Ok(DebugKeyPair { private_key: dir.path().join(PRIVATE), public_key: line })
}

fn ensure_private(dir: &PrivateDir) -> Result<PrivateKey, ProviderError> {
    if let Some(key) = read_private(dir)? {
        return Ok(key);
    }
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&rand::random()));
    let made = PrivateKey::new(pair, COMMENT).map_err(|error| local(PRIVATE, error))?;
    let text = made.to_openssh(LineEnding::LF).map_err(|error| local(PRIVATE, error))?;
    match dir.place_new_file(PRIVATE, text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        placed => placed.map_err(|error| local(PRIVATE, error))?,
    }
    // Ours, or that of whoever was a moment faster.
    read_private(dir)?.ok_or_else(|| local(PRIVATE, io::Error::from(io::ErrorKind::NotFound)))
}

fn read_private(dir: &PrivateDir) -> Result<Option<PrivateKey>, ProviderError> {
    let path = dir.path().join(PRIVATE);
    let what = path.display().to_string();
    let Some(bytes) = dir.read_file(PRIVATE, LARGEST).map_err(|error| local(&what, error))? else { return Ok(None) };
    let key = PrivateKey::from_openssh(bytes).map_err(|error| local(&what, error))?;
    if key.is_encrypted() {
        let error = io::Error::other("it has a passphrase; move it away, or name it with --identity-file");
        return Err(local(&what, error));
    }
    // ssh ignores a private key that others can read.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|error| local(&what, error))?;
    Ok(Some(key))
}

/// Puts the public half right if it is missing or belongs to another key.
fn ensure_public(dir: &PrivateDir, line: &str) -> Result<(), ProviderError> {
    let there = dir.read_file(PUBLIC, LARGEST).map_err(|error| local(PUBLIC, error))?;
    let same = there.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(same_key(line));
    if same == Some(true) {
        return Ok(());
    }
    dir.replace_file(PUBLIC, format!("{line}\n").as_bytes()).map_err(|error| local(PUBLIC, error))
}

fn same_key(line: &str) -> impl Fn(&str) -> Option<bool> {
    let ours = PublicKey::from_openssh(line).ok();
    move |text| Some(PublicKey::from_openssh(text.trim_end()).ok()?.key_data() == ours.as_ref()?.key_data())
}

fn public_line(key: &PublicKey) -> Result<String, ProviderError> {
    Ok(key.to_openssh().map_err(|error| local(PUBLIC, error))?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn the_pair_is_made_once_and_is_for_us_alone() {
        let home = tempfile::tempdir().unwrap();
        let first = ensure(home.path()).unwrap();
        let dir = home.path().join(".flyte").join("ssh-debug");
        assert_eq!(first.private_key, dir.canonicalize().unwrap().join("id_ed25519"));
        assert!(first.public_key.starts_with("ssh-ed25519 ") && first.public_key.ends_with(" flyte-ssh-debug"));
        assert_eq!((mode(&dir), mode(&first.private_key)), (0o700, 0o600));
        assert_eq!(fs::read_to_string(dir.join("id_ed25519.pub")).unwrap(), format!("{}\n", first.public_key));
        assert_eq!(ensure(home.path()).unwrap(), first);
    }

    /// C3: of 50 first runs at once one makes the pair, and all get the same.
    #[test]
    fn fifty_first_runs_get_one_pair() {
        let home = Arc::new(tempfile::tempdir().unwrap());
        let start = Arc::new(Barrier::new(50));
        let runs: Vec<_> = (0..50)
            .map(|_| {
                let (home, start) = (Arc::clone(&home), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    ensure(home.path()).unwrap()
                })
            })
            .collect();
        let pairs: Vec<DebugKeyPair> = runs.into_iter().map(|run| run.join().unwrap()).collect();
        assert!(pairs.iter().all(|pair| *pair == pairs[0]));
        let dir = home.path().join(".flyte").join("ssh-debug");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no temporary file stays");
        let on_disk = PrivateKey::from_openssh(fs::read(dir.join("id_ed25519")).unwrap()).unwrap();
        assert_eq!(public_line(on_disk.public_key()).unwrap(), pairs[0].public_key);
    }

    /// C3: a public half that is missing or of another key is made from the private one.
    #[test]
    fn a_missing_or_wrong_public_half_is_rebuilt() {
        let home = tempfile::tempdir().unwrap();
        let pair = ensure(home.path()).unwrap();
        let public = pair.private_key.with_extension("pub");
        fs::remove_file(&public).unwrap();
        assert_eq!(ensure(home.path()).unwrap(), pair);
        let other = tempfile::tempdir().unwrap();
        fs::copy(ensure(other.path()).unwrap().private_key.with_extension("pub"), &public).unwrap();
        assert_eq!(ensure(home.path()).unwrap(), pair);
        assert_eq!(fs::read_to_string(&public).unwrap().trim_end(), pair.public_key);
    }

    #[test]
    fn what_flytes_own_client_left_open_is_closed_and_what_is_no_key_is_named() {
        let home = tempfile::tempdir().unwrap();
        let pair = ensure(home.path()).unwrap();
        let dir = pair.private_key.parent().unwrap();
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&pair.private_key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(ensure(home.path()).unwrap(), pair);
        assert_eq!((mode(dir), mode(&pair.private_key)), (0o700, 0o600));

        let file = fs::OpenOptions::new().write(true).truncate(true).open(&pair.private_key).unwrap();
        drop(file);
        let error = ensure(home.path()).unwrap_err();
        assert!(error.kind() == anyssh_core::ErrorKind::Local && error.to_string().contains("id_ed25519"), "{error}");
    }
}
