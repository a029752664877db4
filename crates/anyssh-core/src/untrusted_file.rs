//! A file that a provider came upon and may believe only once the user trusts it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Keeps the user's yes.
type Keep = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// A vendor's configuration file that lay in the working directory, say, and could name a server or a
/// program (requirement T8a). A provider passes it over until the user has trusted it; whoever can ask,
/// asks and [`keep_trust`](Self::keep_trust)s before building the provider.
///
/// ```
/// use anyssh_core::UntrustedFile;
/// let file = UntrustedFile::new("/src/config.yaml", "it names the server evil.example", || Ok(()));
/// assert_eq!(file.path(), std::path::Path::new("/src/config.yaml"));
/// ```
#[derive(Clone)]
pub struct UntrustedFile {
    path: PathBuf,
    what: String,
    keep: Keep,
}

impl UntrustedFile {
    /// The file at `path`, `what` it would do (one sentence, escaped), and how trust in it is kept.
    pub fn new(
        path: impl Into<PathBuf>,
        what: impl Into<String>,
        keep: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self { path: path.into(), what: what.into(), keep: Arc::new(keep) }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it would do, one sentence that is fit to be shown.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Keeps that the user trusts this file with the contents that it had when it was found.
    ///
    /// # Errors
    /// What kept it from being written; then the file is passed over.
    pub fn keep_trust(&self) -> io::Result<()> {
        (self.keep)()
    }
}

impl fmt::Debug for UntrustedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UntrustedFile").field("path", &self.path).field("what", &self.what).finish_non_exhaustive()
    }
}
