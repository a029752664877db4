//! The caller's own key, of which only the public half is read: `--identity FILE`.
//!
//! `FILE` is an OpenSSH private key with its public half beside it in `FILE.pub`, as ssh-keygen(1)
//! writes them. Where only the public half is there, or `FILE` is the public half itself, the other
//! half is in the agent.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{CallerKey, ErrorKind, FieldError, HostKey, KeyPair, ProviderError, escape};

const OPTION: &str = "identity";

/// No public key that OpenSSH makes comes near this.
const LARGEST: u64 = 16 * 1024;

const PUBLIC_KEY: &str = "a file with one line \"TYPE BASE64 [COMMENT]\", an OpenSSH public key";

/// The pair in `file`, without its private half.
pub(crate) fn read(file: &str) -> Result<KeyPair, ProviderError> {
    // ssh runs in our directory, but a session may be used from another one.
    let file = std::path::absolute(file).map_err(|error| unreadable(Path::new(file), error))?;
    let is_public = file.extension().is_some_and(|extension| extension == "pub");
    let public_file = if is_public { file.clone() } else { with_pub(&file) };
    let public_key = read_public_key(&public_file)?;
    let key = if is_public || !file.exists() { CallerKey::Agent } else { CallerKey::File(file) };
    Ok(KeyPair::Caller { public_key, key })
}

fn with_pub(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn read_public_key(file: &Path) -> Result<PublicKey, ProviderError> {
    let text = read_small(file).map_err(|error| unreadable(file, error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    // The same form as a host key's: one line, a plain key, no certificate. The value is not shown: a
    // private key may have been named by mistake.
    let key = HostKey::parse(OPTION, line.trim_end_matches('\r'));
    let key = key.map_err(|_| ProviderError::usage(FieldError::secret(OPTION, PUBLIC_KEY)))?;
    Ok(key.public_key().clone())
}

/// A regular file that is small (F4): neither a device that never ends nor a pipe that never begins.
fn read_small(file: &Path) -> io::Result<String> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut text = String::new();
    File::open(file)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "too large for a public key"));
    }
    Ok(text)
}

fn unreadable(file: &Path, error: io::Error) -> ProviderError {
    let shown = escape::printable(&file.display().to_string(), escape::MESSAGE_CAP);
    let message = format!("{OPTION}: the public half of the key cannot be read from {shown}: {error}");
    ProviderError::new(ErrorKind::Usage, message).with_field(OPTION).with_source(error)
}
