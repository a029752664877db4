//! The calls that a guest heard, one line of JSON each, so that a test in another process sees them.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// `create`, `validate`, `regenerate`, `revoke` or `targets`.
    pub verb: String,
    /// `begin` when it is called, `end` when it answers. A call that is dropped has no end.
    pub phase: String,
    /// The target.
    pub target: String,
    /// The session's id, if it is named by one.
    pub id: Option<String>,
    /// The attempt's idempotency key, if there is one.
    pub attempt: Option<String>,
    /// Whether a password came with the reference, and how long it is.
    pub password_length: Option<usize>,
    /// The options `--colour` and `--flag`, and `--no-wake`.
    pub options: Vec<String>,
    /// Milliseconds from the call to its deadline.
    pub time_left_ms: u64,
    /// The bound of each request.
    pub request_timeout_ms: u64,
}

/// Adds a call to the file, in one write.
pub(super) fn add(path: &Path, call: &Call) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let mut line = serde_json::to_string(call)?;
    line.push('\n');
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())
}

/// The calls in the file so far; none if it is not there.
///
/// # Errors
/// When the file is not a record.
pub fn calls(path: &Path) -> io::Result<Vec<Call>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
