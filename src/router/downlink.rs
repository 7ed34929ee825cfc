//! What one participant is owed: what waits to be sent, and what was sent lately, in case the connection was lost with it under way.
//!
//! Pure; time is an argument. Everything is numbered as it is given to the connection, so a client that counts what it received can
//! say where to go on. Bounded: control that does not fit is an error, of audio the oldest goes first. Held by [`super::outbox`].

use std::{collections::VecDeque, time::Duration};

use crate::{
    protocol::{Frame, ServerMessage},
    time::Millis,
};

/// Control messages kept, sent or not: several minutes of lively captions, at about 300 bytes each.
pub const CONTROL: usize = 1024;

/// Packets kept, sent or not: the minute of speech that somebody in a lift may miss. About 700 KB.
pub const AUDIO: usize = 3072;

/// Packets that may wait while the connection works: 15 s, the longest clause handed over at once. A listener who is further behind
/// hears no conversation any more.
const AUDIO_WAITING: usize = 768;

/// How long what was sent is kept while the connection works. The client answers pings within 10 s, so all of it has arrived long
/// ago; a page that is loaded again counts from what it had noted. No words are kept longer than that.
const SENT_KEPT: Duration = Duration::from_secs(60);

/// What a session is given to send.
#[derive(Debug, Clone, PartialEq)]
pub enum Outbound {
    /// A control message.
    Message(ServerMessage),
    /// A packet of interpreted speech.
    Audio(Frame),
}

impl Outbound {
    fn is_audio(&self) -> bool {
        matches!(self, Outbound::Audio(_))
    }
}

/// More control messages wait than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

/// What the client misses is not kept any more, or was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing;

/// See the module.
#[derive(Debug)]
pub struct Downlink {
    /// Given to the connection, with number and time, oldest first.
    sent: VecDeque<(u64, Millis, Outbound)>,
    waiting: VecDeque<Outbound>,
    /// Number of the next item given to the connection.
    next: u64,
    /// Control messages with numbers below this are not all kept.
    forgotten: u64,
    /// Audio packets in `sent` and in `waiting`.
    audio: (usize, usize),
    /// Audio packets that may wait now: more after an absence, until the client has caught up.
    allowance: usize,
    online: bool,
}

impl Default for Downlink {
    fn default() -> Self {
        Self {
            sent: VecDeque::new(),
            waiting: VecDeque::new(),
            next: 0,
            forgotten: 0,
            audio: (0, 0),
            allowance: AUDIO_WAITING,
            online: true,
        }
    }
}

impl Downlink {
    /// Queues a control message.
    ///
    /// # Errors
    /// [`Overflow`]; nothing was queued.
    pub fn control(&mut self, message: ServerMessage) -> Result<(), Overflow> {
        if self.waiting.len() - self.audio.1 >= CONTROL {
            return Err(Overflow);
        }
        self.waiting.push_back(Outbound::Message(message));
        self.forget_control();
        Ok(())
    }

    /// Queues a packet; false when an older one had to go for it.
    pub fn media(&mut self, frame: Frame) -> bool {
        self.waiting.push_back(Outbound::Audio(frame));
        self.audio.1 += 1;
        let fits = !self.online || self.audio.1 <= self.allowance;
        if !fits || self.audio.0 + self.audio.1 > AUDIO {
            let sent = fits && self.audio.0 > 0;
            let dropped = if sent { drop_audio(&mut self.sent, |(_, _, i)| i) } else { drop_audio(&mut self.waiting, |i| i) };
            debug_assert!(dropped, "the counts are right");
            if sent {
                self.audio.0 -= 1;
                // What was sent a minute of speech ago has arrived: nothing is lost.
                return self.online;
            }
            self.audio.1 -= 1;
            return false;
        }
        true
    }

    /// The next item to send.
    pub fn take(&mut self, now: Millis) -> Option<Outbound> {
        let item = self.waiting.pop_front()?;
        if item.is_audio() {
            self.audio.1 -= 1;
            self.allowance = self.allowance.min(self.audio.1 + AUDIO_WAITING);
        }
        self.record(now, item.clone());
        Some(item)
    }

    /// Something else was, or is about to be, sent: it counts like what was taken.
    pub fn record(&mut self, now: Millis, item: Outbound) {
        self.audio.0 += usize::from(item.is_audio());
        self.sent.push_back((self.next, now, item));
        self.next += 1;
        self.forget_control();
        self.tidy(now);
    }

    /// Something was sent that counts, but makes sense on that connection only.
    pub fn count(&mut self) {
        self.next += 1;
    }

    /// Forgets what has surely arrived.
    pub fn tidy(&mut self, now: Millis) {
        while self.online && self.sent.front().is_some_and(|(_, at, _)| now > *at + SENT_KEPT) {
            self.forget_first();
        }
    }

    /// The connection is lost: everything is kept from now on, as far as it fits.
    pub fn lost(&mut self) {
        self.online = false;
    }

    /// A new connection goes on after the first `received` items.
    ///
    /// # Errors
    /// [`Missing`]; nothing changed.
    pub fn resume(&mut self, received: u64) -> Result<(), Missing> {
        if received < self.forgotten || received > self.next {
            return Err(Missing);
        }
        while let Some((number, _, item)) = self.sent.pop_back() {
            if number < received {
                break;
            }
            self.audio.1 += usize::from(item.is_audio());
            self.waiting.push_front(item);
        }
        self.sent.clear();
        self.audio.0 = 0;
        self.next = received;
        self.forgotten = received;
        self.online = true;
        self.allowance = self.audio.1 + AUDIO_WAITING;
        Ok(())
    }

    /// Sent control messages make room for those that wait.
    fn forget_control(&mut self) {
        while self.sent.len() + self.waiting.len() - self.audio.0 - self.audio.1 > CONTROL && !self.sent.is_empty() {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        match self.sent.pop_front() {
            Some((_, _, Outbound::Audio(_))) => self.audio.0 -= 1,
            Some((number, _, Outbound::Message(_))) => self.forgotten = number + 1,
            None => {}
        }
    }
}

/// Removes the oldest packet; false when there is none.
fn drop_audio<T>(queue: &mut VecDeque<T>, item: impl Fn(&T) -> &Outbound) -> bool {
    let oldest = queue.iter().position(|entry| item(entry).is_audio());
    oldest.and_then(|at| queue.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        ids::StreamId,
        protocol::{frame::Kind, message::Pong},
    };

    const T0: Millis = Millis(0);

    fn message(id: u64) -> ServerMessage {
        ServerMessage::Pong(Pong { id })
    }

    fn packet(sequence: u32) -> Frame {
        let payload = Bytes::from_static(&[0xf8]);
        let (stream, kind) = (StreamId(0), Kind::Down);
        Frame { kind, first: false, last: false, silence: false, stream, sequence, timestamp: 0, payload }
    }

    /// What an item was made from: messages and packets share one line of numbers in these tests.
    fn id(item: &Outbound) -> u64 {
        match item {
            Outbound::Message(ServerMessage::Pong(pong)) => pong.id,
            Outbound::Audio(frame) => u64::from(frame.sequence),
            other => panic!("not ours: {other:?}"),
        }
    }

    fn drained(downlink: &mut Downlink) -> Vec<u64> {
        std::iter::from_fn(|| downlink.take(T0)).map(|item| id(&item)).collect()
    }

    #[test]
    fn what_was_under_way_and_what_came_meanwhile_is_sent_once_and_in_order() {
        let mut downlink = Downlink::default();
        for n in 0..4 {
            assert_eq!(downlink.control(message(n)), Ok(()));
            assert!(downlink.media(packet(100 + n as u32)));
        }
        let sent: Vec<u64> = (0..6).filter_map(|_| downlink.take(T0)).map(|item| id(&item)).collect();
        assert_eq!(sent, [0, 100, 1, 101, 2, 102]);
        downlink.lost();
        assert_eq!(downlink.control(message(4)), Ok(()));
        // The client got four of the six.
        assert_eq!(downlink.resume(4), Ok(()));
        assert_eq!(drained(&mut downlink), [2, 102, 3, 103, 4]);
        // Lost again with all of it under way, and then with nothing.
        assert_eq!(downlink.resume(4), Ok(()));
        assert_eq!(drained(&mut downlink), [2, 102, 3, 103, 4]);
        assert_eq!(downlink.resume(9), Ok(()));
        assert_eq!(drained(&mut downlink), [0; 0]);
    }

    #[test]
    fn nobody_goes_on_where_nothing_was_or_nothing_is_kept() {
        let mut downlink = Downlink::default();
        assert_eq!(downlink.resume(1), Err(Missing), "more than was ever sent");
        for n in 0..10 {
            assert_eq!(downlink.control(message(n)), Ok(()));
        }
        drained(&mut downlink);
        assert_eq!(downlink.resume(11), Err(Missing));
        assert_eq!(downlink.resume(7), Ok(()));
        assert_eq!(drained(&mut downlink), [7, 8, 9]);
        assert_eq!(downlink.resume(6), Err(Missing), "the client had said that it has those");
    }

    #[test]
    fn the_sessions_own_messages_count() {
        let mut downlink = Downlink::default();
        assert_eq!(downlink.control(message(1)), Ok(()));
        downlink.record(T0, Outbound::Message(message(0)));
        assert_eq!(drained(&mut downlink), [1]);
        assert_eq!(downlink.resume(0), Ok(()));
        assert_eq!(drained(&mut downlink), [0, 1], "in the order in which they were written");
        downlink.count();
        assert_eq!(downlink.resume(3), Ok(()), "the farewell arrived");
        downlink.count();
        assert_eq!(downlink.control(message(3)), Ok(()));
        assert_eq!(drained(&mut downlink), [3]);
        assert_eq!(downlink.resume(3), Ok(()));
        assert_eq!(drained(&mut downlink), [3], "the farewell is not sent again");
    }

    #[test]
    fn what_was_sent_a_minute_ago_is_forgotten_but_not_while_the_connection_is_lost() {
        let mut downlink = Downlink::default();
        assert_eq!(downlink.control(message(0)), Ok(()));
        assert!(downlink.take(T0).is_some());
        downlink.tidy(Millis(60_000));
        assert_eq!(downlink.sent.len(), 1);
        downlink.lost();
        downlink.tidy(Millis(3_600_000));
        assert_eq!(downlink.resume(0), Ok(()));
        assert!(downlink.take(Millis(3_600_000)).is_some());
        downlink.tidy(Millis(3_660_001));
        assert!(downlink.sent.is_empty(), "no words are kept");
        assert_eq!(downlink.resume(0), Err(Missing));
        assert_eq!(downlink.resume(1), Ok(()));
    }

    #[test]
    fn control_that_waits_is_bounded_and_pushes_out_what_was_sent() {
        let mut downlink = Downlink::default();
        for n in 0..100 {
            assert_eq!(downlink.control(message(n)), Ok(()));
        }
        drained(&mut downlink);
        downlink.lost();
        for n in 0..CONTROL as u64 {
            assert_eq!(downlink.control(message(100 + n)), Ok(()), "{n}");
        }
        assert_eq!(downlink.control(message(0)), Err(Overflow));
        assert_eq!(downlink.resume(99), Err(Missing));
        assert_eq!(downlink.resume(100), Ok(()));
        assert_eq!(drained(&mut downlink).len(), CONTROL);
    }

    #[test]
    fn the_oldest_audio_goes_first_and_control_stays() {
        let mut downlink = Downlink::default();
        assert!(downlink.media(packet(0)));
        assert!(downlink.take(T0).is_some());
        downlink.lost();
        assert_eq!(downlink.control(message(7)), Ok(()));
        let last = AUDIO as u32 + 10;
        let lossless = (1..=last).filter(|n| downlink.media(packet(*n))).count();
        assert_eq!(lossless, AUDIO - 1);
        assert_eq!(downlink.resume(0), Ok(()));
        let first: Vec<u64> = (0..2).filter_map(|_| downlink.take(T0)).map(|item| id(&item)).collect();
        assert_eq!(first, [7, 11]);
        assert!(downlink.media(packet(last + 1)), "live speech drops nothing while the client catches up");
        assert_eq!(drained(&mut downlink), (12..=u64::from(last) + 1).collect::<Vec<_>>());
    }

    #[test]
    fn a_slow_connection_is_at_most_fifteen_seconds_behind() {
        let mut downlink = Downlink::default();
        let lossless = (0..2000).filter(|n| downlink.media(packet(*n))).count();
        assert_eq!(lossless, AUDIO_WAITING);
        assert_eq!(drained(&mut downlink), (2000 - AUDIO_WAITING as u64..2000).collect::<Vec<_>>());
    }

    /// A client that counts, over connections that break at any moment with anything under way.
    #[test]
    fn any_sequence_of_breaks_delivers_everything_once_and_in_order() {
        let mut breaks = 0;
        for seed in 0..200 {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut downlink = Downlink::default();
            let (mut made, mut under_way, mut got) = (0u64, VecDeque::new(), Vec::new());
            for step in 0..2000u64 {
                let now = Millis(step * 10);
                match rng.random_range(0..10) {
                    0..3 => {
                        if rng.random_bool(0.5) {
                            assert_eq!(downlink.control(message(made)), Ok(()));
                        } else {
                            assert!(downlink.media(packet(made as u32)));
                        }
                        made += 1;
                    }
                    3..6 => under_way.extend(downlink.take(now).map(|item| id(&item))),
                    6..9 => got.extend(under_way.pop_front()),
                    _ if rng.random_bool(0.2) => {
                        under_way.clear();
                        // A half-open connection is taken over without anybody having noticed the loss.
                        if rng.random_bool(0.5) {
                            downlink.lost();
                        }
                        assert_eq!(downlink.resume(got.len() as u64), Ok(()));
                        breaks += 1;
                    }
                    _ => {}
                }
            }
            got.extend(under_way);
            got.extend(drained(&mut downlink));
            assert_eq!(got, (0..made).collect::<Vec<_>>(), "seed {seed}");
        }
        assert!(breaks > 1000);
    }
}
