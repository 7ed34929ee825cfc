//! The bounded way from a room to one participant's session, which outlives the session's connection.
//!
//! One queue for control and audio keeps their order (`speech_start` before its packets). The room holds the [`Outbox`] as long as the
//! participant is a member, the session that is connected now the [`Inbox`]; when the next connection takes over, the room makes it a
//! new [`Inbox`] that goes on where the client stopped hearing, and the old one says so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::downlink::{Downlink, Missing, Outbound, Overflow};
use crate::{
    protocol::{Fault, Frame, ServerMessage},
    time::Clock,
};

/// Counts a participant's connections: what an old one asks for is told from what the present one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connection(u32);

#[derive(Debug)]
struct Shared {
    line: Mutex<Line>,
    changed: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Line {
    downlink: Downlink,
    connection: Connection,
    /// The [`Inbox`] of that connection was dropped.
    dropped: bool,
    /// The room has let go of the participant.
    over: Option<Fault>,
    /// Sequence number of the uplink packet expected next.
    packets: u32,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing panics under the lock; were it so, the session would end in the same way as any that fails.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room's end. Dropping it closes the session, with the fault given to [`Outbox::dismiss`] or as the server's mistake.
#[derive(Debug)]
pub struct Outbox(Arc<Shared>);

/// The session's end.
#[derive(Debug)]
pub struct Inbox {
    shared: Arc<Shared>,
    connection: Connection,
}

/// A pair of connected ends.
pub fn outbox(clock: Clock) -> (Outbox, Inbox) {
    let connection = Connection(0);
    let line = Line { downlink: Downlink::default(), connection, dropped: false, over: None, packets: 0 };
    let shared = Arc::new(Shared { line: Mutex::new(line), changed: Notify::new(), clock });
    (Outbox(shared.clone()), Inbox { shared, connection })
}

impl Outbox {
    /// Queues a control message.
    ///
    /// # Errors
    /// [`Overflow`]; the caller dismisses the participant.
    pub fn control(&self, message: ServerMessage) -> Result<(), Overflow> {
        self.0.line().downlink.control(message)?;
        self.0.changed.notify_waiters();
        Ok(())
    }

    /// Queues a packet; false when an older one was dropped for it.
    pub fn media(&self, frame: Frame) -> bool {
        let lossless = self.0.line().downlink.media(frame);
        if !lossless {
            metrics::counter!("tongchuan_media_dropped_total", "where" => "outbox").increment(1);
        }
        self.0.changed.notify_waiters();
        lossless
    }

    /// The present connection.
    pub fn connection(&self) -> Connection {
        self.0.line().connection
    }

    /// True when the session of the present connection ended, with or without a word.
    pub fn is_gone(&self) -> bool {
        self.0.line().dropped
    }

    /// The connection is lost: from now on everything is kept, within bounds, until [`Outbox::resume`].
    pub fn lost(&self) {
        self.0.line().downlink.lost();
    }

    /// Forgets what has surely arrived.
    pub fn tidy(&self) {
        let now = self.0.clock.now();
        self.0.line().downlink.tidy(now);
    }

    /// Hands the way over to a new connection whose client received that many items; also the uplink packet expected next. What
    /// the old connection's session still does with its end has no effect.
    ///
    /// # Errors
    /// [`Missing`] when what the client misses is not kept any more.
    pub fn resume(&self, received: u64) -> Result<(Inbox, u32), Missing> {
        let mut line = self.0.line();
        line.downlink.resume(received)?;
        line.connection = Connection(line.connection.0.wrapping_add(1));
        line.dropped = false;
        let inbox = Inbox { shared: self.0.clone(), connection: line.connection };
        let packets = line.packets;
        drop(line);
        self.0.changed.notify_waiters();
        Ok((inbox, packets))
    }

    /// Ends the session with `fault` after what is queued.
    pub fn dismiss(self, fault: Fault) {
        self.0.line().over = Some(fault);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.0.line().over.get_or_insert(Fault::Internal);
        self.0.changed.notify_waiters();
    }
}

impl Inbox {
    /// Which connection this is.
    pub fn connection(&self) -> Connection {
        self.connection
    }

    /// The next item; an error when this session is over. Cancel safe.
    ///
    /// # Errors
    /// The fault to close the connection with.
    pub async fn next(&mut self) -> Result<Outbound, Fault> {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(next) = self.take() {
                return next;
            }
            changed.await;
        }
    }

    fn take(&self) -> Option<Result<Outbound, Fault>> {
        let now = self.shared.clock.now();
        let mut line = self.shared.line();
        if line.connection != self.connection {
            return Some(Err(Fault::TakenOver));
        }
        let item = line.downlink.take(now).map(Ok);
        item.or_else(|| line.over.clone().map(Err))
    }

    /// A message of the session's own is about to be sent: it counts like the room's, and is sent again if it gets lost. Not so a
    /// fatal error: it is about this connection.
    pub fn record(&self, message: &ServerMessage) {
        let now = self.shared.clock.now();
        let mut line = self.shared.line();
        match message {
            _ if line.connection != self.connection => {}
            ServerMessage::Error(error) if error.fatal => line.downlink.count(),
            message => line.downlink.record(now, Outbound::Message(message.clone())),
        }
    }

    /// An uplink packet came; false when another connection has taken over, which will bring it again.
    pub fn accept(&self, sequence: u32) -> bool {
        let mut line = self.shared.line();
        let ours = line.connection == self.connection;
        if ours {
            line.packets = sequence.wrapping_add(1);
        }
        ours
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut line = self.shared.line();
        line.dropped |= line.connection == self.connection;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{protocol::message::Pong, router::downlink::CONTROL};

    fn message(id: u64) -> ServerMessage {
        ServerMessage::Pong(Pong { id })
    }

    fn pair() -> (Outbox, Inbox) {
        outbox(Clock::start())
    }

    #[tokio::test]
    async fn what_was_queued_is_delivered_before_the_end() {
        let (outbox, mut inbox) = pair();
        for n in 0..CONTROL as u64 {
            assert_eq!(outbox.control(message(n)), Ok(()));
        }
        assert_eq!(outbox.control(message(0)), Err(Overflow));
        outbox.dismiss(Fault::TooSlow);
        for n in 0..CONTROL as u64 {
            assert_eq!(inbox.next().await, Ok(Outbound::Message(message(n))));
        }
        assert_eq!(inbox.next().await, Err(Fault::TooSlow));
    }

    #[tokio::test]
    async fn a_room_that_vanishes_is_the_servers_mistake() {
        let (outbox, mut inbox) = pair();
        drop(outbox);
        assert_eq!(inbox.next().await, Err(Fault::Internal));
        let (outbox, inbox) = pair();
        assert!(!outbox.is_gone());
        drop(inbox);
        assert!(outbox.is_gone());
        assert_eq!(outbox.control(message(1)), Ok(()), "it may come back");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_taken_over_does_nothing_any_more() {
        let (outbox, mut old) = pair();
        assert_eq!(outbox.control(message(0)), Ok(()));
        assert_eq!(old.next().await, Ok(Outbound::Message(message(0))));
        assert!(old.accept(41));
        let (new_tx, new_rx) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(async move {
            let told = old.next().await;
            old.record(&message(7));
            assert!(!old.accept(99));
            let _ = new_tx.send(());
            told
        });
        // It waits by now.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let (mut new, packets) = outbox.resume(0).expect("nothing is missing");
        assert_eq!(waiting.await.expect("no panic"), Err(Fault::TakenOver), "he who waits is woken");
        new_rx.await.expect("it tried");
        assert_eq!((packets, outbox.is_gone()), (42, false), "the old one's end is nobody's loss");
        assert_eq!(new.next().await, Ok(Outbound::Message(message(0))));
        assert_eq!(outbox.control(message(1)), Ok(()));
        assert_eq!(new.next().await, Ok(Outbound::Message(message(1))));
        assert_eq!(outbox.resume(2).map(|(_, packets)| packets), Ok(42));
        assert!(outbox.resume(3).is_err());
    }
}
