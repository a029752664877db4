//! Answers ssh's one password prompt (requirement K2).
//!
//! ssh runs the helper with the prompt as its argument. The helper connects to a socket in the
//! private directory, shows a nonce that only ssh's environment holds, and passes the prompt on. The
//! password crosses that socket alone, once, for an exact prompt; it is in no argument and no
//! environment. For anything else ssh is killed while the helper still waits, because ssh reads a
//! helper that gives up as an empty password and sends it.

use std::ffi::OsString;
use std::hint::black_box;
use std::io;
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use anyssh_core::escape::{MESSAGE_CAP, printable_bytes};
use anyssh_core::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::helper::{NONCE, SOCKET};
use crate::plan::Askpass;
use anyssh_private_dir::DirectoryError;
use anyssh_private_dir::PrivateDir;

/// The socket on which a helper may ask, and what it may be told.
#[derive(Debug)]
pub(crate) struct AskpassServer {
    listener: UnixListener,
    nonce: String,
    environment: [(OsString, OsString); 2],
    askpass: Askpass,
    given: AtomicBool,
}

/// A prompt that was not the one expected. The helper that asked is kept waiting until this is
/// dropped, which has to happen after ssh is dead.
#[derive(Debug)]
pub(crate) struct UnexpectedPrompt {
    /// The prompt, escaped and capped.
    pub(crate) prompt: String,
    /// Whether it would have been the right one, had the password not been given already.
    pub(crate) is_second: bool,
    _waiting: UnixStream,
}

impl AskpassServer {
    /// Starts to listen in the private directory.
    pub(crate) fn listen(dir: &PrivateDir, askpass: Askpass) -> Result<Self, DirectoryError> {
        let path = dir.path().join(SOCKET_NAME);
        let failed = |error| DirectoryError::new(dir.path(), error);
        let listener = bind(dir, SOCKET_NAME).map_err(failed)?;
        // The directory already keeps others out, whatever the umask made of the socket's own mode.
        rustix::fs::chmod(&path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).map_err(|e| failed(e.into()))?;
        let nonce = new_nonce();
        let environment = [(SOCKET.into(), path.into()), (NONCE.into(), OsString::from(&nonce))];
        Ok(Self { listener, nonce, environment, askpass, given: AtomicBool::new(false) })
    }

    /// What ssh's environment needs so that its helper finds us.
    pub(crate) fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }

    /// Whether the password was handed over.
    pub(crate) fn given(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    /// Answers until something is asked that is not to be answered. Not to be dropped half way: the
    /// helper would take that for the end.
    pub(crate) async fn serve(&self) -> io::Result<UnexpectedPrompt> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            if stream.peer_cred()?.uid() != rustix::process::geteuid().as_raw() {
                continue;
            }
            // A helper that is stopped half way must not keep the next one out for ever.
            if let Ok(Some(unexpected)) = tokio::time::timeout(QUESTION_TIME, self.answer(stream)).await {
                return Ok(unexpected);
            }
        }
    }

    /// Hears one question. `None` if it was answered, or if whoever asked is not our helper.
    async fn answer(&self, mut stream: UnixStream) -> Option<UnexpectedPrompt> {
        let question = read_capped(&mut stream, QUESTION_CAP).await.ok()?;
        let (nonce, prompt) = question.split_at_checked(self.nonce.len())?;
        if !equal_in_constant_time(nonce, self.nonce.as_bytes()) {
            return None;
        }
        let is_expected = self.askpass.prompts.iter().any(|expected| expected.as_bytes() == prompt);
        // Given before it is written: after a failed write nobody knows how much arrived.
        if !is_expected || self.given.swap(true, Ordering::SeqCst) {
            let prompt = printable_bytes(prompt, MESSAGE_CAP);
            return Some(UnexpectedPrompt { prompt, is_second: is_expected, _waiting: stream });
        }
        let password = self.askpass.password.secret().expose_secret();
        stream.write_all(password.as_bytes()).await.ok()?;
        stream.shutdown().await.ok()?;
        None
    }
}

/// Binds a socket, also where its path is too long for one (requirement F6): Linux finds the directory
/// by our descriptor of it. Elsewhere that is an error that says what to do.
pub(crate) fn bind(dir: &PrivateDir, name: &str) -> io::Result<UnixListener> {
    let path = dir.path().join(name);
    if path.as_os_str().len() <= LONGEST_SOCKET_PATH {
        return UnixListener::bind(&path);
    }
    let by_descriptor = format!("/proc/self/fd/{}/{name}", dir.descriptor().as_raw_fd());
    UnixListener::bind(by_descriptor).map_err(|_| {
        let longest = LONGEST_SOCKET_PATH - name.len() - 1;
        let why = format!("too long for a socket (at most {longest} bytes): set XDG_RUNTIME_DIR to a shorter one");
        io::Error::new(io::ErrorKind::InvalidInput, why)
    })
}

/// Reads to the end, at most `cap` bytes; what is longer is cut and so never equals a short text.
async fn read_capped(stream: &mut (impl AsyncRead + Unpin), cap: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(cap).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// 32 hexadecimal digits from the operating system's random numbers.
pub(crate) fn new_nonce() -> String {
    let bytes: Zeroizing<[u8; 16]> = Zeroizing::new(rand::rng().random());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Through `black_box`, so that the compiler cannot make it stop at the first difference.
pub(crate) fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    left.len() == right.len() && difference == 0
}

const SOCKET_NAME: &str = "askpass";

/// sun_path holds 108 bytes on Linux and 104 on macOS, the final zero included.
pub(crate) const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

const QUESTION_CAP: u64 = 64 * 1024;
const QUESTION_TIME: Duration = Duration::from_secs(10);
