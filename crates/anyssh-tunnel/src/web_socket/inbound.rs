//! What a server sends, as a stream of bytes: frames are taken apart as they arrive, never collected.

use std::ops::Range;

use anyssh_core::escape;
use anyssh_http::Secrets;
use tokio::time::{Duration, Instant};

use super::frame::{Head, LONGEST_CONTROL, Opcode};

/// Bytes from the connection that are not used yet, and where in a frame they begin.
#[derive(Debug)]
pub(crate) struct Inbound {
    buffer: Box<[u8]>,
    filled: Range<usize>,
    /// What is still to come of the data frame that was begun.
    payload_left: u64,
    /// Whether a message was begun and not ended.
    in_message: bool,
    idle: IdleFrames,
    /// What the server was shown and may repeat.
    secrets: Secrets,
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// There is payload at [`Inbound::payload`].
    Payload,
    Ping(Vec<u8>),
    Pong,
    /// The server is done: its reason.
    Close(Close),
    /// More bytes are needed.
    Nothing,
}

/// How a server closed a WebSocket (RFC 6455 §7.1.5, §7.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// Its code, where there is one.
    pub code: Option<u16>,
    /// Its words, escaped and capped; often empty.
    pub reason: String,
}

impl Close {
    /// Whether it is how a tunnel ends when all is well: no code, normal (1000), or going away (1001).
    pub fn is_normal(&self) -> bool {
        matches!(self.code, None | Some(1000 | 1001))
    }

    fn read(payload: &[u8], shown: impl Fn(&[u8]) -> String) -> Option<Self> {
        let (code, words) = match payload {
            [] => (None, &[][..]),
            [high, low, words @ ..] => (Some(u16::from_be_bytes([*high, *low])), words),
            // RFC 6455 §5.5.1: two bytes at least, if there are any.
            [_] => return None,
        };
        Some(Self { code, reason: shown(words) })
    }
}

impl std::fmt::Display for Close {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.reason.as_str()) {
            (None, _) => f.write_str("close without a code"),
            (Some(code), "") => write!(f, "close code {code}"),
            (Some(code), reason) => write!(f, "close code {code}: {reason}"),
        }
    }
}

impl Inbound {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0..0,
            payload_left: 0,
            in_message: false,
            idle: IdleFrames::default(),
            secrets,
        }
    }

    /// Room to read into; never empty after [`next`](Self::next) said [`Item::Nothing`].
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.filled.is_empty() {
            self.filled = 0..0;
        } else if self.buffer.len() - self.filled.end < SMALLEST_ROOM {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        &mut self.buffer[self.filled.end..]
    }

    /// Says that so many bytes were read into the room.
    pub(crate) fn add(&mut self, count: usize) {
        self.filled.end += count;
    }

    /// The payload that is there now.
    pub(crate) fn payload(&self) -> &[u8] {
        let length = usize::try_from(self.payload_left).map_or(self.filled.len(), |left| left.min(self.filled.len()));
        &self.buffer[self.filled.start..self.filled.start + length]
    }

    /// Says that so many bytes of the payload were used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.filled.start += count;
        self.payload_left -= count as u64;
    }

    /// Looks at what is there; the error says what the server did that it may not.
    pub(crate) fn next(&mut self) -> Result<Item, String> {
        loop {
            if self.payload_left > 0 {
                return Ok(if self.filled.is_empty() { Item::Nothing } else { Item::Payload });
            }
            let read = Head::read(&self.buffer[self.filled.clone()]).map_err(|fault| fault.to_string())?;
            let Some((head, size)) = read else { return Ok(Item::Nothing) };
            if head.opcode.is_control() {
                return self.control(head, size);
            }
            self.begin(head, size)?;
        }
    }

    fn begin(&mut self, head: Head, size: usize) -> Result<(), String> {
        match (head.opcode, self.in_message) {
            (Opcode::Text, _) => return Err(self.text(head, size)),
            (Opcode::Continuation, false) => return Err("the rest of a message that was not begun".to_owned()),
            (Opcode::Binary, true) => return Err("a new message inside another".to_owned()),
            _ => {}
        }
        if head.length == 0 {
            self.idle.count()?;
        } else {
            self.idle = IdleFrames::default();
        }
        self.filled.start += size;
        self.in_message = !head.is_final;
        self.payload_left = head.length;
        Ok(())
    }

    /// SSH's bytes are no text, so a text is somebody's words, and worth showing.
    fn text(&self, head: Head, size: usize) -> String {
        let there = &self.buffer[self.filled.start + size..self.filled.end];
        let length = usize::try_from(head.length).map_or(there.len(), |length| length.min(there.len()));
        format!("a text message in place of SSH's bytes: {}", self.shown(&there[..length]))
    }

    /// Words of the server, fit to be shown: without our secrets, escaped, capped (S10).
    pub(crate) fn shown(&self, words: &[u8]) -> String {
        escape::printable(&self.secrets.redact(&String::from_utf8_lossy(words)), escape::MESSAGE_CAP)
    }

    fn control(&mut self, head: Head, size: usize) -> Result<Item, String> {
        let whole = size + usize::try_from(head.length.min(LONGEST_CONTROL)).unwrap_or_default();
        let Some(frame) = self.buffer[self.filled.clone()].get(size..whole) else { return Ok(Item::Nothing) };
        let item = match head.opcode {
            Opcode::Ping => Item::Ping(frame.to_vec()),
            Opcode::Close => {
                Item::Close(Close::read(frame, |words| self.shown(words)).ok_or("a close frame of one byte")?)
            }
            _ => Item::Pong,
        };
        self.filled.start += whole;
        self.idle.count()?;
        Ok(item)
    }
}

/// Frames in a row that carry nothing. Each costs us work, so a flood of them is an attack or a fault.
#[derive(Debug, Default)]
struct IdleFrames {
    since: Option<Instant>,
    count: u32,
}

impl IdleFrames {
    fn count(&mut self) -> Result<(), String> {
        self.count += 1;
        if self.count <= MOST_IDLE_FRAMES {
            return Ok(());
        }
        let now = Instant::now();
        if self.since.is_some_and(|since| now - since < IDLE_FRAMES_TIME) {
            return Err(format!("more than {MOST_IDLE_FRAMES} frames without data within 10 s"));
        }
        (self.since, self.count) = (Some(now), 0);
        Ok(())
    }
}

const BUFFER: usize = 128 * 1024;
const SMALLEST_ROOM: usize = 16 * 1024;
const MOST_IDLE_FRAMES: u32 = 1024;
const IDLE_FRAMES_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as a server sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len();
        let mut bytes = match length {
            0..126 => vec![first, length as u8],
            126..=0xffff => [&[first, 126], &(length as u16).to_be_bytes()[..]].concat(),
            _ => [&[first, 127], &(length as u64).to_be_bytes()[..]].concat(),
        };
        bytes.extend(payload);
        bytes
    }

    proptest! {
        /// N6: however frames are cut, split, interleaved with pings and read, the same bytes come out, in order.
        #[test]
        fn every_way_to_cut_the_bytes_gives_the_same_stream(
            frames in proptest::collection::vec((0usize..70_000, any::<bool>(), any::<bool>()), 1..6),
            cuts in proptest::collection::vec(1usize..40_000, 1..8),
            bites in proptest::collection::vec(1usize..9000, 1..8),
        ) {
            let (mut sent, mut wire, mut begun, mut pings) = (Vec::new(), Vec::new(), false, 0);
            for (number, (length, is_final, with_ping)) in frames.into_iter().enumerate() {
                let payload: Vec<u8> = (0..length).map(|index| (index * 7 + number) as u8).collect();
                let opcode = if begun { 0 } else { 2 };
                wire.extend(frame(u8::from(is_final) << 7 | opcode, &payload));
                if with_ping {
                    wire.extend(frame(0x89, &[number as u8; 125]));
                    pings += 1;
                }
                begun = !is_final;
                sent.extend(payload);
            }
            let mut inbound = Inbound::new(Secrets::default());
            let (mut got, mut at) = (Vec::new(), 0);
            let (mut cuts, mut bites) = (cuts.into_iter().cycle(), bites.into_iter().cycle());
            loop {
                match inbound.next().map_err(TestCaseError::fail)? {
                    Item::Payload => {
                        let bite = bites.next().unwrap().min(inbound.payload().len());
                        got.extend_from_slice(&inbound.payload()[..bite]);
                        inbound.consume(bite);
                    }
                    Item::Ping(payload) => {
                        prop_assert_eq!(payload.len(), 125);
                        pings -= 1;
                    }
                    Item::Nothing if at == wire.len() => break,
                    Item::Nothing => {
                        let room = inbound.room();
                        let count = cuts.next().unwrap().min(room.len()).min(wire.len() - at);
                        prop_assert!(count > 0);
                        room[..count].copy_from_slice(&wire[at..at + count]);
                        inbound.add(count);
                        at += count;
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert!(got == sent && pings == 0, "{} of {} bytes", got.len(), sent.len());
        }
    }
}
