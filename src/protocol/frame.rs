//! The binary audio frame: a 12-byte big-endian header, then one Opus packet of 20 ms.
//!
//! Knows nothing of Opus beyond its size limit. `session` decodes what clients send, `router` builds what they receive.
//! Byte-level description: `proto/frame.md`; golden vectors: `proto/vectors/frames.json`.

use bytes::{BufMut, Bytes, BytesMut};

use super::VERSION;
use crate::ids::StreamId;

/// Bytes before the Opus packet.
pub const HEADER: usize = 12;

/// Largest Opus packet of one frame: a table-of-contents byte and 1275 bytes of compressed data (RFC 6716, section 3.2.1).
pub const MAX_PAYLOAD: usize = 1276;

/// Largest binary frame.
pub const MAX_FRAME: usize = HEADER + MAX_PAYLOAD;

/// 48 kHz ticks per packet of 20 ms.
pub const TICKS_PER_PACKET: u32 = 960;

const FIRST: u8 = 1;
const LAST: u8 = 1 << 1;
const SILENCE: u8 = 1 << 2;

/// Which way a frame travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Kind 0: what a participant says, from the client to the server.
    Up,
    /// Kind 1: interpreted speech, from the server to the client.
    Down,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Kind::Up => 0,
            Kind::Down => 1,
        }
    }
}

/// One audio packet with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which way it travels.
    pub kind: Kind,
    /// First packet of an utterance.
    pub first: bool,
    /// Last packet of an utterance.
    pub last: bool,
    /// The packet is silence (DTX).
    pub silence: bool,
    /// Down: the stream announced by `speech_start`. Up: not used, 0.
    pub stream: StreamId,
    /// +1 per packet, wrapping; gaps are loss.
    pub sequence: u32,
    /// 48 kHz ticks, wrapping.
    pub timestamp: u32,
    /// The Opus packet, 1 to [`MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
}

/// The bytes are not a frame of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than the header.
    #[error("a binary frame has a header of {HEADER} bytes, this one is {0} bytes long")]
    Truncated(usize),
    /// Longer than any valid frame.
    #[error("a binary frame is at most {MAX_FRAME} bytes long, this one has {0}")]
    TooLong(usize),
    /// Another version of the header.
    #[error("frame version {0} is not supported; this server speaks version {VERSION}")]
    UnsupportedVersion(u8),
    /// A kind that this build does not know: to be ignored, a later minor revision may send it.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// A header without a packet.
    #[error("the frame carries no Opus packet")]
    Empty,
    /// A frame that only the other side may send.
    #[error("a client sends frames of kind 0; kind 1 is the server's")]
    WrongDirection,
}

impl Frame {
    /// Reads one frame. Reserved flag bits are ignored. The payload is not copied and not looked at.
    ///
    /// # Errors
    /// [`FrameError`], one variant per way to be wrong; never `WrongDirection`, which is for the caller to say.
    pub fn decode(bytes: &Bytes) -> Result<Self, FrameError> {
        let [head, flags, s0, s1, q0, q1, q2, q3, t0, t1, t2, t3, ..] = **bytes else {
            return Err(FrameError::Truncated(bytes.len()));
        };
        if bytes.len() > MAX_FRAME {
            return Err(FrameError::TooLong(bytes.len()));
        }
        if head >> 4 != VERSION {
            return Err(FrameError::UnsupportedVersion(head >> 4));
        }
        let kind = match head & 0x0f {
            0 => Kind::Up,
            1 => Kind::Down,
            other => return Err(FrameError::UnknownKind(other)),
        };
        let payload = bytes.slice(HEADER..);
        if payload.is_empty() {
            return Err(FrameError::Empty);
        }
        Ok(Self {
            kind,
            first: flags & FIRST != 0,
            last: flags & LAST != 0,
            silence: flags & SILENCE != 0,
            stream: StreamId(u16::from_be_bytes([s0, s1])),
            sequence: u32::from_be_bytes([q0, q1, q2, q3]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            payload,
        })
    }

    /// Writes the frame; reserved flag bits are zero.
    pub fn encode(&self) -> Bytes {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut bytes = BytesMut::with_capacity(HEADER + self.payload.len());
        bytes.put_u8(VERSION << 4 | self.kind.number());
        bytes.put_u8(flag(self.first, FIRST) | flag(self.last, LAST) | flag(self.silence, SILENCE));
        bytes.put_u16(self.stream.0);
        bytes.put_u32(self.sequence);
        bytes.put_u32(self.timestamp);
        bytes.put_slice(&self.payload);
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn valid() -> Vec<u8> {
        vec![0x10, 0x01, 0, 0, 0, 0, 0, 7, 0, 0, 0x1a, 0x40, 0xf8, 0xff, 0xfe]
    }

    fn broken(change: impl FnOnce(&mut Vec<u8>)) -> Result<Frame, FrameError> {
        let mut bytes = valid();
        change(&mut bytes);
        Frame::decode(&bytes.into())
    }

    #[test]
    fn reads_every_field() {
        let frame = Frame::decode(&valid().into()).expect("valid");
        assert_eq!((frame.kind, frame.first, frame.last, frame.silence), (Kind::Up, true, false, false));
        assert_eq!((frame.stream, frame.sequence, frame.timestamp), (StreamId(0), 7, 6720));
        assert_eq!(frame.payload, [0xf8, 0xff, 0xfe].as_slice());
        assert_eq!(frame.encode(), valid());
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        assert_eq!(broken(|b| b.truncate(11)), Err(FrameError::Truncated(11)));
        assert_eq!(broken(|b| b.truncate(12)), Err(FrameError::Empty));
        assert_eq!(broken(|b| b[0] = 0x20), Err(FrameError::UnsupportedVersion(2)));
        assert_eq!(broken(|b| b[0] = 0x1f), Err(FrameError::UnknownKind(15)));
        assert_eq!(broken(|b| b.resize(MAX_FRAME + 1, 0)), Err(FrameError::TooLong(MAX_FRAME + 1)));
        assert!(broken(|b| b.resize(MAX_FRAME, 0)).is_ok(), "the largest frame is valid");
        assert_eq!(broken(|b| b[1] |= 0xf8).map(|f| f.encode()), Ok(valid().into()), "reserved flags are ignored");
    }
}
