//! The output of one channel: waits for the channel's own window and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf};
use tokio::time::timeout;

use crate::exit::{Exit, signal_name};
use crate::gate::Gate;

/// Output that has not moved for this long counts as stuck.
const STUCK_AFTER: Duration = Duration::from_millis(50);

/// Extended data of this type is standard error (RFC 4254 §5.2, `SSH_EXTENDED_DATA_STDERR`).
const STDERR: u32 = 1;

/// The sending half of one channel.
pub(crate) struct Outlet {
    pub(crate) channel: ChannelWriteHalf<Msg>,
    pub(crate) handle: Handle,
    pub(crate) gate: Arc<Gate>,
}

/// Which stream bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Outlet {
    /// Sends bytes, as fast as the client takes them.
    pub(crate) async fn send(&self, stream: Stream, bytes: &[u8]) -> Result<(), russh::Error> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let fits = self.channel.writable_packet_size().await.clamp(1, rest.len());
            let (head, tail) = rest.split_at(fits);
            self.send_packet(stream, head.to_vec()).await?;
            rest = tail;
        }
        Ok(())
    }

    async fn send_packet(&self, stream: Stream, bytes: Vec<u8>) -> Result<(), russh::Error> {
        let sending = async {
            match stream {
                Stream::Stdout => self.channel.data_bytes(bytes).await,
                Stream::Stderr => self.channel.extended_data_bytes(STDERR, bytes).await,
            }
        };
        tokio::pin!(sending);
        if let Ok(result) = timeout(STUCK_AFTER, &mut sending).await {
            return result;
        }
        let _stuck = self.gate.stuck();
        sending.await
    }

    /// The end of the output, without an exit status.
    pub(crate) async fn end(&self) {
        let _ = self.channel.eof().await;
    }

    /// Closes the channel.
    pub(crate) async fn close(&self) {
        let _ = self.channel.close().await;
    }

    /// How the command ended, the end of the output, and the end of the channel, in this order: after
    /// the last one russh forgets the channel. A client that is gone already needs none of them.
    pub(crate) async fn finish(&self, exit: Exit) {
        let id: ChannelId = self.channel.id();
        let _ = match exit {
            Exit::Status(status) => self.handle.exit_status_request(id, status).await,
            Exit::Signal(signal) => {
                let name = signal_name(signal);
                self.handle.exit_signal_request(id, name, false, String::new(), String::new()).await
            }
        };
        self.end().await;
        self.close().await;
    }
}
