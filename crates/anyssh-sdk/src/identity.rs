//! The caller's own key, of which only the public half is read: `--identity FILE`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyssh_core::ssh_key::PublicKey;
use anyssh_core::{CallerKey, ErrorKind, FieldError, HostKey, KeyPair, ProviderError, escape};

/// What the option is called wherever there is one.
const OPTION: &str = "identity";

/// No public key that OpenSSH makes comes near this.
const LARGEST: u64 = 16 * 1024;

const PUBLIC_KEY: &str = "a file with one line \"TYPE BASE64 [COMMENT]\", an OpenSSH public key";

/// The key pair of `file`, without its private half: for [`RequestOptions::with_key_pair`](crate::RequestOptions::with_key_pair).
///
/// `file` is an OpenSSH private key, perhaps behind a passphrase, with its public half beside it in
/// `file.pub`, as ssh-keygen(1) writes them; `ssh` reads the private half by itself. Where only the public
/// half is there, or `file` ends in `.pub`, the other half is in the agent.
///
/// # Errors
/// Kind `Usage`, naming `identity`, when the public half cannot be read or is none. Its value is not shown.
///
/// ```
/// let directory = tempfile::tempdir()?;
/// # let put = |name: &str, text: &str| std::io::Write::write_all(&mut std::fs::File::create(directory.path().join(name))?, text.as_bytes());
/// let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@home\n";
/// put("id_ed25519.pub", key)?;
/// let pair = anyssh_sdk::identity(&directory.path().join("id_ed25519"))?;
/// assert_eq!(pair.public_key().to_openssh()?.split(' ').nth(1), key.split(' ').nth(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn identity(file: &Path) -> Result<KeyPair, ProviderError> {
    // ssh runs in our directory, but a session may be used from another one.
    let file = std::path::absolute(file).map_err(|error| unreadable(file, error))?;
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
