//! The input of one channel on its way from the session loop to whoever uses it.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::gate::Gate;

/// The end that the session loop fills; it never waits. Dropping it is the end of the input.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: mpsc::UnboundedSender<Vec<u8>>,
    gate: Arc<Gate>,
}

/// The end that is used up. What is left when it is dropped is given back to the gate.
#[derive(Debug)]
pub(crate) struct Inflow {
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
    gate: Arc<Gate>,
    in_use: usize,
}

/// A queue whose bytes count at `gate` until they are used.
pub(crate) fn inflow(gate: &Arc<Gate>) -> (Inbox, Inflow) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let inflow = Inflow { queue: receiver, gate: Arc::clone(gate), in_use: 0 };
    (Inbox { queue: sender, gate: Arc::clone(gate) }, inflow)
}

impl Inbox {
    /// Queues bytes; they are dropped if nobody will use them.
    pub(crate) fn put(&self, bytes: &[u8]) {
        self.gate.add(bytes.len());
        if self.queue.send(bytes.to_vec()).is_err() {
            self.gate.release(bytes.len());
        }
    }
}

impl Inflow {
    /// The next bytes, or `None` at the end of the input. Asking for more says that those before are
    /// used up.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.done();
        let bytes = self.queue.recv().await?;
        self.in_use = bytes.len();
        Some(bytes)
    }

    /// The same for a thread outside the runtime.
    pub(crate) fn blocking_next(&mut self) -> Option<Vec<u8>> {
        self.done();
        let bytes = self.queue.blocking_recv()?;
        self.in_use = bytes.len();
        Some(bytes)
    }

    fn done(&mut self) {
        self.gate.release(std::mem::take(&mut self.in_use));
    }
}

impl Drop for Inflow {
    fn drop(&mut self) {
        self.done();
        self.queue.close();
        while let Ok(bytes) = self.queue.try_recv() {
            self.gate.release(bytes.len());
        }
    }
}
