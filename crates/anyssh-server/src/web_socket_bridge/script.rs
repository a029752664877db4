//! Misbehaviour on demand.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a bridge does instead of working. Without a word it works.
///
/// ```
/// use anyssh_server::{Act, Cut, Frames, Script};
/// // Two requests find no route yet; the third one is let through, in fragments.
/// let script = Script::new().once(Act::Status(404)).once(Act::Status(404)).with_frames(Frames::Fragments(100));
/// ```
#[derive(Debug, Default)]
pub struct Script {
    next: Mutex<VecDeque<Act>>,
    always: Option<Act>,
    frames: Frames,
    cut_after: Option<(u64, Cut)>,
}

/// What a bridge does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Act {
    /// Its work: it asks for the token and switches to a WebSocket.
    Work,
    /// Answers this status with an empty body.
    Status(u16),
    /// Answers 302 to this place.
    Redirect(String),
    /// Answers 200 with a page, as a server does that does not see the upgrade.
    Page,
    /// Reads and never answers.
    Hang,
    /// Ends the connection with a FIN before it answers.
    Close,
    /// Ends the connection with an RST before it answers.
    Reset,
    /// Waits this long before its work.
    Late(Duration),
    /// Does its work, with one more line in the head of its answer: `name: value`.
    WithHeader(String),
    /// Switches with an answer to another key.
    WrongAccept,
    /// Switches and then sends these bytes as they are, and nothing else.
    Bytes(Vec<u8>),
    /// Switches, and ends without a frame: nobody listens behind it.
    NoUpstream,
}

/// How data is framed on its way to the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frames {
    /// One binary message for each read of at most 64 KiB.
    #[default]
    Messages,
    /// One message of so many bytes for each frame, all frames of one endless message, with a ping between.
    Fragments(usize),
    /// Frames of up to 1 MiB: several reads are collected.
    Large,
    /// Text messages.
    Text,
}

/// How a tunnel that is open is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// A close frame with this code, and then a FIN.
    CloseFrame(u16),
    /// A FIN without a close frame.
    Fin,
    /// An RST.
    Rst,
    /// Nothing at all: it reads nothing and sends nothing, for ever.
    BlackHole,
}

impl Script {
    /// Everything works.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more act for the next request that has none yet.
    #[must_use]
    pub fn once(mut self, act: Act) -> Self {
        self.next.get_mut().unwrap_or_else(PoisonError::into_inner).push_back(act);
        self
    }

    /// The same with an act for each request for which there is no other one.
    #[must_use]
    pub fn always(mut self, act: Act) -> Self {
        self.always = Some(act);
        self
    }

    /// The same with another framing.
    #[must_use]
    pub fn with_frames(mut self, frames: Frames) -> Self {
        self.frames = frames;
        self
    }

    /// The same with tunnels that are cut once so many bytes went to the client.
    #[must_use]
    pub fn cut_after(mut self, bytes: u64, how: Cut) -> Self {
        self.cut_after = Some((bytes, how));
        self
    }

    pub(crate) fn act(&self) -> Act {
        let once = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        once.or_else(|| self.always.clone()).unwrap_or(Act::Work)
    }

    pub(crate) fn frames(&self) -> Frames {
        self.frames
    }

    pub(crate) fn cut(&self) -> Option<(u64, Cut)> {
        self.cut_after
    }
}
