//! The host keys that were agreed to, one small file for each alias (requirements F3, F4, K4).

use std::io;
use std::path::{Path, PathBuf};

use anyssh_core::{FieldError, HostAlias, HostKey};

use anyssh_private_dir::DirectoryError;
use anyssh_private_dir::PrivateDir;

/// A host key that was agreed to for one alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The name under which it is known.
    pub alias: HostAlias,
    /// The key.
    pub key: HostKey,
    /// The group of targets that one gateway serves, if the alias is in one.
    pub group: Option<String>,
}

/// The pins of one user, in the directory `pins` of the state directory.
///
/// A pin is never changed: it is placed where there is none, or removed. A file that does not read
/// as a pin is an error that names it; it is neither trusted nor replaced.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// use anyssh_core::{HostAlias, HostKey};
/// use anyssh_openssh::PinStore;
///
/// let pins = PinStore::open(&scratch.path().join("state"))?;
/// let alias = HostAlias::parse("alias", "leap0.sbx-1")?;
/// let key = HostKey::parse("key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti")?;
/// pins.put(&alias, &key, None)?;
/// assert_eq!(pins.get(&alias)?.map(|pin| pin.key), Some(key));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PinStore {
    dir: PrivateDir,
}

/// Why a pin could not be read or placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// The directory cannot be trusted or made.
    #[error("pinned host keys: {0}")]
    Directory(#[from] DirectoryError),
    /// The file is not a pin as we write them.
    #[error("{path} is not a usable pin ({why}); look at it and remove it")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Another key is already pinned.
    #[error("{alias} is already pinned to the key {fingerprint}")]
    Taken {
        /// The alias.
        alias: HostAlias,
        /// The fingerprint of the key that is pinned.
        fingerprint: String,
    },
    /// A group's name cannot be written.
    #[error(transparent)]
    Group(FieldError),
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PinStore {
    /// Opens the pins below the state directory, which is made (0700) if it is not there.
    ///
    /// # Errors
    ///
    /// [`PinError::Directory`] if a directory is not ours alone.
    pub fn open(state: &Path) -> Result<Self, PinError> {
        PrivateDir::open(state)?;
        Ok(Self { dir: PrivateDir::open(&state.join("pins"))? })
    }

    /// The pin of `alias`, or `None` if it has none.
    pub fn get(&self, alias: &HostAlias) -> Result<Option<Pin>, PinError> {
        match self.dir.read_file(alias.as_str(), CAP) {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => parse(&bytes, alias).map(Some).map_err(|why| self.corrupt(alias, why)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(self.corrupt(alias, error.to_string())),
            Err(source) => Err(self.failed(alias, source)),
        }
    }

    /// Pins `key` for `alias`, on disk when this returns. The same key again is fine.
    ///
    /// # Errors
    ///
    /// [`PinError::Taken`] if another key is pinned, also if another process was a moment faster.
    pub fn put(&self, alias: &HostAlias, key: &HostKey, group: Option<&str>) -> Result<(), PinError> {
        let text = write(alias, key, group).map_err(PinError::Group)?;
        match self.dir.place_new_file(alias.as_str(), text.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map_err(|source| self.failed(alias, source)),
        }
        match self.get(alias)? {
            Some(pin) if pin.key == *key => Ok(()),
            Some(pin) => Err(PinError::Taken { alias: alias.clone(), fingerprint: pin.key.fingerprint() }),
            // Removed in between: the next try finds the name free.
            None => Err(self.failed(alias, io::ErrorKind::Interrupted.into())),
        }
    }

    /// An alias of `group` that is pinned to `key`, if there is one. Files that are no pins are passed over.
    pub fn find_in_group(&self, group: &str, key: &HostKey) -> Result<Option<HostAlias>, PinError> {
        let names = self.dir.names().map_err(|error| DirectoryError::new(self.dir.path(), error))?;
        let aliases = names.iter().filter_map(|name| HostAlias::parse("alias", name.to_str()?).ok());
        let mut pins = aliases.filter_map(|alias| self.get(&alias).ok().flatten());
        Ok(pins.find(|pin| pin.group.as_deref() == Some(group) && pin.key == *key).map(|pin| pin.alias))
    }

    /// Forgets the pin of `alias`; one that is not there is fine.
    pub fn remove(&self, alias: &HostAlias) -> Result<(), PinError> {
        self.dir.remove_file(alias.as_str()).map_err(|source| self.failed(alias, source))
    }

    /// The file of `alias`, for messages.
    pub fn path_of(&self, alias: &HostAlias) -> PathBuf {
        self.dir.path().join(alias.as_str())
    }

    fn corrupt(&self, alias: &HostAlias, why: String) -> PinError {
        PinError::Corrupt { path: self.path_of(alias), why }
    }

    fn failed(&self, alias: &HostAlias, source: io::Error) -> PinError {
        PinError::Io { path: self.path_of(alias), source }
    }
}

fn write(alias: &HostAlias, key: &HostKey, group: Option<&str>) -> Result<String, FieldError> {
    let group = match group {
        Some(group) if group.is_empty() || group.len() > LONGEST_GROUP || group.contains(char::is_control) => {
            return Err(FieldError::new("group", "1 to 1024 bytes without control characters", group));
        }
        Some(group) => format!("group {group}\n"),
        None => String::new(),
    };
    Ok(format!("{FIRST_LINE}\nalias {alias}\n{group}key {}\n", key.to_line()))
}

/// Reads exactly what [`write`] wrote for this alias.
fn parse(bytes: &[u8], alias: &HostAlias) -> Result<Pin, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let rest = text.strip_prefix(FIRST_LINE).ok_or("it is empty or of another version")?;
    let mut lines = rest.strip_prefix('\n').ok_or("it is of another version")?.lines();
    if lines.next() != Some(&format!("alias {alias}")) {
        return Err("it is for another alias".to_owned());
    }
    let mut line = lines.next();
    let group = line.and_then(|line| line.strip_prefix("group ")).map(str::to_owned);
    if group.is_some() {
        line = lines.next();
    }
    let key = line.and_then(|line| line.strip_prefix("key ")).ok_or("it has no key")?;
    let key = HostKey::parse("key", key).map_err(|error| error.to_string())?;
    let pin = Pin { alias: alias.clone(), key, group };
    let again = write(alias, &pin.key, pin.group.as_deref()).map_err(|error| error.to_string())?;
    if again == text { Ok(pin) } else { Err("it was changed by something else".to_owned()) }
}

const FIRST_LINE: &str = "anyssh-pin 1";
const LONGEST_GROUP: usize = 1024;
const CAP: usize = 32 * 1024;
