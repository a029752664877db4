//! Directories and files that nobody else can read, from their first byte.
//!
//! [`PrivateDir`] is the one way in which anyssh keeps something: pinned host keys, the files of a
//! launch, what a provider remembers. It knows nothing of what is kept.

mod path_check;
mod private_dir;

pub use path_check::DirectoryError;
pub use private_dir::PrivateDir;
