//! Work that blocks, for callers that must not.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// What `work` gives, done on a thread of its own.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    thread::Builder::new().name("emulator-start".into()).spawn(move || {
        // A caller that went away drops what was started, and so ends it.
        let _ = sender.send(work());
    })?;
    done.await.map_err(io::Error::other)?
}
