//! Starting an emulator without holding up the runtime of whoever starts it.

use std::{io, thread};

use tokio::sync::oneshot;

/// Does what blocks in a thread of its own. Any runtime will do.
pub(super) async fn off_thread<T: Send + 'static>(
    start: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, done) = oneshot::channel();
    // Whoever stopped waiting gets nothing, and what was started ends at once.
    thread::Builder::new().name("emulator-start".into()).spawn(move || drop(sender.send(start())))?;
    done.await.map_err(io::Error::other)?
}
