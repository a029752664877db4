//! Which configuration files that lay nearby the user has trusted: by path and content (T8a).

use std::path::Path;

use anyssh_private_dir::PrivateDir;
use sha2::{Digest as _, Sha256};

/// The directory of the records, in the provider's part of the state directory.
const DIRECTORY: &str = "trusted-files";

/// The question whether one path with one content is trusted. Another content is another question.
pub(crate) struct Trust<'a> {
    state_dir: Option<&'a Path>,
    path: &'a Path,
    /// The record's name: a hash of the path and of what is there.
    name: String,
}

impl<'a> Trust<'a> {
    /// Trust in the file at `path`, which is free of links, with these `contents`.
    pub(crate) fn of(state_dir: Option<&'a Path>, path: &'a Path, contents: &[u8]) -> Self {
        let path_bytes = path.as_os_str().as_encoded_bytes();
        let mut hash = Sha256::new();
        // With its length first, no end of a path can be taken for the beginning of a content.
        hash.update((path_bytes.len() as u64).to_be_bytes());
        hash.update(path_bytes);
        hash.update(contents);
        let name = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { state_dir, path, name }
    }

    /// Whether the user trusted it before. A record that cannot be read is none.
    pub(crate) fn is_kept(&self) -> bool {
        let directory = self.state_dir.map(|state_dir| state_dir.join(DIRECTORY));
        let Some(directory) = directory.filter(|directory| directory.is_dir()) else { return false };
        let Ok(directory) = PrivateDir::open(&directory) else { return false };
        matches!(directory.read_file(&self.name, 64 * 1024), Ok(Some(_)))
    }

    /// Keeps that the user trusts it.
    ///
    /// # Errors
    /// What kept it from being written; then it is not trusted the next time.
    pub(crate) fn keep(&self) -> std::io::Result<()> {
        let Some(state_dir) = self.state_dir else { return Ok(()) };
        let directory = PrivateDir::open(&state_dir.join(DIRECTORY)).map_err(std::io::Error::other)?;
        // The path is for people who look; what counts is the name.
        directory.replace_file(&self.name, self.path.as_os_str().as_encoded_bytes())
    }
}
