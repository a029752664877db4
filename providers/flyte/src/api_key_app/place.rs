//! Where a key is kept: beside Flyte's own client, or beside a key of another control plane.

use std::io;
use std::path::Path;

use anyssh_core::{ProviderError, escape};
use anyssh_private_dir::PrivateDir;
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{ApiKey, bare_endpoint};
use crate::error::local;

/// Where Flyte's own client keeps it, too.
pub(super) const FILE: &str = "api-key";

/// No key comes near this, in bytes.
pub(super) const LARGEST: usize = 8192;

/// The file for the keys of one control plane, and what is in it.
#[derive(Debug)]
pub(super) struct Place {
    file: String,
    pub(super) kept: Option<(SecretString, ApiKey)>,
}

impl Place {
    pub(super) fn find(dir: &PrivateDir, base: &str) -> Result<Self, ProviderError> {
        let shared = read(dir, FILE)?;
        if shared.as_ref().is_none_or(|(_, key)| is_for(key, base)) {
            return Ok(Self { file: FILE.to_owned(), kept: shared });
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' };
        let file: String = format!("{FILE}-{}", bare_endpoint(base)).chars().map(plain).collect();
        let kept = read(dir, &file)?.filter(|(_, key)| is_for(key, base));
        Ok(Self { file, kept })
    }

    pub(super) fn keep(&self, dir: &PrivateDir, key: &SecretString) -> Result<(), ProviderError> {
        let placed = dir.replace_file(&self.file, key.expose_secret().as_bytes());
        placed.map_err(|error| local(&shown(dir, &self.file), error))
    }
}

fn read(dir: &PrivateDir, file: &str) -> Result<Option<(SecretString, ApiKey)>, ProviderError> {
    let what = shown(dir, file);
    let Some(bytes) = dir.read_file(file, LARGEST).map_err(|error| local(&what, error))? else { return Ok(None) };
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "it holds no API key; move it away");
    let text = String::from_utf8(bytes).map_err(|_| local(&what, unreadable()))?;
    let text = SecretString::from(text.trim());
    let key = ApiKey::decode(FILE, &text).map_err(|_| local(&what, unreadable()))?;
    Ok(Some((text, key)))
}

fn shown(dir: &PrivateDir, file: &str) -> String {
    escape::printable(&dir.path().join(Path::new(file)).display().to_string(), escape::MESSAGE_CAP)
}

fn is_for(key: &ApiKey, base: &str) -> bool {
    bare_endpoint(&key.endpoint).eq_ignore_ascii_case(bare_endpoint(base))
}
