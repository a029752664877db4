//! Tokens that outlive the process: small files of ours alone, one for each endpoint, audience and
//! identity (K8).
//!
//! Whatever cannot be read is not there, and whatever cannot be written is not kept: a token can always
//! be made again. Files are replaced in one step, so readers need no lock (F3).

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyssh_core::{Deadline, ProviderError};
use anyssh_private_dir::PrivateDir;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::metadata::parse_header;
use super::oauth::{Minted, parse_token};
use crate::turn::{self, Turn};

/// The largest record that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// The directory of the records.
#[derive(Clone, Debug)]
pub(crate) struct TokenStore {
    directory: Option<PathBuf>,
}

/// Whose token it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Scheme, host and port of the control plane.
    pub(crate) endpoint: String,
    pub(crate) audience: String,
    /// In words that hold no secret.
    pub(crate) identity: String,
}

/// What the control plane said about tokens the last time: enough to find and send one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    endpoint: String,
    pub(crate) audience: String,
    pub(crate) rpc_header: String,
}

/// A record of a token.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    owner: Owner,
    access_token: String,
    refresh_token: Option<String>,
    /// Seconds since 1970; 0 if not known.
    expires_at: u64,
}

impl TokenStore {
    /// A store in this directory; without one nothing is kept.
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory }
    }

    /// What is known about the control plane at `endpoint`.
    pub(crate) fn known(&self, endpoint: &str) -> Option<Known> {
        let known: Known = self.read(&name("control-plane", &[endpoint]))?;
        (known.endpoint == endpoint && parse_header(&known.rpc_header).is_ok()).then_some(known)
    }

    /// Keeps what is known about a control plane.
    pub(crate) fn keep_known(&self, endpoint: &str, audience: &str, rpc_header: &str) {
        let known =
            Known { endpoint: endpoint.to_owned(), audience: audience.to_owned(), rpc_header: rpc_header.to_owned() };
        // One that is there already need not be written, and synced, once more.
        if self.known(endpoint).as_ref() != Some(&known) {
            self.write(&name("control-plane", &[endpoint]), &known);
        }
    }

    /// The owner's token, if there is one, as it was kept.
    pub(crate) fn token(&self, owner: &Owner) -> Option<Minted> {
        let record: Record = self.read(&owner.file())?;
        if record.owner != *owner {
            return None;
        }
        let token = |text: String| parse_token("token", text.into()).ok();
        Some(Minted {
            access_token: token(record.access_token)?,
            expires_at: Some(record.expires_at).filter(|seconds| *seconds > 0).and_then(at),
            refresh_token: record.refresh_token.and_then(token),
        })
    }

    /// Keeps the owner's token in place of the one before.
    pub(crate) fn keep(&self, owner: &Owner, minted: &Minted) {
        let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let record = Record {
            owner: owner.clone(),
            access_token: minted.access_token.expose_secret().to_owned(),
            refresh_token: minted.refresh_token.as_ref().map(|token| token.expose_secret().to_owned()),
            expires_at: minted.expires_at.map_or(0, since_1970),
        };
        self.write(&owner.file(), &record);
    }

    /// Forgets the token that was refused, and no other that somebody put in its place. A refresh token is
    /// kept, since it is another one.
    pub(crate) fn forget(&self, owner: &Owner, refused: &SecretString) {
        let Some(kept) = self.token(owner).filter(|kept| is_same(&kept.access_token, refused)) else { return };
        match (kept.refresh_token, self.open()) {
            (Some(refresh_token), _) => {
                let expires_at = at(1);
                self.keep(
                    owner,
                    &Minted { access_token: "refused".into(), expires_at, refresh_token: Some(refresh_token) },
                );
            }
            (None, Some(directory)) => drop(directory.remove_file(owner.file())),
            (None, None) => {}
        }
    }

    /// Waits until no other process makes a token for the owner; `None` where nothing is kept.
    pub(crate) async fn turn(&self, owner: &Owner, deadline: Deadline) -> Result<Option<Turn>, ProviderError> {
        let Some(directory) = self.open() else { return Ok(None) };
        turn::take(&directory, &format!("turn-{}", owner.file()), "logging in", deadline).await
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let exists = self.directory.as_ref().is_some_and(|directory| directory.is_dir());
        let directory = if exists { self.open()? } else { return None };
        let bytes = SecretString::from(String::from_utf8(directory.read_file(name, LARGEST).ok()??).ok()?);
        serde_json::from_str(bytes.expose_secret()).ok()
    }

    fn write(&self, name: &str, record: &impl Serialize) {
        let Some(directory) = self.open() else { return };
        let Ok(text) = serde_json::to_string(record).map(SecretString::from) else { return };
        let _kept = directory.replace_file(name, text.expose_secret().as_bytes());
    }

    fn open(&self) -> Option<PrivateDir> {
        PrivateDir::open(self.directory.as_deref()?).ok()
    }
}

impl Owner {
    fn file(&self) -> String {
        name("token", &[&self.endpoint, &self.audience, &self.identity])
    }
}

/// A file's name for these words; each has its length before it, so that none runs into the next.
fn name(kind: &str, words: &[&str]) -> String {
    format!("{kind}-{}", digest(words))
}

/// A short name for words that are long or not fit to be shown.
fn digest(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_be_bytes());
        hash.update(word.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

fn at(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn owner(endpoint: &str, audience: &str, identity: &str) -> Owner {
        Owner { endpoint: endpoint.to_owned(), audience: audience.to_owned(), identity: identity.to_owned() }
    }

    fn minted(token: &str) -> Minted {
        Minted { access_token: token.into(), expires_at: at(4_000_000_000), refresh_token: Some("refresh-1".into()) }
    }

    fn read(store: &TokenStore, owner: &Owner) -> Option<String> {
        store.token(owner).map(|minted| minted.access_token.expose_secret().to_owned())
    }

    /// K8: another endpoint, audience or identity has another token.
    #[test]
    fn a_token_is_its_owners_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let store = TokenStore::new(Some(scratch.path().join("tokens")));
        let mine = owner("https://a", "x", "client i");
        store.keep(&mine, &minted("tok.1"));
        let kept = store.token(&mine).unwrap();
        assert_eq!((kept.expires_at, read(&store, &mine).as_deref()), (at(4_000_000_000), Some("tok.1")));
        assert_eq!(kept.refresh_token.unwrap().expose_secret(), "refresh-1");
        for other in [
            owner("https://b", "x", "client i"),
            owner("https://a", "y", "client i"),
            owner("https://a", "x", "pkce"),
            owner("https://a", "xclient i", ""),
        ] {
            assert_eq!(read(&store, &other), None, "{other:?}");
        }
        store.forget(&mine, &"tok.0".into());
        assert_eq!(read(&store, &mine).as_deref(), Some("tok.1"), "another one's token stays");
        store.forget(&mine, &"tok.1".into());
        let forgotten = store.token(&mine).unwrap();
        assert_eq!((forgotten.access_token.expose_secret(), forgotten.expires_at), ("refused", at(1)));
        assert_eq!(forgotten.refresh_token.unwrap().expose_secret(), "refresh-1");
        store.keep(&mine, &Minted { refresh_token: None, ..minted("tok.2") });
        store.forget(&mine, &"tok.2".into());
        assert_eq!(read(&store, &mine), None);
    }

    /// K8, F2: the files are ours alone, and one that was put in another's place is none.
    #[test]
    fn token_files_are_private_and_checked() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("tokens");
        let store = TokenStore::new(Some(directory.clone()));
        let (mine, other) = (owner("https://a", "", "i"), owner("https://a", "", "j"));
        store.keep(&mine, &minted("tok.1"));
        store.keep_known("https://a", "", "flyte-authorization");
        for entry in std::fs::read_dir(&directory).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::copy(directory.join(mine.file()), directory.join(other.file())).unwrap();
        assert_eq!(read(&store, &other), None);
        assert_eq!(store.known("https://a").unwrap().rpc_header, "flyte-authorization");
        let (a, b) = (name("control-plane", &["https://a"]), name("control-plane", &["https://b"]));
        std::fs::copy(directory.join(&a), directory.join(&b)).unwrap();
        assert_eq!(store.known("https://b"), None);
        let private = PrivateDir::open(&directory).unwrap();
        let spoiled = r#"{"endpoint":"https://b","audience":"","rpc_header":"host"}"#;
        private.replace_file(&b, spoiled.as_bytes()).unwrap();
        assert_eq!(store.known("https://b"), None);
        for spoiled in [
            "",
            "{}",
            "[]",
            "\u{1b}",
            r#"{"endpoint":"https://a","audience":"","identity":"i","access_token":"a b","expires_at":1}"#,
        ] {
            private.replace_file(&mine.file(), spoiled.as_bytes()).unwrap();
            assert_eq!(read(&store, &mine), None, "{spoiled}");
        }
        std::fs::remove_file(directory.join(mine.file())).unwrap();
        std::os::unix::fs::symlink("/dev/zero", directory.join(mine.file())).unwrap();
        assert_eq!(read(&store, &mine), None);
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(store.known("https://a").is_none());
    }

    #[test]
    fn without_a_directory_nothing_is_kept() {
        let store = TokenStore::new(None);
        store.keep(&owner("a", "", ""), &minted("t"));
        assert!(store.token(&owner("a", "", "")).is_none() && store.known("a").is_none());
    }

    /// F3: many writers at once leave one whole record.
    #[test]
    fn many_writers_leave_one_whole_record() {
        let scratch = tempfile::tempdir().unwrap();
        let store = TokenStore::new(Some(scratch.path().join("tokens")));
        let mine = owner("https://a", "", "i");
        store.keep(&mine, &minted("tok.0"));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (store, mine) = (&store, &mine);
                scope.spawn(move || {
                    for _ in 0..20 {
                        store.keep(mine, &minted(&format!("tok.{number}")));
                        assert!(read(store, mine).is_some_and(|token| token.starts_with("tok.")));
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(scratch.path().join("tokens")).unwrap().count(), 1);
    }
}
