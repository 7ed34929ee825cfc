//! The bounded way from a room to one participant's session: control must fit, media is dropped and counted.
//!
//! One queue for both keeps their order (`speech_start` before its packets). The room holds the [`Outbox`], the session the [`Inbox`].

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;

use crate::protocol::{Fault, Frame, ServerMessage};

/// Items that may wait for one participant: 768 packets are 15 s of speech, the longest clause handed over at once, and 256
/// control messages are more than a minute of lively captions. At about 150 bytes a packet a full queue is 150 KB.
const CAPACITY: usize = 1024;

/// Places that media leaves to control.
const RESERVED_FOR_CONTROL: usize = 256;

/// What a session is given to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Outbound {
    /// A control message.
    Message(ServerMessage),
    /// A packet of interpreted speech.
    Audio(Frame),
}

/// The room's end. Dropping it closes the session, with the fault given to [`Outbox::dismiss`] or as the server's mistake.
#[derive(Debug)]
pub struct Outbox {
    tx: mpsc::Sender<Outbound>,
    fault: Arc<OnceLock<Fault>>,
}

/// The session's end.
#[derive(Debug)]
pub struct Inbox {
    rx: mpsc::Receiver<Outbound>,
    fault: Arc<OnceLock<Fault>>,
}

/// Why a control message did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undelivered {
    /// The session does not take its messages fast enough.
    Full,
    /// The session is gone.
    Gone,
}

/// A pair of connected ends.
pub fn outbox() -> (Outbox, Inbox) {
    let (tx, rx) = mpsc::channel(CAPACITY);
    let fault = Arc::new(OnceLock::new());
    (Outbox { tx, fault: fault.clone() }, Inbox { rx, fault })
}

impl Outbox {
    /// Queues a control message.
    ///
    /// # Errors
    /// [`Undelivered`]; the caller dismisses the participant.
    pub fn control(&self, message: ServerMessage) -> Result<(), Undelivered> {
        self.tx.try_send(Outbound::Message(message)).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Undelivered::Full,
            mpsc::error::TrySendError::Closed(_) => Undelivered::Gone,
        })
    }

    /// Queues a packet; false when it was dropped.
    pub fn media(&self, frame: Frame) -> bool {
        let room = self.tx.capacity() > RESERVED_FOR_CONTROL;
        let sent = room && self.tx.try_send(Outbound::Audio(frame)).is_ok();
        if !sent {
            metrics::counter!("tongchuan_media_dropped_total", "where" => "outbox").increment(1);
        }
        sent
    }

    /// True when the session is gone.
    pub fn is_gone(&self) -> bool {
        self.tx.is_closed()
    }

    /// Ends the session with `fault` after what is queued.
    pub fn dismiss(self, fault: Fault) {
        // A second dismissal cannot happen: `self` is consumed.
        let _ = self.fault.set(fault);
    }
}

impl Inbox {
    /// The next item; an error when the room has let go of this session. Cancel safe.
    ///
    /// # Errors
    /// The fault to close the connection with.
    pub async fn next(&mut self) -> Result<Outbound, Fault> {
        match self.rx.recv().await {
            Some(item) => Ok(item),
            None => Err(self.fault.get().cloned().unwrap_or(Fault::Internal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{ids::StreamId, protocol::frame::Kind, protocol::message::Pong};

    fn packet() -> Frame {
        let payload = Bytes::from_static(&[0xf8]);
        Frame {
            kind: Kind::Down,
            first: false,
            last: false,
            silence: false,
            stream: StreamId(0),
            sequence: 0,
            timestamp: 0,
            payload,
        }
    }

    #[tokio::test]
    async fn media_leaves_room_for_control_and_control_is_bounded() {
        let (outbox, mut inbox) = outbox();
        let media = (0..CAPACITY).filter(|_| outbox.media(packet())).count();
        assert_eq!(media, CAPACITY - RESERVED_FOR_CONTROL);
        let pong = || ServerMessage::Pong(Pong { id: 1 });
        for _ in 0..RESERVED_FOR_CONTROL {
            assert_eq!(outbox.control(pong()), Ok(()));
        }
        assert_eq!(outbox.control(pong()), Err(Undelivered::Full));
        outbox.dismiss(Fault::TooSlow);
        for _ in 0..CAPACITY {
            assert!(inbox.next().await.is_ok(), "what was queued is still delivered");
        }
        assert_eq!(inbox.next().await, Err(Fault::TooSlow));
    }

    #[tokio::test]
    async fn a_room_that_vanishes_is_the_servers_mistake() {
        let (outbox, mut inbox) = outbox();
        drop(outbox);
        assert_eq!(inbox.next().await, Err(Fault::Internal));
        let (outbox, inbox) = super::outbox();
        drop(inbox);
        assert!(outbox.is_gone());
        assert_eq!(outbox.control(ServerMessage::Pong(Pong { id: 1 })), Err(Undelivered::Gone));
    }
}
